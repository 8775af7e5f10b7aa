"""Chooses what to ask: a picture for a question, or a question for a picture, such that answers come
out balanced."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from .intents import (
    FAMILIES,
    FAMILY_WEIGHT,
    VISUAL,
    WORLDLY,
    Intent,
    phrase,
    random_intent,
    understand,
)
from .phrasings import Split
from .recalling import exchange
from .replies import Exchange
from .scenes import COLORS, SHAPES, Scene, place_of
from .world import World


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
        found = exchange(intent, question, World(scene))
        if found is not None:
            by_key.setdefault(_balance_class(found), []).append((index, found))
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
    "colour": 0.15, "shape": 0.13, "count": 0.14, "place": 0.14, "exists": 0.11, "describe": 0.09,
    "relation": 0.09, "size": 0.08, "light": 0.02, "sum": 0.09, "repeat": 0.07, "beyond": 0.03,
    "tool": 0.07, "read": 0.03, "greeting": 0.01, "ability": 0.007, "thanks": 0.007,
    "goodbye": 0.007, "chatter": 0.02,
}  # fmt: skip
_ABOUT_CARD: Final[dict[str, float]] = {
    "read": 0.70, "describe": 0.08, "exists": 0.03, "greeting": 0.01, "ability": 0.01,
    "thanks": 0.01, "goodbye": 0.01, "chatter": 0.03, "sum": 0.08, "repeat": 0.06,
    "beyond": 0.03, "tool": 0.08,
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
        found = exchange(intent, phrase(intent, rng, split), World(scene))
        if found is not None:
            return found
    raise ValueError(f"no question of family {family!r} fits this scene: choose another family")


def _choose_family(scene: Scene | None, rng: random.Random) -> str:
    if scene is None or scene.is_dark:
        weights = {name: share for name, share in FAMILY_WEIGHT.items() if name not in WORLDLY}
        weights["light"] *= 3
    elif scene.card is not None:
        weights = _ABOUT_CARD
    else:
        weights = dict(_ABOUT_ITEMS)
        weights["count"] *= _COUNT_WEIGHT[len(scene.items)]
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


def _fitting_intent(scene: Scene | None, rng: random.Random, family: str) -> Intent:
    """A random intent whose names mostly occur in the scene (half the time for yes/no)."""
    intent = random_intent(rng, family)
    if scene is None or scene.is_dark or family not in VISUAL:
        return intent
    if family == "read" and scene.card is not None and intent.topic != "read":
        digit = scene.card.symbol.isdigit()
        if rng.random() < 0.9:
            return Intent("number" if digit else "letter")
    if not scene.items:
        return intent
    if family == "exists":
        return _exists_intent(scene, rng, intent)
    if family in ("relation", "size"):
        return _comparison_intent(scene, rng, intent)
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


def _comparison_intent(scene: Scene, rng: random.Random, intent: Intent) -> Intent:
    """Two things that are there, mostly; by shape alone where that says which is meant."""
    if len(scene.items) < 2 or rng.random() < 0.07 or intent.shape is None:
        return intent
    one, two = rng.sample(scene.items, 2)
    if intent.other_shape is None:
        return Intent(intent.topic, shape=one.shape)
    if intent.color is None and one.shape != two.shape:
        return Intent(intent.topic, shape=one.shape, other_shape=two.shape)
    if intent.topic.startswith("which "):
        return intent
    return Intent(intent.topic, one.shape, one.color, None, two.shape, two.color)
