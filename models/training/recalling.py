"""Answers that need more than the picture at hand: what was before, what was heard, what was asked
last. And worlds made up such that a question of that kind is worth asking."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from . import replies
from .intents import WORLDLY, Intent, understand
from .replies import Exchange, Fact
from .scenes import COLORS, PLACES, SHAPES, Item, Scene, place_of
from .wording import DARK, DIGITS, LEVELS, PITCHES, SOUNDS, SURE, UNSURE, plural
from .world import Sound, World, is_memorable

MOST_SOUNDS: Final = 5
MOST_BEFORE: Final = 4

_HEARD_NOTHING: Final = ("I heard nothing.", "nothing")


def respond(question: str, world: World | Scene | None) -> Exchange | None:
    """Answer a question of the grammar in a world, or about a scene alone (None: camera off).

    Returns None where a person could not answer fairly (an object between two places, a bare circle
    on a card that may be 0 or O, a follow-up to nothing): such a pair should not be used.
    """
    if not isinstance(world, World):
        world = World(world)
    return exchange(understand(question), question, world)


def exchange(intent: Intent, question: str, world: World) -> Exchange | None:
    """`respond` for a question already understood."""
    told = replies.blind(intent)
    if told is not None:
        return Exchange(question, told[0], intent.family, told[1])
    if intent.family in WORLDLY:
        return _recalled(intent, question, world)
    scene = world.scene
    if scene is not None and intent.family == "light":
        told = replies.light_answer(scene)
        return Exchange(question, told[0], intent.family, told[1])
    if scene is None or scene.is_dark:
        return Exchange(question, DARK, "dark", "can't")
    if intent.topic == "remember":
        told = replies.remembering(intent, scene)
    else:
        told = replies.fact(intent, scene)
    return None if told is None else Exchange(question, told[0], intent.family, told[1])


def _recalled(intent: Intent, question: str, world: World) -> Exchange | None:
    if intent.family == "follow-up":
        meant = followed(intent, world)
        if meant is None or world.scene is None or world.scene.is_dark:
            return None
        if intent.topic == "same of other":
            told = replies.attribute(meant, _other(world.asked, world.scene))
        else:
            told = replies.fact(meant, world.scene)
        rule = meant.family
        return None if told is None else Exchange(question, *_in(intent, told), rule)
    told, rule = {
        "sure": _sureness,
        "memory": _memory,
        "motion": _motion,
        "change": _change,
        "sound": _sound,
        "both": _both,
    }[intent.family](intent, world)
    return None if told is None else Exchange(question, *_in(intent, told), rule)


def _in(intent: Intent, told: Fact) -> tuple[str, str, str]:
    return told[0], intent.family, told[1]


# --- the last question ----------------------------------------------------------------------

_ASKED_OF: Final[dict[str, tuple[str | None, str | None, str | None]]] = {
    "colour": ("colour of shape", None, "colour at place"),
    "shape": (None, "shape of colour", "shape at place"),
    "place": ("where shape", "where colour", None),
    "count": ("count shape", "count colour", None),
    "exists": ("exists shape", "exists colour", None),
}
"""Family of the last question → the topic of "and the star", "and the red one", "and on the left"."""


def followed(intent: Intent, world: World) -> Intent | None:
    """What a follow-up means after the last question, or None where it means nothing."""
    asked, scene = world.asked, world.scene
    if asked is None or scene is None or asked.family not in _ASKED_OF:
        return None
    if intent.topic == "same of other":
        if asked.family not in ("colour", "shape", "place") or len(_other(asked, scene)) != 1:
            return None
        return replace(asked, topic="where shape") if asked.family == "place" else asked
    of_shape, of_color, at_place = _ASKED_OF[asked.family]
    if asked.topic == "what at place":
        of_shape, of_color, at_place = None, None, "what at place"
    if asked.topic == "exists anything":
        return None
    topic = {"same of shape": of_shape, "same of colour": of_color, "same at place": at_place}[
        intent.topic
    ]
    if topic is None:
        return None
    return Intent(topic, shape=intent.shape, color=intent.color, place=intent.place)


def _other(asked: Intent | None, scene: Scene) -> list[Item]:
    """Of two things the one that was not asked about."""
    if asked is None or len(scene.items) != 2 or not (asked.shape or asked.color or asked.place):
        return []
    about = replies.matching(asked, scene)
    return [item for item in scene.items if item not in about] if len(about) == 1 else []


def _sureness(_: Intent, world: World) -> tuple[Fact | None, str]:
    if world.asked is None:
        return None, ""
    return ((UNSURE, "not sure") if world.is_hedged else (SURE, "sure")), "same"


# --- what was before ------------------------------------------------------------------------


def _past(told: Fact) -> Fact:
    answer = told[0].replace("I see", "I saw").replace("It is", "It was")
    return answer.replace("They are", "They were"), told[1]


def _memory(intent: Intent, world: World) -> tuple[Fact | None, str]:
    if not world.before:
        return ("I saw nothing.", "nothing"), "describe"
    scene = world.before[0 if intent.topic == "first" else -1]
    return _seen_then(scene, intent.topic == "colour before")


def _seen_then(scene: Scene, is_colour: bool) -> tuple[Fact | None, str]:
    if scene.is_dark or (scene.card is not None and (is_colour or scene.card.symbol in "0O1I")):
        return None, ""
    if is_colour:
        return (_past(replies.colour_answer(scene.items)) if scene.items else None), "colour"
    return _past(replies.describe(scene)), "read" if scene.card else "describe"


def _motion(_: Intent, world: World) -> tuple[Fact | None, str]:
    scene, before = world.scene, world.before[-1] if world.before else None
    if scene is None or before is None or len(scene.items) != 1 or len(before.items) != 1:
        return None, ""
    (now,), (then,) = scene.items, before.items
    here, there = place_of(now), place_of(then)
    if here is None or there is None or (now.color, now.shape) != (then.color, then.shape):
        return None, ""
    told = {
        ("left", "middle"): "to the right", ("left", "right"): "to the right",
        ("middle", "right"): "to the right", ("right", "middle"): "to the left",
        ("right", "left"): "to the left", ("middle", "left"): "to the left",
        ("top", "middle"): "down", ("top", "bottom"): "down", ("middle", "bottom"): "down",
        ("bottom", "middle"): "up", ("bottom", "top"): "up", ("middle", "top"): "up",
    }.get((there, here))  # fmt: skip
    if here == there:
        return ("It did not move.", "not"), "same"
    return (None if told is None else (f"It moved {told}.", told)), "same"


def _change(intent: Intent, world: World) -> tuple[Fact | None, str]:
    scene, before = world.scene, world.before[-1] if world.before else None
    if scene is None or before is None or scene.card or before.card or scene.is_dark:
        return None, ""
    now = [(item.color, item.shape) for item in scene.items]
    then = [(item.color, item.shape) for item in before.items]
    is_new = intent.topic == "new"
    found = [i for i in scene.items if (i.color, i.shape) not in then] if is_new else [
        i for i in before.items if (i.color, i.shape) not in now
    ]  # fmt: skip
    if not found:
        same = sorted(now) == sorted(then)
        return (("Nothing.", "nothing") if same else None), "describe"
    told = replies.thing_answer(found[0])
    return (None if len(found) > 1 else told if is_new else _past(told)), "describe"


# --- what was heard -------------------------------------------------------------------------


def _sound(intent: Intent, world: World) -> tuple[Fact | None, str]:
    of_kind = [s for s in world.sounds if intent.name in (None, s.kind)]
    if intent.topic == "how many sounds":
        if not of_kind:
            return ("I heard none.", "none"), "count"
        count, kind = DIGITS[len(of_kind)], intent.name or ""
        return (f"I heard {count} {kind if len(of_kind) == 1 else plural(kind)}.", count), "count"
    last = world.sounds[-1:] if intent.topic == "which sound" else of_kind[-1:]
    if not last:
        return _HEARD_NOTHING, "same"
    word = {"which sound": last[0].kind, "how loud": last[0].level}.get(intent.topic, last[0].pitch)
    if word is None:
        return None, ""
    return (f"It was {f'a {word}' if intent.topic == 'which sound' else word}.", word), "same"


def _both(intent: Intent, world: World) -> tuple[Fact | None, str]:
    if world.scene is None or world.scene.is_dark:
        return None, ""
    scenes = (*world.before, world.scene)
    heard = [s for s in world.sounds if s.kind == intent.name]
    if not heard:
        return _HEARD_NOTHING, "same"
    if len({s.during for s in heard}) > 1:
        return None, ""
    during = heard[0].during
    if intent.topic != "sound before or after":
        return _seen_then(scenes[during], intent.topic == "colour at sound")
    shown = [i for i, s in enumerate(scenes) if any(t.shape == intent.shape for t in s.items)]
    if len(shown) != 1:
        return None, ""
    order = "after" if during >= shown[0] else "before"
    return (f"It came {order}.", order), "same"


# --- worlds worth asking about --------------------------------------------------------------


def random_sound(rng: random.Random, during: int, kind: str | None = None) -> Sound:
    """Any sound (of a kind)."""
    kind = kind or rng.choice(SOUNDS)
    pitch = None if kind == "clap" else rng.choice(PITCHES)
    return Sound(kind, rng.choice(LEVELS), pitch, during)


def opening(
    rng: random.Random, intent: Intent, scenes: Sequence[Scene | None]
) -> tuple[int, World] | None:
    """A world in which this question (of WORLDLY, follow-ups aside) has a fair answer: the index of
    the picture at hand, and the world. Of the others some came before. None where none fits."""
    lit = [i for i, s in enumerate(scenes) if s is not None and not s.is_dark]
    for _ in range(12):
        if not lit:
            return None
        index = rng.choice(lit)
        world = _opening(rng, intent, scenes, index, [i for i in lit if i != index])
        if world is not None and exchange(intent, "", world) is not None:
            return index, world
    return None


def _opening(
    rng: random.Random,
    intent: Intent,
    scenes: Sequence[Scene | None],
    index: int,
    others: Sequence[int],
) -> World | None:
    scene = scenes[index]
    if scene is None:
        return None
    count = min(len(others), rng.choices(range(MOST_BEFORE + 1), (1, 5, 3, 2, 1))[0])
    picked = [found for i in rng.sample(others, count) if (found := scenes[i]) is not None]
    before = [found for found in picked if is_memorable(found)]
    if intent.family == "motion":
        moved = _elsewhere(rng, scene)
        return None if moved is None else World(scene, (*before[:1], moved))
    if intent.family == "change":
        changed = _changed(rng, scene, intent.topic)
        return None if changed is None else World(scene, (*before[:1], changed))
    if intent.family == "sound":
        kind = intent.name or rng.choice(SOUNDS)
        number = rng.randrange(MOST_SOUNDS + 1)
        sounds = [random_sound(rng, len(before), kind) for _ in range(number)]
        if rng.random() < 0.3:
            sounds.insert(rng.randrange(number + 1), random_sound(rng, len(before)))
        return World(scene, tuple(before), tuple(sounds[:MOST_SOUNDS]))
    if intent.family == "both":
        before = before[:2]
        if intent.shape is not None and not _shows(intent.shape, [*before, scene]):
            return None
        during = rng.randrange(len(before) + 1)
        named = intent.name if rng.random() < 0.92 else None
        return World(scene, tuple(before), (random_sound(rng, during, named),))
    return World(scene, tuple(before))


def _shows(shape: str, scenes: Sequence[Scene]) -> bool:
    return any(item.shape == shape for scene in scenes for item in scene.items)


_SPOTS: Final = {
    "left": (0.2, 0.5), "right": (0.8, 0.5), "top": (0.5, 0.2), "bottom": (0.5, 0.8),
    "middle": (0.5, 0.5),
}  # fmt: skip


def _elsewhere(rng: random.Random, scene: Scene) -> Scene | None:
    """The same single thing where it may have been before."""
    if len(scene.items) != 1 or place_of(scene.items[0]) is None:
        return None
    if rng.random() < 0.2:
        return scene
    x, y = _SPOTS[rng.choice(PLACES)]
    return replace(scene, items=(replace(scene.items[0], x=x, y=y),))


def _changed(rng: random.Random, scene: Scene, topic: str) -> Scene | None:
    """The same things with one fewer or one more, as it may have been before."""
    if not scene.items or len(scene.items) > 4 or (topic == "new" and len(scene.items) == 1):
        return None
    if rng.random() < 0.12:
        return scene
    if topic == "new":
        gone = rng.randrange(len(scene.items))
        return replace(scene, items=(*scene.items[:gone], *scene.items[gone + 1 :]))
    x, y = rng.uniform(0.15, 0.85), rng.uniform(0.15, 0.85)
    more = Item(rng.choice(SHAPES), rng.choice(COLORS), x, y, 0.25)
    return replace(scene, items=(*scene.items, more))
