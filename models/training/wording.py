"""The words of answers: fixed sentences, how words are joined, and the vocabulary they make up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ..lexicon import DATE, MAYBE, NOTE, RECALL, REMEMBER, TIME
from .phrasings import PLACE_FORMS
from .scenes import COLORS, LETTERS, PLACES, SHAPES

DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBERS: Final = (
    *DIGITS, "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen",
)  # fmt: skip
"""Numbers an answer can name: sums of two digits."""

SOUNDS: Final = ("beep", "clap", "whistle", "hum")
LEVELS: Final = ("loud", "soft")
PITCHES: Final = ("high", "low")
BELONGINGS: Final = ("key", "cup", "bag", "phone", "book", "box", "toy", "ball", "hat", "pen")
"""Things of one's own that the agent can be asked to remember."""

DARK: Final = "I can't see anything."
NOTHING: Final = "I see nothing."
GREETING: Final = "Hello! Show me something and ask me about it."
ABILITY: Final = (
    "I can name colours, shapes, numbers and letters, count things, and say where they are."
)
THANKS: Final = "You're welcome."
GOODBYE: Final = "Goodbye!"
BEYOND: Final = "That is beyond me."
SURE: Final = "I am sure."
UNSURE: Final = "I am not sure."


def plural(word: str) -> str:
    """The plural of a shape's or sound's name."""
    return "crosses" if word == "cross" else f"{word}s"


SINGULAR: Final = {plural(word): word for word in (*SHAPES, *SOUNDS)}
"""Plural of a shape or sound → its name."""


def a(word: str) -> str:
    """With the indefinite article."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def join(parts: Sequence[str]) -> str:
    """One, two and three."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"


_TOKEN: Final = re.compile(r"<[a-z]+>|[A-Za-z']+|[.,!?]")


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
    yield from (BEYOND, SURE, UNSURE, MAYBE, NOTE, TIME, DATE, REMEMBER, RECALL)
    yield from (*NUMBERS, *SOUNDS, *(plural(sound) for sound in SOUNDS), *LEVELS, *PITCHES)
    yield from BELONGINGS
    yield "It is dark. It is light. You said. I saw nothing before. It was. I heard two beeps."
    yield "They were. I heard none. It moved to the left. It moved up. It moved down. It did not move. Nothing."
    yield "It came before. It came after. The bigger, smaller."


ANSWER_WORDS: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(token for sample in _answer_samples() for token in tokenize(sample))
)
