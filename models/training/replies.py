"""Answers a person would give to a question of the grammar, from the facts of a picture.

What needs more than the picture (memory, sounds, the last answer) is in `recalling`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..lexicon import DATE, RECALL, REMEMBER, TIME
from .intents import VISUAL, Intent
from .phrasings import PLACE_FORMS
from .scenes import COLORS, SHAPES, Item, Scene, items_at, place_of
from .wording import (
    ABILITY,
    BEYOND,
    DIGITS,
    GOODBYE,
    GREETING,
    NOTHING,
    NUMBERS,
    SINGULAR,
    THANKS,
    a,
    join,
    plural,
)
from .world import by_reading

Fact = tuple[str, str]
"""An answer and its key."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question in its spoken form and the answer a person would give, with the fact it rests on.

    `key` is what a right answer must state: "red", "red blue", "three", "B", "left", "yes",
    "red circle, blue star" (a description), "can't" (dark or camera off), "nothing",
    "no star" (it asked for what is not there), or "" where silence is right. `rule` is the family
    by whose rule an answer is judged, where that is another one: a follow-up may ask for a colour.
    """

    question: str
    answer: str
    family: str
    key: str
    rule: str = ""


def _unique(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _groups(items: Sequence[Item]) -> list[tuple[str, str, int]]:
    """Alike objects together: (colour, shape, how many), in reading order."""
    counts = Counter((item.color, item.shape) for item in by_reading(items))
    return [(color, shape, n) for (color, shape), n in counts.items()]


def _symbol(symbol: str) -> tuple[str, str]:
    """A card's symbol as it is spoken ("the number seven") and its key ("seven", or "B")."""
    if symbol.isdigit():
        word = DIGITS[int(symbol)]
        return f"the number {word}", word
    return f"the letter {symbol}", symbol


def describe(scene: Scene) -> Fact:
    """All that is in a picture."""
    if scene.card is not None:
        spoken, key = _symbol(scene.card.symbol)
        return f"I see a card with {spoken}.", key
    if not scene.items:
        return NOTHING, "nothing"
    phrases = [
        a(f"{color} {shape}") if n == 1 else f"{DIGITS[n]} {color} {plural(shape)}"
        for color, shape, n in _groups(scene.items)
    ]
    key = ", ".join(
        f"{color} {shape}" for color, shape, n in _groups(scene.items) for _ in range(n)
    )
    return f"I see {join(phrases)}.", key


def missing(intent: Intent) -> Fact:
    """The answer where what the question names is not there."""
    if intent.shape is not None:
        named = f"{intent.color} {intent.shape}" if intent.color else intent.shape
        return f"I don't see {a(named)}.", f"no {named}"
    if intent.color is not None:
        return f"I don't see anything {intent.color}.", f"no {intent.color}"
    where = PLACE_FORMS[intent.place or "middle"][0]
    return f"I see nothing {where}.", f"no {intent.place}"


def colour_answer(items: Sequence[Item]) -> Fact:
    """The colour of some things, or their colours."""
    colors = _unique([item.color for item in by_reading(items)])
    if len(colors) > 1:
        return f"I see {join(colors)}.", " ".join(colors)
    return (f"It is {colors[0]}." if len(items) == 1 else f"They are {colors[0]}."), colors[0]


def shape_answer(items: Sequence[Item]) -> Fact:
    """The shape of some things, or how many there are of each."""
    shapes = _unique([item.shape for item in by_reading(items)])
    if len(shapes) == 1:
        one = len(items) == 1
        return (f"It is {a(shapes[0])}." if one else f"They are {plural(shapes[0])}."), shapes[0]
    counts = Counter(item.shape for item in items)
    phrases = [a(s) if counts[s] == 1 else f"{DIGITS[counts[s]]} {plural(s)}" for s in shapes]
    return f"I see {join(phrases)}.", " ".join(shapes)


def _count_answer(n: int) -> Fact:
    if n == 0:
        return "There are none.", "none"
    return ("There is one.", "one") if n == 1 else (f"There are {DIGITS[n]}.", DIGITS[n])


def matching(intent: Intent, scene: Scene) -> list[Item]:
    """The objects of a scene that a question about it is about."""
    if intent.family not in VISUAL or intent.family == "read":
        return []
    if intent.family in ("relation", "size"):
        return compared(intent, scene)
    if intent.place is not None:
        return list(items_at(scene, intent.place) or ())
    return _matching(intent, scene)


def listing(words: Sequence[str], things: Sequence[Item]) -> list[tuple[int, list[Item]]]:
    """Of an answer that lists things: the place of each word about one of them, and the objects meant.

    "I see two red stars and a heart." → the stars at "two", "red" and "stars", the heart at "a" and
    "heart". Colours alone are objects of that colour, shapes alone of that shape.
    """
    found: list[tuple[int, list[Item]]] = []
    about: list[int] = []
    color: str | None = None
    for at, word in enumerate(words):
        shape = SINGULAR.get(word, word)
        if word in COLORS:
            color = word
            is_last = (
                at + 1 == len(words) or SINGULAR.get(words[at + 1], words[at + 1]) not in SHAPES
            )
            about.append(at)
            if not is_last:
                continue
            some = [item for item in things if item.color == color]
        elif shape in SHAPES:
            about.append(at)
            some = [i for i in things if i.shape == shape and color in (None, i.color)]
        else:
            if word in DIGITS or word in ("a", "an"):
                about.append(at)
            continue
        found += [(place, some) for place in about]
        about, color = [], None
    return found


def _matching(intent: Intent, scene: Scene) -> list[Item]:
    return [
        item
        for item in scene.items
        if intent.shape in (None, item.shape) and intent.color in (None, item.color)
    ]


def _read_answer(intent: Intent, scene: Scene) -> Fact | None:
    if scene.card is None:
        wanted = "card" if intent.topic == "read" else intent.topic
        return f"I don't see {a(wanted)}.", f"no {wanted}"
    symbol = scene.card.symbol
    twins = symbol in "0O1I"
    if twins and (intent.topic == "read" or symbol.isdigit() != (intent.topic == "number")):
        return None  # nobody can tell 0 from O or 1 from I unless the question says which
    spoken, key = _symbol(symbol)
    return f"It is {spoken}.", key


def _place_answer(items: Sequence[Item]) -> Fact | None:
    place = place_of(items[0]) if len(items) == 1 else None
    return None if place is None else (f"It is {PLACE_FORMS[place][0]}.", place)


def thing_answer(item: Item) -> Fact:
    """One thing, by colour and shape."""
    return f"It is {a(f'{item.color} {item.shape}')}.", f"{item.color} {item.shape}"


def yes(is_so: bool) -> Fact:
    """Yes or no."""
    return ("Yes.", "yes") if is_so else ("No.", "no")


def fact(intent: Intent, scene: Scene) -> Fact | None:
    """The answer and its key for a lit scene, or None where a person could not answer fairly."""
    family = intent.family
    if family == "read":
        return _read_answer(intent, scene)
    if family == "describe":
        if scene.card is not None and scene.card.symbol in "0O1I":
            return None
        return describe(scene)
    if intent.topic == "exists anything":
        return yes(bool(scene.items) or scene.card is not None)
    if scene.card is not None:  # a card's own colour and shape are not asked about
        return None
    if family in ("relation", "size"):
        return _comparison(intent, scene)
    found = _matching(intent, scene)
    if family == "exists":
        return yes(bool(found))
    if family == "count":
        return _count_answer(len(found))
    if not scene.items and intent.shape is None and intent.color is None and intent.place is None:
        return NOTHING, "nothing"
    if intent.place is not None:
        there = items_at(scene, intent.place)
        if there is None:
            return None
        found = list(there)
    return missing(intent) if not found else attribute(intent, found)


def attribute(intent: Intent, items: Sequence[Item]) -> Fact | None:
    """What a question about colour, shape or place wants to know of some things."""
    if intent.family == "colour":
        return colour_answer(items)
    if intent.family == "shape":
        return shape_answer(items)
    return thing_answer(items[0]) if intent.topic == "what at place" else _place_answer(items)


# --- one thing and another ------------------------------------------------------------------


def _only(scene: Scene, shape: str | None, color: str | None) -> list[Item]:
    return _matching(Intent("exists shape", shape=shape, color=color), scene)


def compared(intent: Intent, scene: Scene) -> list[Item]:
    """The things that a comparison names, or the one it is answered with."""
    if intent.other_shape is not None:
        return _only(scene, intent.shape, intent.color) + _only(
            scene, intent.other_shape, intent.other_color
        )
    if intent.family == "size":
        outstanding = _outstanding(intent.topic, scene.items)
        return [] if outstanding is None else [outstanding]
    return _only(scene, intent.shape, intent.color)


def _comparison(intent: Intent, scene: Scene) -> Fact | None:
    one = _only(scene, intent.shape, intent.color) if intent.shape else list(scene.items)
    if not one:
        return missing(intent) if intent.shape else (NOTHING, "nothing")
    if intent.other_shape is not None:
        two = _only(scene, intent.other_shape, intent.other_color)
        if not two:
            other = Intent(intent.topic, shape=intent.other_shape, color=intent.other_color)
            return missing(other)
        if len(one) != 1 or len(two) != 1 or one == two:
            return None
        if intent.topic.startswith("which "):
            best = _outstanding(intent.topic, (one[0], two[0]))
            return None if best is None else thing_answer(best)
        holds = (_is_beside if intent.family == "relation" else _is_sized)(
            intent.topic, one[0], two[0]
        )
        return None if holds is None else yes(holds)
    if intent.family == "size":
        best = _outstanding(intent.topic, scene.items)
        return None if best is None else thing_answer(best)
    if len(one) != 1:
        return None
    topic = intent.topic.removeprefix("what ")
    around = [(_is_beside(topic, item, one[0]), item) for item in scene.items if item != one[0]]
    if any(is_so is None for is_so, _ in around):
        return None
    there = [item for is_so, item in around if is_so]
    if not there:
        return NOTHING, "nothing"
    return thing_answer(there[0]) if len(there) == 1 else None


_CLEARLY = 0.12
"""Of the picture: from here on nobody doubts that one thing is beside the other."""


def _is_beside(topic: str, one: Item, two: Item) -> bool | None:
    """Whether one thing lies that way of the other; None where it is hard to say."""
    ahead = {
        "left of": two.x - one.x,
        "right of": one.x - two.x,
        "above": two.y - one.y,
        "below": one.y - two.y,
    }[topic]
    return None if abs(ahead) < _CLEARLY else ahead > 0


_BIGGER = 1.35
"""Times the height: from here on nobody doubts which of two things is the bigger one."""


def _is_sized(topic: str, one: Item, two: Item) -> bool | None:
    ratio = one.size / two.size
    if 1 / _BIGGER < ratio < _BIGGER:
        return None
    return (ratio > 1) == (topic == "bigger")


def _outstanding(topic: str, items: Sequence[Item]) -> Item | None:
    """The biggest or smallest of several things, where there is no doubt."""
    if len(items) < 2:
        return None
    first, second = sorted(items, key=lambda item: item.size, reverse=topic == "which bigger")[:2]
    return None if _is_sized("bigger", first, second) is None else first


# --- without looking ------------------------------------------------------------------------

_SOCIAL: Final[dict[str, Fact]] = {
    "greeting": (GREETING, "hello"),
    "ability": (ABILITY, "colours"),
    "thanks": (THANKS, "welcome"),
    "goodbye": (GOODBYE, "goodbye"),
    "beyond": (BEYOND, "beyond"),
    "chatter": ("", ""),
}


def blind(intent: Intent) -> Fact | None:
    """The answer to what needs neither eyes nor memory; None for everything else."""
    if intent.family in _SOCIAL:
        return _SOCIAL[intent.family]
    if intent.family == "sum":
        one, two = (DIGITS.index(number) for number in intent.numbers)
        if intent.topic == "minus":
            one, two = max(one, two), -min(one, two)
        return f"It is {NUMBERS[one + two]}.", NUMBERS[one + two]
    if intent.family == "repeat":
        said = " ".join(intent.numbers)
        return f"You said {said}.", said
    calls = {"time": TIME, "date": DATE, "recall": f"{RECALL} {intent.name}"}
    call = calls.get(intent.topic)
    return None if call is None else (call, call)


def remembering(intent: Intent, scene: Scene) -> Fact | None:
    """The call that keeps the one thing there is to see under a name."""
    if scene.card is not None:
        value = _symbol(scene.card.symbol)[0].removeprefix("the ")
        if scene.card.symbol in "0O1I":
            return None
    elif len(scene.items) == 1:
        value = f"{scene.items[0].color} {scene.items[0].shape}"
    else:
        return None if scene.items else (NOTHING, "nothing")
    call = f"{REMEMBER} {intent.name} {value}"
    return call, call


def light_answer(scene: Scene) -> Fact:
    """Whether there is light."""
    word = "dark" if scene.is_dark else "light"
    return f"It is {word}.", word
