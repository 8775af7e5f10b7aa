"""What people ask about a picture and what the model should answer, as one small grammar.

It writes questions in many phrasings, understands its own questions again (so a spoken clip can be
paired with any scene), answers them from the facts of a scene, and judges answers by those facts.
It knows nothing about pixels, audio or tensors.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from .scenes import COLORS, LETTERS, PLACES, SHAPES, Item, Scene, items_at, place_of

Split = Literal["train", "test"]

DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DARK: Final = "I can't see anything."
NOTHING: Final = "I see nothing."
GREETING: Final = "Hello! Show me something and ask me about it."
ABILITY: Final = "I can name colours, shapes, numbers and letters, count things, and say where they are."
THANKS: Final = "You're welcome."
GOODBYE: Final = "Goodbye!"

# Ways to say a place; the first is the one used in answers.
PLACE_FORMS: Final[dict[str, tuple[str, ...]]] = {
    "left": ("on the left", "on the left side", "to the left"),
    "right": ("on the right", "on the right side", "to the right"),
    "top": ("at the top", "on top", "in the upper part"),
    "bottom": ("at the bottom", "on the bottom", "in the lower part"),
    "middle": ("in the middle", "in the centre", "at the centre"),
}

# Each topic: its family and its phrasings. (a|b|) is a choice, possibly empty. <shape>, <shapes>,
# <colour> and <place> are filled in. A phrasing that begins with * is held out of training.
TOPICS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "colour": (
        "colour",
        (
            "what colour is (this|it|that)",
            "what colour is this (thing|object|one|shape)",
            "what colour is the (thing|object|shape)",
            "what is the colour",
            "what's the colour",
            "what's the colour of (this|it|that|this thing|the thing|the object)",
            "what is the colour of (this|it|that|this thing|this object)",
            "which colour is (this|it|that)",
            "which colour do you see",
            "what colour do you see",
            "what colours do you see",
            "what colours (are there|can you see)",
            "tell me (the|its) colour",
            "tell me what colour (this|it|that) is",
            "tell me the colour of (this|it|that|this thing)",
            "can you tell me (the|its) colour",
            "can you tell me what colour (this|it|that) is",
            "can you tell me what colour i'm holding",
            "do you know what colour (this|it|that) is",
            "(could|can) you name the colour",
            "name (this|the) colour",
            "say the colour",
            "what colour are they",
            "what colour am i (showing you|holding)",
            "what colour does (this|it) have",
            "i want to know what colour (this|it) is",
            "what colour is that there",
            "the colour",
            "and the colour",
            "and what colour is (this|it)",
            "* which colour can you see",
            "* would you tell me the colour",
            "* what colour would you say (this|it) is",
            "* what's its colour",
            "* what colour have i got here",
            "* i'd like to know the colour",
            "* what colour is the thing in front of you",
        ),
    ),
    "colour of shape": (
        "colour",
        (
            "what colour is the <shape>",
            "what colour is (this|that) <shape>",
            "what's the colour of the <shape>",
            "what is the colour of (the|this|that) <shape>",
            "which colour is the <shape>",
            "which colour does the <shape> have",
            "tell me the colour of the <shape>",
            "(can|could) you tell me the colour of the <shape>",
            "tell me what colour the <shape> is",
            "do you know what colour the <shape> is",
            "what colour are the <shapes>",
            "the <shape> what colour is it",
            "and the <shape> what colour is that",
            "what colour does the <shape> have",
            "name the colour of the <shape>",
            "* what colour would you say the <shape> is",
            "* i'd like to know the colour of the <shape>",
            "* what colour is the <shape> you see",
        ),
    ),
    "colour at place": (
        "colour",
        (
            "what colour is the (thing|object|one|shape) <place>",
            "what's the colour of the (thing|object|one) <place>",
            "which colour is the (thing|object|one) <place>",
            "tell me the colour of the (thing|object|one) <place>",
            "what colour do you see <place>",
            "what colour is it <place>",
            "* which colour do you see <place>",
            "* can you name the colour of the thing <place>",
        ),
    ),
    "shape": (
        "shape",
        (
            "what shape is (this|it|that)",
            "what shape is this (thing|object|one)",
            "what shape is the (thing|object)",
            "what is the shape",
            "what's the shape",
            "what is the shape of (this|it|that|this thing|this object)",
            "what's the shape of (this|it|that|this thing|the object)",
            "which shape is (this|it|that)",
            "which shape do you see",
            "what shape do you see",
            "what shapes do you see",
            "what shapes (are there|can you see)",
            "tell me (the|its) shape",
            "tell me what shape (this|it|that) is",
            "tell me the shape of (this|it|that|this thing)",
            "can you tell me (the|its) shape",
            "can you tell me what shape (this|it|that) is",
            "do you know what shape (this|it|that) is",
            "(could|can) you name the shape",
            "name (this|the) shape",
            "say the shape",
            "what kind of shape is (this|it|that)",
            "what sort of shape is (this|it|that)",
            "what shape are they",
            "what shape am i (showing you|holding)",
            "what shape does (this|it) have",
            "i want to know what shape (this|it) is",
            "the shape",
            "and the shape",
            "and what shape is (this|it)",
            "* which shape can you see",
            "* would you tell me the shape",
            "* what shape would you say (this|it) is",
            "* what's its shape",
            "* what shape have i got here",
            "* what type of shape is (this|it)",
        ),
    ),
    "shape of colour": (
        "shape",
        (
            "what shape is the <colour> (thing|object|one)",
            "what's the shape of the <colour> (thing|object|one)",
            "what is the shape of the <colour> (thing|object|one)",
            "which shape is the <colour> (thing|one)",
            "which shape is <colour>",
            "what shape is <colour>",
            "what is <colour>",
            "what's the <colour> (thing|object|one)",
            "what is the <colour> (thing|object|one)",
            "tell me the shape of the <colour> (thing|object|one)",
            "tell me what shape the <colour> one is",
            "can you tell me what the <colour> (thing|one) is",
            "which (thing|object) is <colour>",
            "* what kind of shape is the <colour> one",
            "* name the shape of the <colour> thing",
            "* what shape does the <colour> one have",
        ),
    ),
    "shape at place": (
        "shape",
        (
            "what shape is the (thing|object|one) <place>",
            "which shape is <place>",
            "what shape is <place>",
            "what shape do you see <place>",
            "tell me the shape of the (thing|one) <place>",
            "what's the shape of the (thing|object|one) <place>",
            "* which shape do you see <place>",
            "* what kind of shape is <place>",
        ),
    ),
    "count": (
        "count",
        (
            "how many are there",
            "how many (things|objects|shapes) are there",
            "how many (things|objects|shapes) do you see",
            "how many (things|objects|shapes) can you see",
            "how many do you see",
            "how many can you see",
            "how many (things|objects) are in the picture",
            "how many (things|objects) are you seeing",
            "how many (things|objects) am i showing you",
            "how many is (this|that)",
            "how many of them are there",
            "how many of them do you see",
            "how many (things|objects|shapes)",
            "count them",
            "count (them|these) for me",
            "count the (things|objects|shapes)",
            "(can|could) you count them",
            "(can|could) you count the (things|objects|shapes)",
            "(please|) tell me how many there are",
            "tell me how many you see",
            "tell me how many (things|objects) there are",
            "can you tell me how many there are",
            "can you tell me how many (things|objects) you see",
            "what's the count",
            "and how many are there",
            "do you know how many there are",
            "* how many of these are there",
            "* how many are you seeing",
            "* would you count (them|the objects)",
            "* what number of things do you see",
            "* how many have i got here",
            "* how many objects are in front of you",
        ),
    ),
    "count shape": (
        "count",
        (
            "how many <shapes> are there",
            "how many <shapes> do you see",
            "how many <shapes> can you see",
            "how many <shapes>",
            "how many <shapes> are in the picture",
            "count the <shapes>",
            "(can|could) you count the <shapes>",
            "tell me how many <shapes> there are",
            "tell me how many <shapes> you see",
            "can you tell me how many <shapes> there are",
            "and how many <shapes> are there",
            "what's the number of <shapes>",
            "* how many <shapes> are you seeing",
            "* would you count the <shapes> for me",
            "* how many <shapes> am i showing you",
        ),
    ),
    "count colour": (
        "count",
        (
            "how many <colour> (ones|things|objects|shapes) are there",
            "how many <colour> (ones|things|objects|shapes) do you see",
            "how many <colour> (ones|things|objects) can you see",
            "how many <colour> (ones|things|objects)",
            "how many (things|objects) are <colour>",
            "how many are <colour>",
            "how many of them are <colour>",
            "count the <colour> (ones|things|objects)",
            "tell me how many <colour> (ones|things) there are",
            "* how many <colour> ones are you seeing",
            "* would you count the <colour> things",
        ),
    ),
    "count colour shape": (
        "count",
        (
            "how many <colour> <shapes> are there",
            "how many <colour> <shapes> do you see",
            "how many <colour> <shapes> can you see",
            "how many <colour> <shapes>",
            "how many <shapes> are <colour>",
            "count the <colour> <shapes>",
            "tell me how many <colour> <shapes> there are",
            "* how many <colour> <shapes> are you seeing",
            "* how many of the <shapes> are <colour>",
        ),
    ),
    "number": (
        "read",
        (
            "what number is (this|it|that)",
            "what number is on the (card|paper|sign)",
            "what number do you see",
            "what number can you see",
            "which number is (this|it|that)",
            "which number do you see",
            "which number is on the card",
            "what is (this|the|that) number",
            "what's (this|the|that) number",
            "what digit is (this|it|that)",
            "what digit do you see",
            "which digit is (this|it|that)",
            "what's the number on the (card|paper)",
            "what is the number on the card",
            "tell me the number",
            "tell me the number on the card",
            "tell me what number (this|it|that) is",
            "can you tell me the number",
            "can you tell me what number (this|it) is",
            "(can|could) you read the number",
            "(can|could) you read (this|that) number",
            "read the number",
            "read me the number",
            "read the digit",
            "name the number",
            "what number am i (showing you|holding)",
            "what number does it show",
            "do you know what number (this|it) is",
            "* which number can you see",
            "* would you read the number",
            "* what's the digit on the card",
            "* what number have i got here",
            "* what number is written on the card",
        ),
    ),
    "letter": (
        "read",
        (
            "what letter is (this|it|that)",
            "what letter is on the (card|paper|sign)",
            "what letter do you see",
            "what letter can you see",
            "which letter is (this|it|that)",
            "which letter do you see",
            "which letter is on the card",
            "what is (this|the|that) letter",
            "what's (this|the|that) letter",
            "what capital letter is (this|it|that)",
            "what's the letter on the (card|paper)",
            "what is the letter on the card",
            "tell me the letter",
            "tell me the letter on the card",
            "tell me what letter (this|it|that) is",
            "can you tell me the letter",
            "can you tell me what letter (this|it) is",
            "(can|could) you read the letter",
            "(can|could) you read (this|that) letter",
            "read the letter",
            "read me the letter",
            "name the letter",
            "what letter am i (showing you|holding)",
            "what letter does it show",
            "what letter of the alphabet is (this|it|that)",
            "do you know what letter (this|it) is",
            "* which letter can you see",
            "* would you read the letter",
            "* which letter of the alphabet do you see",
            "* what letter have i got here",
            "* what letter is written on the card",
        ),
    ),
    "read": (
        "read",
        (
            "can you read (this|it|that|the card|what it says)",
            "could you read (this|it|the card) (for me|to me|)",
            "read (this|it|the card)",
            "read (this|it|the card) (for me|to me)",
            "what does (this|it|that|the card) say",
            "what's on the (card|paper|sign)",
            "what is on the (card|paper|sign)",
            "what's written (here|there|on the card|on it)",
            "what is written (here|there|on the card|on it)",
            "what do you read",
            "what does the (paper|sign) say",
            "tell me what (it|this|the card) says",
            "tell me what is on the card",
            "can you tell me what (it|the card) says",
            "* would you read (this|the card) to me",
            "* are you able to read (this|it)",
            "* what can you read here",
        ),
    ),
    "what at place": (
        "place",
        (
            "what is <place>",
            "what's <place>",
            "what is there <place>",
            "what do you see <place>",
            "what can you see <place>",
            "what (thing|object) is <place>",
            "which (thing|object|one) is <place>",
            "what's the (thing|object|one) <place>",
            "what is the (thing|object|one) <place>",
            "tell me what is <place>",
            "tell me what's <place>",
            "tell me what you see <place>",
            "can you tell me what's <place>",
            "can you see what is <place>",
            "describe the (thing|object|one) <place>",
            "and what is <place>",
            "and what's <place>",
            "do you know what is <place>",
            "* what would you say is <place>",
            "* which thing do you see <place>",
            "* could you tell me what is <place>",
            "* name the thing <place>",
        ),
    ),
    "where shape": (
        "place",
        (
            "where is the <shape>",
            "where's the <shape>",
            "where do you see the <shape>",
            "where can you see the <shape>",
            "tell me where the <shape> is",
            "can you tell me where the <shape> is",
            "(could|can) you find the <shape>",
            "find the <shape>",
            "on which side is the <shape>",
            "which side is the <shape> on",
            "what side is the <shape> on",
            "is the <shape> on the left or on the right",
            "and where is the <shape>",
            "do you know where the <shape> is",
            "where in the picture is the <shape>",
            "* where would you say the <shape> is",
            "* could you tell me where the <shape> is",
            "* whereabouts is the <shape>",
        ),
    ),
    "where colour": (
        "place",
        (
            "where is the <colour> (one|thing|object)",
            "where's the <colour> (one|thing|object)",
            "where do you see the <colour> (one|thing)",
            "where do you see <colour>",
            "tell me where the <colour> (one|thing) is",
            "find the <colour> (one|thing)",
            "which side is the <colour> (one|thing) on",
            "on which side is the <colour> (one|thing)",
            "* where would you say the <colour> one is",
            "* whereabouts is the <colour> thing",
        ),
    ),
    "where colour shape": (
        "place",
        (
            "where is the <colour> <shape>",
            "where's the <colour> <shape>",
            "where do you see the <colour> <shape>",
            "tell me where the <colour> <shape> is",
            "find the <colour> <shape>",
            "which side is the <colour> <shape> on",
            "and where is the <colour> <shape>",
            "* where would you say the <colour> <shape> is",
            "* whereabouts is the <colour> <shape>",
        ),
    ),
    "exists shape": (
        "exists",
        (
            "is there a <shape>",
            "is there a <shape> in the picture",
            "do you see a <shape>",
            "can you see a <shape>",
            "is (this|that|it) a <shape>",
            "are there any <shapes>",
            "do you see any <shapes>",
            "can you see any <shapes>",
            "is there any <shape>",
            "do you see the <shape>",
            "can you see the <shape>",
            "tell me if there is a <shape>",
            "tell me if you see a <shape>",
            "have you got a <shape> there",
            "am i (showing you|holding) a <shape>",
            "is one of them a <shape>",
            "* are you seeing a <shape>",
            "* would you say there is a <shape>",
            "* could you tell me if there is a <shape>",
            "* are there <shapes> in the picture",
        ),
    ),
    "exists colour": (
        "exists",
        (
            "is there anything <colour>",
            "is anything <colour>",
            "is there something <colour>",
            "is there a <colour> (one|thing|object)",
            "do you see anything <colour>",
            "do you see something <colour>",
            "do you see a <colour> (one|thing|object)",
            "can you see anything <colour>",
            "can you see a <colour> (one|thing|object)",
            "are there any <colour> (ones|things|objects)",
            "do you see any <colour> (ones|things)",
            "is (this|it|that) <colour>",
            "is this a <colour> (one|thing|object)",
            "is one of them <colour>",
            "tell me if you see something <colour>",
            "* are you seeing anything <colour>",
            "* would you say there is something <colour>",
            "* are there <colour> things in the picture",
        ),
    ),
    "exists colour shape": (
        "exists",
        (
            "is there a <colour> <shape>",
            "is there a <colour> <shape> in the picture",
            "do you see a <colour> <shape>",
            "can you see a <colour> <shape>",
            "is (this|it|that) a <colour> <shape>",
            "are there any <colour> <shapes>",
            "do you see any <colour> <shapes>",
            "can you see any <colour> <shapes>",
            "do you see the <colour> <shape>",
            "tell me if there is a <colour> <shape>",
            "is one of them a <colour> <shape>",
            "am i holding a <colour> <shape>",
            "* are you seeing a <colour> <shape>",
            "* would you say there is a <colour> <shape>",
            "* could you tell me if you see a <colour> <shape>",
        ),
    ),
    "exists anything": (
        "exists",
        (
            "is there anything",
            "is there anything there",
            "is there anything (here|in the picture)",
            "do you see anything",
            "do you see anything at all",
            "do you see something",
            "can you see anything",
            "can you see something",
            "can you see (this|it|that)",
            "do you see (this|it|that)",
            "am i (showing you|holding) anything",
            "* are you seeing anything",
            "* is there something in the picture",
        ),
    ),
    "describe": (
        "describe",
        (
            "what do you see",
            "what can you see",
            "what do you see (here|there|now)",
            "what can you see (here|there|now)",
            "what do you see in the picture",
            "what is in the picture",
            "what's in the picture",
            "what is (this|that|it)",
            "what's (this|that)",
            "what is (here|there)",
            "what's there",
            "what's here",
            "what is it that you see",
            "what am i (showing you|holding)",
            "what am i holding up",
            "what are you seeing",
            "what are you looking at",
            "what have i got here",
            "tell me what you see",
            "tell me what this is",
            "tell me what is there",
            "can you tell me what you see",
            "can you tell me what this is",
            "can you describe (it|this|the picture)",
            "describe what you see",
            "describe (it|this|the picture)",
            "describe the picture for me",
            "do you know what this is",
            "look at this what is it",
            "name what you see",
            "name everything you see",
            "so what do you see",
            "and what do you see now",
            "* could you tell me what you see",
            "* what would you say this is",
            "* what's in front of you",
            "* what is in front of the camera",
            "* would you describe what you see",
            "* what things do you see",
        ),
    ),
    "greeting": (
        "greeting",
        (
            "hello",
            "hello there",
            "hi",
            "hi there",
            "hey",
            "hey there",
            "good morning",
            "good afternoon",
            "good evening",
            "good day",
            "hello how are you",
            "hi how are you",
            "how are you",
            "how are you doing",
            "how's it going",
            "nice to meet you",
            "hello nice to meet you",
            "hello can you hear me",
            "can you hear me",
            "are you there",
            "hello are you there",
            "hello hello",
            "hi hello",
            "greetings",
            "well hello",
            "hello again",
            "hi again",
            "hey how are you",
            "* hello my friend",
            "* hi are you there",
            "* good morning to you",
            "* hey hello",
            "* how are you today",
        ),
    ),
    "ability": (
        "ability",
        (
            "what can you do",
            "what can you do for me",
            "what are you able to do",
            "what can i ask you",
            "what can i ask",
            "what can i do here",
            "what do you know",
            "what do you do",
            "what should i ask you",
            "who are you",
            "what are you",
            "what's your name",
            "what is your name",
            "tell me what you can do",
            "tell me about yourself",
            "can you tell me what you can do",
            "how can you help me",
            "how do you work",
            "how does this work",
            "how can i use you",
            "can you help me",
            "help",
            "help me",
            "i need help",
            "what are you good at",
            "what can you help me with",
            "what kind of questions can i ask",
            "* which questions can i ask you",
            "* explain what you can do",
            "* what are you here for",
            "* what else can you do",
            "* what could i ask you",
        ),
    ),
    "thanks": (
        "thanks",
        (
            "thank you",
            "thanks",
            "thank you very much",
            "thank you so much",
            "thanks a lot",
            "many thanks",
            "thanks very much",
            "thanks so much",
            "great thank you",
            "great thanks",
            "okay thank you",
            "okay thanks",
            "good thank you",
            "perfect thank you",
            "perfect thanks",
            "well done",
            "well done thank you",
            "good job",
            "good job thank you",
            "very good thank you",
            "very good",
            "that's right",
            "that's right thank you",
            "thanks for that",
            "thank you for that",
            "thank you for your help",
            "thanks for your help",
            "cheers",
            "* thank you my friend",
            "* thanks that was good",
            "* right thank you",
            "* lovely thank you",
        ),
    ),
    "goodbye": (
        "goodbye",
        (
            "goodbye",
            "bye",
            "bye bye",
            "okay bye",
            "okay goodbye",
            "see you",
            "see you later",
            "see you soon",
            "see you tomorrow",
            "see you next time",
            "goodbye for now",
            "bye for now",
            "good night",
            "that's all goodbye",
            "that's all thank you goodbye",
            "thanks bye",
            "thank you goodbye",
            "thank you bye",
            "i have to go goodbye",
            "i have to go now",
            "i'm leaving now goodbye",
            "have a nice day",
            "have a good day goodbye",
            "take care",
            "take care bye",
            "talk to you later",
            "until next time",
            "well goodbye then",
            "* bye see you",
            "* goodbye my friend",
            "* bye have a good day",
            "* goodbye and thanks",
        ),
    ),
}

# Speech that is meant for somebody else: a beginning, a doing, an end. Never a question to us.
_CHATTER: Final[dict[Split, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    "train": (
        (
            "well then i said to him", "and then she told me", "my brother says", "i think that",
            "they said on the radio", "he was telling her", "we were saying that", "yeah i know",
            "no no listen", "you won't believe it", "as i was saying", "mum said", "i told my sister",
            "last week", "the other day", "on monday", "after lunch", "in the summer", "yesterday",
            "my neighbour heard", "somebody said", "she wrote that", "honestly", "apparently",
        ),
        (
            "the train was late", "we went to the shop", "dinner is ready", "it rained all day",
            "the dog ran away", "they are building a new road", "he bought some bread",
            "the meeting went on for hours", "she lost her keys", "we should call the doctor",
            "the bus never came", "i left my coat at work", "they painted the kitchen",
            "the team won the match", "the children are asleep", "the price of milk went up",
            "he plays the piano very well", "we had soup and a sandwich", "the car needs new tyres",
            "there was a long queue", "the phone kept ringing", "i'll be home by seven",
            "the garden is full of flowers", "he never answers his letters", "turn left at the church",
            "she bought two tickets", "the red team was better", "it was a beautiful blue sky",
        ),
        (
            "", "", "", "you know", "i suppose", "so that was that", "and so on", "what a day",
            "can you imagine", "it was so funny", "anyway", "i don't mind", "for the third time",
            "with his friends", "before it got dark", "and nobody noticed", "as usual", "of course",
        ),
    ),
    "test": (
        (
            "so he goes", "i heard that", "grandma always said", "in the morning", "she thought",
            "according to the news", "my boss wrote", "between you and me",
        ),
        (
            "the baker is closed on sundays", "we missed the last ferry", "the cat sat by the window",
            "they sold the old house", "the film was too long", "he forgot to water the plants",
            "it snowed in the mountains", "the soup needs more salt", "three of them came too late",
        ),
        ("", "", "to be fair", "or something like that", "can you believe it", "that's life"),
    ),
}

# Words people put before and after; kept few, so the question itself stays the signal.
_BEFORE: Final = ("hey", "okay", "so", "now", "um", "please", "and now", "excuse me", "all right")
_AFTER: Final = ("please", "now", "then", "for me please")
_VISUAL: Final = frozenset(("colour", "shape", "count", "read", "place", "exists", "describe"))
# Share of each family among questions asked without looking at a scene.
_FAMILY_WEIGHT: Final[dict[str, float]] = {
    "colour": 0.17, "shape": 0.11, "count": 0.17, "read": 0.13, "place": 0.14, "exists": 0.11,
    "describe": 0.08, "greeting": 0.02, "ability": 0.015, "thanks": 0.015, "goodbye": 0.015,
    "chatter": 0.035,
}  # fmt: skip
_TOPIC_WEIGHT: Final[dict[str, float]] = {
    "colour": 2.5, "colour of shape": 1.0, "colour at place": 0.5, "shape": 2.5,
    "shape of colour": 0.8, "shape at place": 0.5, "count": 2.0, "count shape": 1.0,
    "count colour": 0.6, "count colour shape": 0.3, "number": 1.0, "letter": 1.0, "read": 0.5,
    "what at place": 1.5, "where shape": 1.0, "where colour": 0.5, "where colour shape": 0.4,
    "exists shape": 1.0, "exists colour": 0.8, "exists colour shape": 1.0, "exists anything": 0.3,
}  # fmt: skip

FAMILIES: Final = tuple(_FAMILY_WEIGHT)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a question wants: its topic (a key of TOPICS, or "chatter") and what it names."""

    topic: str
    shape: str | None = None
    color: str | None = None
    place: str | None = None

    @property
    def family(self) -> str:
        """The family whose accuracy this question counts towards."""
        return "chatter" if self.topic == "chatter" else TOPICS[self.topic][0]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question in its spoken form and the answer a person would give, with the fact it rests on.

    `key` is what a right answer must state: "red", "red blue", "three", "B", "left", "yes",
    "red circle, blue star" (a description), "can't" (dark or camera off), "nothing",
    "no star" (it asked for what is not there), or "" where silence is right.
    """

    question: str
    answer: str
    family: str
    key: str


# --- questions ------------------------------------------------------------------------------


def _expand(pattern: str) -> Iterator[str]:
    match = re.search(r"\(([^()]*)\)", pattern)
    if match is None:
        yield " ".join(pattern.split())
        return
    for choice in match.group(1).split("|"):
        yield from _expand(pattern[: match.start()] + choice + pattern[match.end() :])


@cache
def phrasings(topic: str, split: Split) -> tuple[tuple[str, ...], ...]:
    """The phrasings of a topic, slots unfilled, grouped by the pattern they were written as."""
    held_out = split == "test"
    return tuple(
        tuple(_expand(pattern.removeprefix("*")))
        for pattern in TOPICS[topic][1]
        if pattern.startswith("*") == held_out
    )


@cache
def _topics_of(family: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    topics = tuple(topic for topic, (owner, _) in TOPICS.items() if owner == family)
    return topics, tuple(_TOPIC_WEIGHT.get(topic, 1.0) for topic in topics)


@cache
def _grammar() -> dict[str, str]:
    """Phrasing with unfilled slots → topic, over both splits."""
    return {
        text: topic
        for topic in TOPICS
        for split in ("train", "test")
        for group in phrasings(topic, split)
        for text in group
    }


def plural(shape: str) -> str:
    """The plural of a shape's name."""
    return "crosses" if shape == "cross" else f"{shape}s"


_SINGULAR: Final = {plural(shape): shape for shape in SHAPES}
_PLACE_WORDS: Final = tuple(
    sorted(
        ((form, place) for place, forms in PLACE_FORMS.items() for form in forms),
        key=lambda pair: -len(pair[0]),
    )
)
_SLOT: Final = re.compile(
    r"\b(?:(?P<place>" + "|".join(form for form, _ in _PLACE_WORDS) + r")"
    r"|(?P<shapes>" + "|".join(_SINGULAR) + r")|(?P<shape>" + "|".join(SHAPES) + r")"
    r"|(?P<colour>" + "|".join(COLORS) + r"))\b"
)
_PLACE_OF_FORM: Final = dict(_PLACE_WORDS)


def _article(text: str) -> str:
    return text.replace("a orange", "an orange")


def _phrase(intent: Intent, rng: random.Random, split: Split) -> str:
    if intent.topic == "chatter":
        head, body, tail = _CHATTER[split]
        parts = (rng.choice(head) if rng.random() < 0.7 else "", rng.choice(body), rng.choice(tail))
        return " ".join(part for part in parts if part)
    text = rng.choice(rng.choice(phrasings(intent.topic, split)))
    if "<place>" in text and intent.place is not None:
        forms = PLACE_FORMS[intent.place]
        text = text.replace("<place>", rng.choices(forms, (5, *(1,) * (len(forms) - 1)))[0])
    if intent.shape is not None:
        text = text.replace("<shapes>", plural(intent.shape)).replace("<shape>", intent.shape)
    if intent.color is not None:
        text = text.replace("<colour>", intent.color)
    if intent.family in _VISUAL:
        if rng.random() < 0.08:
            text = f"{rng.choice(_BEFORE)} {text}"
        if rng.random() < 0.05:
            text = f"{text} {rng.choice(_AFTER)}"
    return _article(text)


def _random_intent(rng: random.Random, family: str) -> Intent:
    if family == "chatter":
        return Intent("chatter")
    topics, weights = _topics_of(family)
    topic = rng.choices(topics, weights)[0]
    return Intent(
        topic,
        shape=rng.choice(SHAPES) if re.search(r"\bshape$", topic) and topic not in _PLAIN else None,
        color=rng.choice(COLORS) if _names_colour(topic) else None,
        place=rng.choice(PLACES) if topic.endswith("place") else None,
    )


_PLAIN: Final = frozenset(("colour", "shape"))


def _names_colour(topic: str) -> bool:
    return topic.endswith(("of colour", "colour shape")) or topic in (
        "count colour",
        "where colour",
        "exists colour",
    )


def question_text(rng: random.Random, split: Split = "train") -> str:
    """One thing a person might say, in spoken form: only a–z, apostrophe and space."""
    family = rng.choices(FAMILIES, tuple(_FAMILY_WEIGHT.values()))[0]
    return _phrase(_random_intent(rng, family), rng, split)


def understand(question: str) -> Intent:
    """What a question of this grammar (normalised, either split) asks; anything else is chatter."""
    text = question.replace("an orange", "a orange")
    found: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        found["shape" if kind == "shapes" else kind] = match.group()
        return f"<{kind}>"

    for candidate in _without_fillers(text):
        topic = _grammar().get(candidate)  # "is it on the left or on the right" has no slot
        if topic is not None:
            return Intent(topic)
        found.clear()
        topic = _grammar().get(_SLOT.sub(name, candidate))
        if topic is None:
            found.clear()
            topic = _grammar().get(_without_place(candidate, name))
        if topic is not None:
            shape = found.get("shape")
            place = found.get("place")
            return Intent(
                topic,
                shape=_SINGULAR.get(shape, shape) if shape else None,
                color=found.get("colour"),
                place=_PLACE_OF_FORM[place] if place else None,
            )
    return Intent("chatter")


_SLOT_NO_PLACE: Final = re.compile(
    r"\b(?:(?P<shapes>" + "|".join(_SINGULAR) + r")|(?P<shape>" + "|".join(SHAPES) + r")"
    r"|(?P<colour>" + "|".join(COLORS) + r"))\b"
)


def _without_place(text: str, name: Callable[[re.Match[str]], str]) -> str:
    return _SLOT_NO_PLACE.sub(name, text)


def _without_fillers(text: str) -> Iterator[str]:
    yield text
    heads = [text, *(text.removeprefix(f"{word} ") for word in _BEFORE if text.startswith(f"{word} "))]
    for head in heads:
        yield head
        for word in _AFTER:
            if head.endswith(f" {word}"):
                yield head.removesuffix(f" {word}")


# --- answers --------------------------------------------------------------------------------


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"


def _unique(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _by_reading(items: Sequence[Item]) -> list[Item]:
    """Left to right, and top to bottom where two are in the same column."""
    return sorted(items, key=lambda item: (round(item.x * 8), item.y))


def _groups(items: Sequence[Item]) -> list[tuple[str, str, int]]:
    """Alike objects together: (colour, shape, how many), in reading order."""
    counts = Counter((item.color, item.shape) for item in _by_reading(items))
    return [(color, shape, n) for (color, shape), n in counts.items()]


def _symbol(symbol: str) -> tuple[str, str]:
    """A card's symbol as it is spoken ("the number seven") and its key ("seven", or "B")."""
    if symbol.isdigit():
        word = DIGITS[int(symbol)]
        return f"the number {word}", word
    return f"the letter {symbol}", symbol


def _describe(scene: Scene) -> tuple[str, str]:
    if scene.card is not None:
        spoken, key = _symbol(scene.card.symbol)
        return f"I see a card with {spoken}.", key
    if not scene.items:
        return NOTHING, "nothing"
    phrases = [
        _a(f"{color} {shape}") if n == 1 else f"{DIGITS[n]} {color} {plural(shape)}"
        for color, shape, n in _groups(scene.items)
    ]
    key = ", ".join(f"{color} {shape}" for color, shape, n in _groups(scene.items) for _ in range(n))
    return f"I see {_join(phrases)}.", key


def _missing(intent: Intent) -> tuple[str, str]:
    """The answer where what the question names is not there."""
    if intent.shape is not None:
        named = f"{intent.color} {intent.shape}" if intent.color else intent.shape
        return f"I don't see {_a(named)}.", f"no {named}"
    if intent.color is not None:
        return f"I don't see anything {intent.color}.", f"no {intent.color}"
    where = PLACE_FORMS[intent.place or "middle"][0]
    return f"I see nothing {where}.", f"no {intent.place}"


def _colour_answer(items: Sequence[Item]) -> tuple[str, str]:
    colors = _unique([item.color for item in _by_reading(items)])
    if len(colors) > 1:
        return f"I see {_join(colors)}.", " ".join(colors)
    return (f"It is {colors[0]}." if len(items) == 1 else f"They are {colors[0]}."), colors[0]


def _shape_answer(items: Sequence[Item]) -> tuple[str, str]:
    shapes = _unique([item.shape for item in _by_reading(items)])
    if len(shapes) == 1:
        one = len(items) == 1
        return (f"It is {_a(shapes[0])}." if one else f"They are {plural(shapes[0])}."), shapes[0]
    counts = Counter(item.shape for item in items)
    phrases = [_a(s) if counts[s] == 1 else f"{DIGITS[counts[s]]} {plural(s)}" for s in shapes]
    return f"I see {_join(phrases)}.", " ".join(shapes)


def _count_answer(n: int) -> tuple[str, str]:
    if n == 0:
        return "There are none.", "none"
    return ("There is one.", "one") if n == 1 else (f"There are {DIGITS[n]}.", DIGITS[n])


def _matching(intent: Intent, scene: Scene) -> list[Item]:
    return [
        item
        for item in scene.items
        if intent.shape in (None, item.shape) and intent.color in (None, item.color)
    ]


def _read_answer(intent: Intent, scene: Scene) -> tuple[str, str] | None:
    if scene.card is None:
        wanted = "card" if intent.topic == "read" else intent.topic
        return f"I don't see {_a(wanted)}.", f"no {wanted}"
    symbol = scene.card.symbol
    twins = symbol in "0O1I"
    if twins and (intent.topic == "read" or symbol.isdigit() != (intent.topic == "number")):
        return None  # nobody can tell 0 from O or 1 from I unless the question says which
    spoken, key = _symbol(symbol)
    return f"It is {spoken}.", key


def _fact(intent: Intent, scene: Scene) -> tuple[str, str] | None:
    """The answer and its key for a lit scene, or None where a person could not answer fairly."""
    family = intent.family
    if family == "read":
        return _read_answer(intent, scene)
    if family == "describe":
        if scene.card is not None and scene.card.symbol in "0O1I":
            return None
        return _describe(scene)
    if intent.topic == "exists anything":
        seen = bool(scene.items) or scene.card is not None
        return ("Yes.", "yes") if seen else ("No.", "no")
    if scene.card is not None:  # a card's own colour and shape are not asked about
        return None
    matching = _matching(intent, scene)
    if family == "exists":
        return ("Yes.", "yes") if matching else ("No.", "no")
    if family == "count":
        return _count_answer(len(matching))
    if not scene.items and intent.shape is None and intent.color is None and intent.place is None:
        return NOTHING, "nothing"
    if intent.place is not None:
        there = items_at(scene, intent.place)
        if there is None:
            return None
        matching = list(there)
    if not matching:
        return _missing(intent)
    if family == "colour":
        return _colour_answer(matching)
    if family == "shape":
        return _shape_answer(matching)
    if intent.topic == "what at place":
        item = matching[0]
        return f"It is {_a(f'{item.color} {item.shape}')}.", f"{item.color} {item.shape}"
    place = place_of(scene, matching[0]) if len(matching) == 1 else None
    return None if place is None else (f"It is {PLACE_FORMS[place][0]}.", place)


_SOCIAL: Final[dict[str, tuple[str, str]]] = {
    "greeting": (GREETING, "hello"),
    "ability": (ABILITY, "colours"),
    "thanks": (THANKS, "welcome"),
    "goodbye": (GOODBYE, "goodbye"),
    "chatter": ("", ""),
}


def respond(question: str, scene: Scene | None) -> Exchange | None:
    """Answer a question of this grammar about a scene (None: camera off).

    Returns None where a person could not answer fairly from the picture (an object between two
    places, a bare circle on a card that may be 0 or O): such a pair should not be used.
    """
    return _exchange(understand(question), question, scene)


def _exchange(intent: Intent, question: str, scene: Scene | None) -> Exchange | None:
    social = _SOCIAL.get(intent.family)
    if social is not None:
        return Exchange(question, social[0], intent.family, social[1])
    if scene is None or scene.is_dark:
        return Exchange(question, DARK, "dark", "can't")
    fact = _fact(intent, scene)
    return None if fact is None else Exchange(question, fact[0], intent.family, fact[1])


def pair(
    question: str, scenes: Sequence[Scene | None], rng: random.Random
) -> tuple[int, Exchange] | None:
    """Choose a scene for a question such that the answers come out balanced.

    Of the candidates (32 or more are wise) it first draws an answer key evenly, giving "I don't
    see a star" and "I can't see" a smaller share, then a scene with that key. Returns the index of the
    scene and the exchange, or None where no candidate fits.
    """
    intent = understand(question)
    by_key: dict[str, list[tuple[int, Exchange]]] = {}
    for index, scene in enumerate(scenes):
        exchange = _exchange(intent, question, scene)
        if exchange is not None:
            by_key.setdefault(_balance_class(exchange), []).append((index, exchange))
    if not by_key:
        return None
    keys = list(by_key)
    weights = [_share(key) for key in keys]
    return rng.choice(by_key[rng.choices(keys, weights)[0]])


def _balance_class(exchange: Exchange) -> str:
    if exchange.family == "describe":
        return f"{exchange.key.count(',')} of them"
    if exchange.key.startswith("no "):
        return "missing"
    if exchange.family in ("colour", "shape") and " " in exchange.key:
        return "several"
    return exchange.key.split()[0] if exchange.key else ""


def _share(key: str) -> float:
    return {"can't": 0.25, "nothing": 0.25, "missing": 0.5, "several": 2.0}.get(key, 1.0)


# Family weights of a question asked about a scene that is already there.
_ABOUT_ITEMS: Final[dict[str, float]] = {
    "colour": 0.20, "shape": 0.14, "count": 0.17, "place": 0.17, "exists": 0.15, "describe": 0.09,
    "read": 0.03, "greeting": 0.01, "ability": 0.007, "thanks": 0.007, "goodbye": 0.007,
    "chatter": 0.02,
}  # fmt: skip
_ABOUT_CARD: Final[dict[str, float]] = {
    "read": 0.82, "describe": 0.08, "exists": 0.03, "greeting": 0.01, "ability": 0.01,
    "thanks": 0.01, "goodbye": 0.01, "chatter": 0.03,
}  # fmt: skip
# Scenes with few objects are common; asking for their number less often balances the counts.
_COUNT_WEIGHT: Final = (1.3, 0.4, 1.6, 1.9, 2.2, 3.2)


def ask(
    scene: Scene | None,
    rng: random.Random,
    split: Split = "train",
    family: str | None = None,
) -> Exchange:
    """Ask something about a scene (None: the camera is off) and give the right answer.

    `family` is one of FAMILIES. Raises ValueError where no question of that family fits the scene
    (the number on a card that a scene of objects cannot have is still a fair question; the colour
    of a card is not).
    """
    if family is not None and family not in FAMILIES:
        raise ValueError(f"family is {family!r}: use one of {', '.join(FAMILIES)}")
    for _ in range(60):
        chosen = family or _choose_family(scene, rng)
        intent = _fitting_intent(scene, rng, chosen)
        exchange = _exchange(intent, _phrase(intent, rng, split), scene)
        if exchange is not None:
            return exchange
    raise ValueError(f"no question of family {family!r} fits this scene: choose another family")


def _choose_family(scene: Scene | None, rng: random.Random) -> str:
    if scene is None or scene.is_dark:
        weights = _FAMILY_WEIGHT
    elif scene.card is not None:
        weights = _ABOUT_CARD
    else:
        weights = dict(_ABOUT_ITEMS)
        weights["count"] *= _COUNT_WEIGHT[len(scene.items)]
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


def _fitting_intent(scene: Scene | None, rng: random.Random, family: str) -> Intent:
    """A random intent whose names mostly occur in the scene (half the time for yes/no)."""
    intent = _random_intent(rng, family)
    if scene is None or scene.is_dark or family not in _VISUAL:
        return intent
    if family == "read" and scene.card is not None and intent.topic != "read":
        digit = scene.card.symbol.isdigit()
        if rng.random() < 0.9:
            return Intent("number" if digit else "letter")
    if not scene.items:
        return intent
    if family == "exists":
        return _exists_intent(scene, rng, intent)
    if rng.random() < 0.12:
        return intent
    if intent.place is not None:
        places = [p for p in (place_of(scene, item) for item in scene.items) if p is not None]
        return Intent(intent.topic, place=rng.choice(places)) if places else intent
    target = rng.choice(scene.items)
    return Intent(
        intent.topic,
        shape=target.shape if intent.shape else None,
        color=target.color if intent.color else None,
    )


def _exists_intent(scene: Scene, rng: random.Random, intent: Intent) -> Intent:
    if intent.topic == "exists anything":
        if rng.random() < 0.2:  # with objects there the answer is always yes: ask it rarely
            return intent
        intent = Intent("exists colour shape", shape=rng.choice(SHAPES), color=rng.choice(COLORS))
    target = rng.choice(scene.items)
    shape = target.shape if intent.shape else None
    color = target.color if intent.color else None
    if rng.random() < 0.5:
        return Intent(intent.topic, shape, color)
    if shape and color:  # half of it right makes the hardest "no"
        keep = rng.random()
        shape = target.shape if keep < 0.4 else rng.choice(SHAPES)
        color = target.color if 0.4 <= keep < 0.8 else rng.choice(COLORS)
        taken = {(item.color, item.shape) for item in scene.items}
        while (color, shape) in taken:
            shape, color = rng.choice(SHAPES), rng.choice(COLORS)
        return Intent(intent.topic, shape, color)
    if shape:
        absent = [s for s in SHAPES if all(item.shape != s for item in scene.items)]
        return Intent(intent.topic, shape=rng.choice(absent))
    absent = [c for c in COLORS if all(item.color != c for item in scene.items)]
    return Intent(intent.topic, color=rng.choice(absent))


# --- judging --------------------------------------------------------------------------------

_NEGATIONS: Final = frozenset(("no", "not", "none", "nothing", "don't", "zero"))
_COUNTS: Final = {**{word: n for n, word in enumerate(DIGITS)}, "a": 1, "an": 1, "another": 1}
_PAIR: Final = re.compile(
    r"\b(a|an|another|" + "|".join(DIGITS) + r")?\s*\b(" + "|".join(COLORS) + r")\s+("
    + "|".join((*_SINGULAR, *SHAPES)) + r")\b"
)  # fmt: skip


def is_right(exchange: Exchange, answer: str) -> bool:
    """Whether an answer states the exchange's key fact and contradicts none of its kind."""
    key, family = exchange.key, exchange.family
    words = _words(answer)
    if family == "chatter":
        return not words
    if not words:
        return False
    if key == "can't":
        return "can't" in words or "cannot" in words or "dark" in words
    if "can't" in words or "cannot" in words:
        return False
    if key == "nothing" or key.startswith("no "):
        return bool(_NEGATIONS & set(words))
    if family == "exists":
        return words[0] == key
    if family in ("greeting", "ability", "thanks", "goodbye"):
        return key in words
    if family == "count":
        said = {word for word in words if word in DIGITS or word in _NEGATIONS}
        return said == {key} or (key == "none" and bool(said) and said <= _NEGATIONS)
    if family == "read" or (family == "describe" and " " not in key):
        return _read_key(answer, exchange) is not None
    if _NEGATIONS & set(words):
        return False
    if family == "describe" or (family == "place" and " " in key):
        want = Counter(key.split(", "))
        return want == _named(answer)
    kinds = next(k for k in (COLORS, SHAPES, PLACES) if key.split()[0] in k)
    return {_SINGULAR.get(w, w) for w in words} & set(kinds) == set(key.split())


def _read_key(answer: str, exchange: Exchange) -> str | None:
    tokens = tokenize(answer)
    said = [t for t in tokens if t in DIGITS]
    # "I" and "A" also begin sentences: a letter counts when it is named as one or stands last.
    for before, token in zip(tokens, tokens[1:], strict=False):
        if len(token) == 1 and token in LETTERS and before in ("letter", "is", "an", "a"):
            said.append(token)
    if len(tokens) == 1 and tokens[0] in LETTERS:
        said.append(tokens[0])
    accepted = {exchange.key} | _TWINS.get(exchange.key, set())
    return exchange.key if said and set(said) <= accepted else None


_TWINS: Final[dict[str, set[str]]] = {
    "zero": {"O"}, "O": {"zero"}, "one": {"I"}, "I": {"one"},
}  # fmt: skip


def _named(answer: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for count, color, shape in _PAIR.findall(answer.lower()):
        found[f"{color} {_SINGULAR.get(shape, shape)}"] += _COUNTS.get(count, 1)
    return found


def _words(answer: str) -> list[str]:
    return re.findall(r"[a-z']+", answer.lower().replace("’", "'"))


# --- the answer vocabulary ------------------------------------------------------------------

_TOKEN: Final = re.compile(r"[A-Za-z']+|[.,!?]")


def tokenize(answer: str) -> list[str]:
    """Split an answer into words and punctuation marks; the inverse of `detokenize`."""
    return _TOKEN.findall(answer)


def detokenize(tokens: Sequence[str]) -> str:
    """Join words and punctuation marks: a space before each word but the first."""
    text = ""
    for token in tokens:
        text += token if not text or token in ".,!?" else f" {token}"
    return text


def _answer_samples() -> Iterator[str]:
    """Sentences that between them use every word an answer can have."""
    yield from (DARK, NOTHING, GREETING, ABILITY, THANKS, GOODBYE, "Yes.", "No.")
    yield "There is one. There are none. I see an orange, a red and I don't see anything."
    yield "It is the number zero. They are I see a card with the letter A."
    for place in PLACES:
        yield f"It is {PLACE_FORMS[place][0]}."
    for words in (COLORS, SHAPES, tuple(plural(shape) for shape in SHAPES), DIGITS, tuple(LETTERS)):
        yield from words


ANSWER_WORDS: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(token for sample in _answer_samples() for token in tokenize(sample))
)


# --- typed text -----------------------------------------------------------------------------

_TEENS: Final = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# One spelling per sound, so that a transcript has one right form.
_SPELLING: Final = {
    "color": "colour", "colors": "colours", "grey": "gray", "center": "centre", "ok": "okay",
    "mom": "mum", "hallo": "hello", "neighbor": "neighbour", "tires": "tyres",
}  # fmt: skip


def _spoken_number(digits: str) -> str:
    if len(digits) == 1:
        return DIGITS[int(digits)]
    if len(digits) == 2 and digits[0] != "0":
        tens, ones = int(digits[0]), int(digits[1])
        if tens == 1:
            return _TEENS[ones]
        return _TENS[tens - 2] + (f" {DIGITS[ones]}" if ones else "")
    return " ".join(DIGITS[int(digit)] for digit in digits)


def normalize(text: str) -> str:
    """Typed text in the spoken form the model knows: a–z, apostrophe and single spaces.

    Numbers become words (longer than two digits: digit by digit), accents and punctuation go,
    and American spellings become the one spelling used in transcripts ("color" → "colour").
    """
    plain = unicodedata.normalize("NFKD", text).replace("’", "'").replace("‘", "'").lower()
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = re.sub(r"[0-9]+", lambda match: f" {_spoken_number(match.group())} ", plain)
    words = (word.strip("'") for word in re.sub(r"[^a-z']+", " ", plain).split())
    return " ".join(_SPELLING.get(word, word) for word in words if word)
