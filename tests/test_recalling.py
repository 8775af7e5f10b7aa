"""Answers that rest on more than the picture at hand."""

from __future__ import annotations

import random

import pytest

from visavis.models.training.intents import Intent, phrase, random_intent, understand
from visavis.models.training.judging import is_right
from visavis.models.training.questioner import RECALLED
from visavis.models.training.recalling import exchange, followed, opening, respond
from visavis.models.training.scenes import Card, Item, Scene, random_scene
from visavis.models.training.wording import ANSWER_WORDS, tokenize
from visavis.models.training.world import Sound, World, note_words, sound_words

CIRCLE = Item("circle", "red", 0.2, 0.5, 0.4)
STAR = Item("star", "blue", 0.8, 0.5, 0.2)
ONE = Scene("objects", (CIRCLE,))
BOTH = Scene("objects", (CIRCLE, STAR))
MIDDLE = Scene("objects", (Item("circle", "red", 0.5, 0.5, 0.4),))
CARD = Scene("card", (), Card("7"))
DARKNESS = Scene("dark")
BEEP = Sound("beep", "loud", "high")
CLAP = Sound("clap", "soft", None, 1)


@pytest.mark.parametrize(
    ("world", "question", "answer"),
    [
        (World(BOTH), "is the circle left of the star", "Yes."),
        (World(BOTH), "is the red circle to the right of the blue star", "No."),
        (World(BOTH), "is the circle left of the heart", "I don't see a heart."),
        (World(BOTH), "what is left of the star", "It is a red circle."),
        (World(BOTH), "what is left of the circle", "I see nothing."),
        (World(BOTH), "is the circle bigger than the star", "Yes."),
        (World(BOTH), "which is smaller the circle or the star", "It is a blue star."),
        (World(BOTH), "what is the biggest thing", "It is a red circle."),
        (World(DARKNESS), "is it dark", "It is dark."),
        (World(ONE), "is it dark", "It is light."),
        (World(None), "is it dark", "I can't see anything."),
        (World(None), "what is three plus four", "It is seven."),
        (World(None), "take three from eight", "It is five."),
        (World(None), "nine plus nine", "It is eighteen."),
        (World(None), "repeat after me four seven two", "You said four seven two."),
        (World(None), "tell me a joke", "That is beyond me."),
        (World(None), "what time is it", "<time>"),
        (World(None), "what's the date", "<date>"),
        (World(ONE), "remember this as my key", "<remember> key red circle"),
        (World(CARD), "this is my cup", "<remember> cup number seven"),
        (World(BOTH), "this is my cup", None),
        (World(DARKNESS), "this is my cup", "I can't see anything."),
        (World(None), "what was my key", "<recall> key"),
        (World(BOTH, asked=Intent("colour of shape", "circle")), "and the star", "It is blue."),
        (World(BOTH, asked=Intent("colour of shape", "circle")), "and the other one", "It is blue."),
        (World(BOTH, asked=Intent("shape of colour", color="red")), "no the blue one", "It is a star."),
        (World(BOTH, asked=Intent("count shape", "heart")), "what about the star", "There is one."),
        (World(BOTH, asked=Intent("where shape", "star")), "and the other one", "It is on the left."),
        (World(BOTH, asked=Intent("what at place", place="left")), "and on the right", "It is a blue star."),
        (World(BOTH), "and the star", None),
        (World(BOTH, asked=Intent("greeting")), "and the star", None),
        (World(ONE, asked=Intent("colour")), "are you sure", "I am sure."),
        (World(ONE, asked=Intent("colour"), is_hedged=True), "are you sure", "I am not sure."),
        (World(ONE), "are you sure", None),
        (World(ONE, (CARD, BOTH)), "what did i show you before this", "I saw a red circle and a blue star."),
        (World(ONE, (CARD, BOTH)), "what was the first thing", "I saw a card with the number seven."),
        (World(BOTH, (ONE,)), "what colour was it before", "It was red."),
        (World(ONE), "what did you see before", "I saw nothing."),
        (World(ONE, (MIDDLE,)), "which way did it move", "It moved to the left."),
        (World(ONE, (ONE,)), "did it move", "It did not move."),
        (World(ONE, (BOTH,)), "which way did it move", None),
        (World(BOTH, (ONE,)), "what is new", "It is a blue star."),
        (World(ONE, (BOTH,)), "what disappeared", "It was a blue star."),
        (World(ONE, (ONE,)), "what is gone", "Nothing."),
        (World(ONE, sounds=(BEEP, BEEP)), "how many beeps did you hear", "I heard two beeps."),
        (World(ONE, sounds=(BEEP,)), "how many beeps did you hear", "I heard one beep."),
        (World(ONE), "how many claps were there", "I heard none."),
        (World(ONE, (ONE,), (BEEP, CLAP)), "what was that sound", "It was a clap."),
        (World(ONE), "what did you hear", "I heard nothing."),
        (World(ONE, sounds=(BEEP,)), "was it loud or soft", "It was loud."),
        (World(ONE, sounds=(BEEP,)), "was the beep high or low", "It was high."),
        (World(ONE, (ONE,), (CLAP,)), "was it high or low", None),
        (World(BOTH, (ONE,), (BEEP,)), "what colour was it when you heard the beep", "It was red."),
        (World(BOTH, (CARD,), (BEEP,)), "what did you see when you heard the beep",
         "I saw a card with the number seven."),
        (World(BOTH, (ONE,), (BEEP,)), "did the beep come before or after the star", "It came before."),
        (World(BOTH, (ONE,), (CLAP,)), "did the clap come before or after the star", "It came after."),
    ],
)  # fmt: skip
def test_answers_a_person_would_give(world: World, question: str, answer: str | None) -> None:
    found = respond(question, world)
    assert (None if found is None else found.answer) == answer
    if found is not None:
        assert is_right(found, found.answer)
        assert set(tokenize(found.answer)) <= set(ANSWER_WORDS)
        assert not is_right(found, "It is a pink cross.")


@pytest.mark.parametrize("family", RECALLED)
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_past_is_made_up_for_every_question_about_it(family: str, split: str) -> None:
    rng = random.Random(f"{family} {split}")
    scenes = [random_scene(rng) for _ in range(60)]
    answers: set[str] = set()
    for _ in range(120):
        intent = random_intent(rng, family)
        question = phrase(intent, rng, "train" if split == "train" else "test")
        assert understand(question) == intent
        found = opening(rng, intent, rng.sample(scenes, 24))
        if found is None:
            continue
        index, world = found
        assert index < 24 and world.scene is not None
        told = exchange(intent, question, world)
        assert told is not None and is_right(told, told.answer)
        assert set(tokenize(told.answer)) <= set(ANSWER_WORDS)
        answers.add(told.answer)
    assert len(answers) >= 3


def test_a_follow_up_means_the_last_question_about_something_else() -> None:
    world = World(BOTH, asked=Intent("colour of shape", "circle"))
    assert followed(understand("and the star"), world) == Intent("colour of shape", "star")
    assert followed(understand("and on the right"), world) == Intent(
        "colour at place", place="right"
    )
    assert followed(understand("and the blue one"), world) is None


def test_notes_and_sounds_in_words() -> None:
    assert note_words(BOTH) == ("red", "circle", "left", "blue", "star", "right")
    assert note_words(CARD) == ("number", "seven")
    assert note_words(Scene("card", (), Card("Q"))) == ("letter", "Q")
    assert note_words(Scene("empty")) == ("nothing",)
    assert note_words(DARKNESS) == ("dark",)
    assert sound_words(BEEP) == ("loud", "high", "beep")
    assert sound_words(CLAP) == ("soft", "clap")
    assert {*note_words(CARD), *note_words(BOTH), "nothing", "dark"} <= set(ANSWER_WORDS)
