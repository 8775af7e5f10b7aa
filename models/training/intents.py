"""What people ask: questions in many phrasings, as one small grammar that also understands its own
questions again (so a spoken clip can be paired with any scene).

It knows nothing about pixels, audio or tensors.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from .phrasings import AFTER, BEFORE, CHATTER, PLACE_FORMS, TOPICS, Split
from .scenes import COLORS, PLACES, SHAPES
from .wording import BELONGINGS, DIGITS, SINGULAR, SOUNDS, plural

VISUAL: Final = frozenset(
    ("colour", "shape", "count", "read", "place", "exists", "describe", "relation", "size")
)
"""Families about the picture at hand."""

WORLDLY: Final = frozenset(("follow-up", "sure", "memory", "motion", "change", "sound", "both"))
"""Families about what was before, what was heard, or the last answer."""

# Share of each family among questions asked without looking at a scene.
FAMILY_WEIGHT: Final[dict[str, float]] = {
    "colour": 0.13, "shape": 0.09, "count": 0.13, "read": 0.10, "place": 0.10, "exists": 0.085,
    "describe": 0.07, "greeting": 0.02, "ability": 0.015, "thanks": 0.015, "goodbye": 0.015,
    "chatter": 0.035, "relation": 0.055, "size": 0.045, "light": 0.015, "sum": 0.035,
    "repeat": 0.03, "beyond": 0.025, "follow-up": 0.045, "sure": 0.01, "memory": 0.045,
    "motion": 0.02, "change": 0.025, "sound": 0.045, "both": 0.035, "tool": 0.04,
}  # fmt: skip
_TOPIC_WEIGHT: Final[dict[str, float]] = {
    "colour": 2.5, "colour of shape": 1.0, "colour at place": 0.5, "shape": 2.5,
    "shape of colour": 0.8, "shape at place": 0.5, "count": 2.0, "count shape": 1.0,
    "count colour": 0.6, "count colour shape": 0.3, "number": 1.0, "letter": 1.0, "read": 0.5,
    "what at place": 1.5, "where shape": 1.0, "where colour": 0.5, "where colour shape": 0.4,
    "exists shape": 1.0, "exists colour": 0.8, "exists colour shape": 1.0, "exists anything": 0.3,
}  # fmt: skip

FAMILIES: Final = tuple(FAMILY_WEIGHT)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a question wants: its topic (a key of TOPICS, or "chatter") and what it names.

    `other_shape` and `other_color` are of the second thing where it names two; `name` is a kind of
    sound, or a thing of one's own.
    """

    topic: str
    shape: str | None = None
    color: str | None = None
    place: str | None = None
    other_shape: str | None = None
    other_color: str | None = None
    numbers: tuple[str, ...] = ()
    name: str | None = None

    @property
    def family(self) -> str:
        """The family whose accuracy this question counts towards."""
        return "chatter" if self.topic == "chatter" else TOPICS[self.topic][0]


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


_PLACE_WORDS: Final = tuple(
    sorted(
        ((form, place) for place, forms in PLACE_FORMS.items() for form in forms),
        key=lambda pair: -len(pair[0]),
    )
)
_NAMES: Final = (
    r"(?P<shapes>" + "|".join(map(plural, SHAPES)) + r")|(?P<shape>" + "|".join(SHAPES) + r")"
    r"|(?P<colour>" + "|".join(COLORS) + r")|(?P<sounds>" + "|".join(map(plural, SOUNDS)) + r")"
    r"|(?P<sound>" + "|".join(SOUNDS) + r")|(?<=my )(?P<name>" + "|".join(BELONGINGS) + r")"
)
_PLACE_NAMES: Final = r"(?P<place>" + "|".join(form for form, _ in _PLACE_WORDS) + r")"
_NUMBERS: Final = r"(?P<digit>" + "|".join(DIGITS) + r")"
# With and without places and numbers: phrasings have "on the left or on the right" and "the other
# one" as their own words.
_SLOTS: Final = tuple(
    re.compile(rf"\b(?:{names})\b")
    for names in (f"{_PLACE_NAMES}|{_NAMES}", _NAMES, f"{_NAMES}|{_NUMBERS}")
)
_PLACE_OF_FORM: Final = dict(_PLACE_WORDS)
_ROW_OF_DIGITS: Final = re.compile(r"<digit>(?: <digit>)+")


def _filled(text: str, intent: Intent, rng: random.Random) -> str:
    """A phrasing with its slots filled, the first of a kind before the second."""
    if "<place>" in text and intent.place is not None:
        forms = PLACE_FORMS[intent.place]
        text = text.replace("<place>", rng.choices(forms, (5, *(1,) * (len(forms) - 1)))[0])
    for shape in (intent.shape, intent.other_shape):
        if shape is not None:
            text = text.replace("<shapes>", plural(shape), 1).replace("<shape>", shape, 1)
    for color in (intent.color, intent.other_color):
        if color is not None:
            text = text.replace("<colour>", color, 1)
    text = text.replace("<digits>", " ".join(intent.numbers))
    for number in intent.numbers:
        text = text.replace("<digit>", number, 1)
    if intent.name is not None:
        other = rng.choice([sound for sound in SOUNDS if sound != intent.name])
        text = text.replace("<name>", intent.name).replace("<sounds>", plural(intent.name))
        text = text.replace("<sound>", intent.name, 1).replace("<sound>", other, 1)
    return text.replace("a orange", "an orange")


def phrase(intent: Intent, rng: random.Random, split: Split) -> str:
    """One way to say it, in spoken form: only a–z, apostrophe and space."""
    if intent.topic == "chatter":
        head, body, tail = CHATTER[split]
        parts = (rng.choice(head) if rng.random() < 0.7 else "", rng.choice(body), rng.choice(tail))
        return " ".join(part for part in parts if part)
    groups = phrasings(intent.topic, split)
    fitting = tuple(g for g in ([t for t in group if _fits(t, intent)] for group in groups) if g)
    if not fitting:
        raise ValueError(f"no phrasing of {intent.topic!r} names what {intent} names")
    text = _filled(rng.choice(rng.choice(fitting)), intent, rng)
    if intent.family in VISUAL or intent.family in WORLDLY:
        if rng.random() < 0.08:
            text = f"{rng.choice(BEFORE)} {text}"
        if rng.random() < 0.05:
            text = f"{text} {rng.choice(AFTER)}"
    return text


def _fits(text: str, intent: Intent) -> bool:
    """Whether a phrasing has the slots that this intent fills, where a topic has several kinds."""
    shapes, colors = text.count("<shape>"), text.count("<colour>")
    if intent.family in ("relation", "size"):
        named = (intent.shape, intent.other_shape)
        painted = (intent.color, intent.other_color)
        return shapes == 2 - named.count(None) and colors == 2 - painted.count(None)
    return (intent.name is not None) == ("<sound" in text or "<name>" in text)


def random_intent(rng: random.Random, family: str) -> Intent:
    """Anything of a family that can be asked, whatever there is to see."""
    if family == "chatter":
        return Intent("chatter")
    topics, weights = _topics_of(family)
    topic = rng.choices(topics, weights)[0]
    if family in ("relation", "size"):
        return _random_comparison(rng, topic)
    if family == "sum":
        one, two = sorted((rng.randrange(10), rng.randrange(10)), reverse=True)
        if topic == "plus" and rng.random() < 0.5:
            one, two = two, one
        return Intent(topic, numbers=(DIGITS[one], DIGITS[two]))
    if family == "repeat":
        return Intent(topic, numbers=tuple(rng.choices(DIGITS, k=rng.choice((2, 3, 3, 4, 4)))))
    kinds = {"<sound>": SOUNDS, "<sounds>": SOUNDS, "<name>": BELONGINGS}
    named = [names for slot, names in kinds.items() if names_slot(topic, slot)]
    is_named = bool(named) and (rng.random() < 0.6 or not _has_unnamed(topic))
    return Intent(
        topic,
        shape=rng.choice(SHAPES) if names_slot(topic, "<shape") else None,
        color=rng.choice(COLORS) if names_slot(topic, "<colour>") else None,
        place=rng.choice(PLACES) if names_slot(topic, "<place>") else None,
        name=rng.choice(named[0]) if is_named else None,
    )


def _random_comparison(rng: random.Random, topic: str) -> Intent:
    one, two = rng.sample(SHAPES, 2)
    if topic.startswith("what "):
        return Intent(topic, shape=one)
    if topic.startswith("which "):
        return Intent(topic) if rng.random() < 0.6 else Intent(topic, shape=one, other_shape=two)
    if rng.random() < 0.5:
        return Intent(topic, shape=one, other_shape=two)
    colors = rng.choice(COLORS), rng.choice(COLORS)
    return Intent(topic, rng.choice(SHAPES), colors[0], None, rng.choice(SHAPES), colors[1])


@cache
def names_slot(topic: str, slot: str) -> bool:
    """Whether some phrasing of a topic has this slot ("<shape" is also "<shapes>")."""
    return any(slot in pattern for pattern in TOPICS[topic][1])


@cache
def _has_unnamed(topic: str) -> bool:
    return any("<sound" not in pattern and "<name>" not in pattern for pattern in TOPICS[topic][1])


def question_text(rng: random.Random, split: Split = "train") -> str:
    """One thing a person might say, in spoken form: only a–z, apostrophe and space."""
    family = rng.choices(FAMILIES, tuple(FAMILY_WEIGHT.values()))[0]
    return phrase(random_intent(rng, family), rng, split)


@cache
def question_words(samples: int = 40_000, seed: int = 0) -> tuple[str, ...]:
    """The words people say in trained phrasings, most of them, sorted."""
    rng = random.Random(seed)
    return tuple(sorted({w for _ in range(samples) for w in question_text(rng).split()}))


def understand(question: str) -> Intent:
    """What a question of this grammar (normalised, either split) asks; anything else is chatter."""
    text = question.replace("an orange", "a orange")
    found: dict[str, list[str]] = {}

    def name(match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        found.setdefault(kind.removesuffix("s"), []).append(match.group())
        return f"<{kind}>"

    for candidate in _without_fillers(text):
        for slots in _SLOTS:
            found.clear()
            named = _ROW_OF_DIGITS.sub("<digits>", slots.sub(name, candidate))
            topic = _grammar().get(named)
            if topic is not None:
                return _intent(topic, found)
    return Intent("chatter")


def _intent(topic: str, found: dict[str, list[str]]) -> Intent:
    shapes = [SINGULAR.get(word, word) for word in found.get("shape", ())]
    colors = found.get("colour", [])
    names = [SINGULAR.get(word, word) for word in found.get("sound", ())] + found.get("name", [])
    place = found.get("place")
    return Intent(
        topic,
        shape=shapes[0] if shapes else None,
        color=colors[0] if colors else None,
        place=_PLACE_OF_FORM[place[0]] if place else None,
        other_shape=shapes[1] if len(shapes) > 1 else None,
        other_color=colors[1] if len(colors) > 1 else None,
        numbers=tuple(found.get("digit", ())),
        name=names[0] if names else None,
    )


def _without_fillers(text: str) -> Iterator[str]:
    heads = [text]
    heads += [text.removeprefix(f"{word} ") for word in BEFORE if text.startswith(f"{word} ")]
    for head in heads:
        yield head
        yield from (head.removesuffix(f" {word}") for word in AFTER if head.endswith(f" {word}"))
