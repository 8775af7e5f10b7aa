"""Situations that questions are asked in: what was seen and heard before, and what was asked last.
They are chosen from seeds and then brought about in the model as the runtime would."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..embedded import Embedded
from ..training.asking import ask, pair
from ..training.intents import VISUAL, WORLDLY, Intent, understand
from ..training.recalling import exchange, followed, opening
from ..training.replies import Exchange
from ..training.scenes import render
from ..training.train_vision import Pictures
from ..training.world import World, sound_words

CANDIDATES = 48
"""Pictures of which one that suits a question is chosen."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A picture by its index, what went before it, and the question with its right answer."""

    image: int
    world: World
    asked: Exchange
    first: Exchange | None = None
    """What is asked and answered before, where the question follows up on it."""


def situation(question: str, pictures: Pictures, rng: random.Random) -> Situation | None:
    """One in which a question can be answered fairly; None where none was found."""
    intent = understand(question)
    images = [rng.randrange(len(pictures.images)) for _ in range(CANDIDATES)]
    scenes = [pictures.scenes[image] for image in images]
    if intent.family in ("follow-up", "sure"):
        return _following(intent, question, pictures, images, rng)
    if intent.family in WORLDLY:
        found = opening(rng, intent, scenes)
        if found is None:
            return None
        asked = exchange(intent, question, found[1])
        return None if asked is None else Situation(images[found[0]], found[1], asked)
    chosen = pair(question, scenes, rng)
    if chosen is None:
        return None
    return Situation(images[chosen[0]], World(scenes[chosen[0]]), chosen[1])


def _following(
    intent: Intent, question: str, pictures: Pictures, images: list[int], rng: random.Random
) -> Situation | None:
    for image in images:
        scene = pictures.scenes[image]
        try:
            first = ask(
                scene, rng, family=rng.choice(("colour", "shape", "place", "count", "exists"))
            )
        except ValueError:
            continue
        if understand(first.question).family not in VISUAL:
            continue
        world = World(scene, asked=understand(first.question))
        if intent.family == "follow-up" and followed(intent, world) is None:
            continue
        asked = exchange(intent, question, world)
        if asked is not None:
            return Situation(image, world, asked, first)
    return None


def bring_about(model: Embedded, slot: int, it: Situation, pictures: Pictures) -> None:
    """A fresh conversation in which all that went before has happened; notes are taken in between,
    as they are while nobody speaks."""
    model.reset(slot)
    for index, scene in enumerate(it.world.before):
        show(model, slot, render(scene))
        _sound(model, slot, it.world, index)
    show(model, slot, pictures.images[it.image])
    _sound(model, slot, it.world, len(it.world.before))
    if it.first is not None:
        tell(model, slot, it.first.question)


def hedged(it: Situation, model: Embedded, slot: int) -> Situation:
    """The same, knowing whether the model was sure of its first answer: "are you sure" has another
    right answer where it was not."""
    if it.first is None or it.asked.family != "sure":
        return it
    world = replace(it.world, is_hedged=bool(model.counts(slot).get("hedges", 0)))
    asked = exchange(understand(it.asked.question), it.asked.question, world)
    return it if asked is None else replace(it, world=world, asked=asked)


def tell(model: Embedded, slot: int, question: str) -> str:
    """Type a question; the answer, which is now history."""
    model.open_utterance(slot)
    model.begin([slot], [question])
    model.commit(slot)
    answer = ""
    while True:
        text, is_last = model.next([slot])[0]
        answer += text
        if is_last:
            return answer


def show(model: Embedded, slot: int, pixels: npt.NDArray[np.uint8]) -> None:
    """Look at a picture [H, W, 3] and take a note of it."""
    model.look([slot], pixels[None])
    while model.owed(slot) or model.unfilled(slot):
        model.lay([slot])
        model.fill([slot])
    while model.wants_note(slot):
        model.write_note([slot])


def _sound(model: Embedded, slot: int, world: World, during: int) -> None:
    for sound in world.sounds:
        if sound.during == during:
            model.tell_sound(slot, " ".join(sound_words(sound)))
