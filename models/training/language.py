"""What people ask about a picture and what the model should answer, as one small grammar.

It writes questions in many phrasings, understands its own questions again (so a spoken clip can be
paired with any scene), answers them from the facts of a scene, and judges answers by those facts.
It knows nothing about pixels, audio or tensors.
"""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from .phrasings import AFTER, BEFORE, CHATTER, PLACE_FORMS, TOPICS, Split
from .scenes import COLORS, LETTERS, PLACES, SHAPES, Item, Scene, items_at, place_of

DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DARK: Final = "I can't see anything."
NOTHING: Final = "I see nothing."
GREETING: Final = "Hello! Show me something and ask me about it."
ABILITY: Final = (
    "I can name colours, shapes, numbers and letters, count things, and say where they are."
)
THANKS: Final = "You're welcome."
GOODBYE: Final = "Goodbye!"

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
_NAMES: Final = (
    r"(?P<shapes>" + "|".join(_SINGULAR) + r")|(?P<shape>" + "|".join(SHAPES) + r")"
    r"|(?P<colour>" + "|".join(COLORS) + r")"
)
_PLACE_NAMES: Final = r"(?P<place>" + "|".join(form for form, _ in _PLACE_WORDS) + r")"
# With and without places: one phrasing has "on the left or on the right" as its own words.
_SLOTS: Final = (re.compile(rf"\b(?:{_PLACE_NAMES}|{_NAMES})\b"), re.compile(rf"\b(?:{_NAMES})\b"))
_PLACE_OF_FORM: Final = dict(_PLACE_WORDS)


def _phrase(intent: Intent, rng: random.Random, split: Split) -> str:
    if intent.topic == "chatter":
        head, body, tail = CHATTER[split]
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
            text = f"{rng.choice(BEFORE)} {text}"
        if rng.random() < 0.05:
            text = f"{text} {rng.choice(AFTER)}"
    return text.replace("a orange", "an orange")


def _random_intent(rng: random.Random, family: str) -> Intent:
    if family == "chatter":
        return Intent("chatter")
    topics, weights = _topics_of(family)
    topic = rng.choices(topics, weights)[0]
    return Intent(
        topic,
        shape=rng.choice(SHAPES) if _names(topic, "<shape") else None,
        color=rng.choice(COLORS) if _names(topic, "<colour>") else None,
        place=rng.choice(PLACES) if _names(topic, "<place>") else None,
    )


@cache
def _names(topic: str, slot: str) -> bool:
    return any(slot in pattern for pattern in TOPICS[topic][1])


def question_text(rng: random.Random, split: Split = "train") -> str:
    """One thing a person might say, in spoken form: only a–z, apostrophe and space."""
    family = rng.choices(FAMILIES, tuple(_FAMILY_WEIGHT.values()))[0]
    return _phrase(_random_intent(rng, family), rng, split)


@cache
def question_words(samples: int = 20_000, seed: int = 0) -> tuple[str, ...]:
    """The words people say in trained phrasings, most of them, sorted."""
    rng = random.Random(seed)
    return tuple(sorted({w for _ in range(samples) for w in question_text(rng).split()}))


def understand(question: str) -> Intent:
    """What a question of this grammar (normalised, either split) asks; anything else is chatter."""
    text = question.replace("an orange", "a orange")
    found: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        found["shape" if kind == "shapes" else kind] = match.group()
        return f"<{kind}>"

    for candidate in _without_fillers(text):
        for slots in _SLOTS:
            found.clear()
            topic = _grammar().get(slots.sub(name, candidate))
            if topic is None:
                continue
            shape, place = found.get("shape"), found.get("place")
            return Intent(
                topic,
                shape=_SINGULAR.get(shape, shape) if shape else None,
                color=found.get("colour"),
                place=_PLACE_OF_FORM[place] if place else None,
            )
    return Intent("chatter")


def _without_fillers(text: str) -> Iterator[str]:
    heads = [text]
    heads += [text.removeprefix(f"{word} ") for word in BEFORE if text.startswith(f"{word} ")]
    for head in heads:
        yield head
        yield from (head.removesuffix(f" {word}") for word in AFTER if head.endswith(f" {word}"))


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
    key = ", ".join(
        f"{color} {shape}" for color, shape, n in _groups(scene.items) for _ in range(n)
    )
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


def matching(intent: Intent, scene: Scene) -> list[Item]:
    """The objects of a scene that a question about it is about."""
    if intent.family not in _VISUAL or intent.family == "read":
        return []
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
        shape = _SINGULAR.get(word, word)
        if word in COLORS:
            color = word
            is_last = (
                at + 1 == len(words) or _SINGULAR.get(words[at + 1], words[at + 1]) not in SHAPES
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
    place = place_of(matching[0]) if len(matching) == 1 else None
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
        places = [p for p in (place_of(item) for item in scene.items) if p is not None]
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


def named_fact(exchange: Exchange, answer: str) -> str:
    """The fact an answer states where the exchange has a single one: a colour, a shape, a number, a
    symbol, a place, yes or no; "" where it states none, or several."""
    words = _words(answer)
    if exchange.family == "read":
        said = _symbols(answer)
    elif exchange.family == "exists":
        said = words[:1]
    else:
        kinds = {"colour": COLORS, "shape": SHAPES, "place": PLACES, "count": (*DIGITS, "none")}
        names = kinds.get(exchange.family, ())
        said = [_SINGULAR.get(w, w) for w in words if _SINGULAR.get(w, w) in names]
    return said[0] if len(set(said)) == 1 else ""


def _symbols(answer: str) -> list[str]:
    """Digits (as words) and letters an answer names."""
    tokens = tokenize(answer)
    said = [t for t in tokens if t in DIGITS]
    # "I" and "A" also begin sentences: a letter counts when it is named as one or stands last.
    for before, token in itertools.pairwise(tokens):
        if len(token) == 1 and token in LETTERS and before in ("letter", "is", "an", "a"):
            said.append(token)
    if len(tokens) == 1 and tokens[0] in LETTERS:
        said.append(tokens[0])
    return said


def _read_key(answer: str, exchange: Exchange) -> str | None:
    said = _symbols(answer)
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
