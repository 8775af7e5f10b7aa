"""Chooses what is asked in a training story, about what, and how it comes in: typed, as letters with a
recogniser's faults, or as the trained audio encoder really heard it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ..spelling import LETTERS, spell
from .asking import ask, pair
from .heard import Heard, HeardPool
from .intents import WORLDLY, Intent, phrase, question_words, random_intent, understand
from .recalling import exchange, opening, random_sound
from .replies import Exchange
from .scenes import Scene
from .train_vision import Pictures
from .words import COMMON_WORDS
from .world import Sound, World, is_memorable

LEARNED_SOON = ("colour", "read", "dark", "chatter")
"""Families that need fewer examples than places, existence, shapes and descriptions."""


LEARNED_LATE = ("sum", "sum", "repeat", "tool", "relation", "size", "size", "beyond")
"""Families that need more."""

SPOKEN = 0.6
"""Share of questions that are taken from what was really heard, where there is any."""

RECALLED = tuple(sorted(WORLDLY - {"follow-up", "sure"}))
"""Families that need a past."""

HARD = ("change", "motion")
"""Those of them that need two pictures to be compared."""

_SMALL = frozenset(
    (
        "the",
        "a",
        "an",
        "is",
        "are",
        "was",
        "do",
        "does",
        "did",
        "can",
        "you",
        "of",
        "there",
        "for",
        "to",
    )
)
"""Words that a question is understood without."""


def misheard(text: str, rng: random.Random) -> Heard:
    """Letters as a recogniser might give them: some wrong, lost or doubled, none quite certain."""
    fault = rng.choices((0.0, 0.03, 0.08, 0.16), (0.4, 0.25, 0.2, 0.15))[0]
    classes: list[int] = []
    for letter in spell(text):
        draw = rng.random()
        if draw < fault * 0.3:
            continue
        classes.append(rng.randint(1, len(LETTERS)) if draw < fault * 0.8 else letter)
        if draw > 1 - fault * 0.2:
            classes.append(rng.randint(1, len(LETTERS)))
    if not classes:
        classes = [1]
    count, width = len(classes), len(LETTERS) + 1
    doubt = np.random.default_rng(rng.getrandbits(32))
    spread = doubt.dirichlet(np.full(width, 0.05), count) * doubt.beta(0.4, 3.0, (count, 1))
    chances = spread.astype(np.float32)
    chances[np.arange(count), classes] += 1.0 - chances.sum(axis=1)
    return Heard(text, chances, None)


@dataclass(frozen=True, slots=True)
class Asking:
    """An exchange in a world, with the words the question was put in and how those were heard (None:
    to be typed)."""

    exchange: Exchange
    intent: Intent
    said: str
    heard: Heard | None


@cache
def _strangers() -> tuple[str, ...]:
    """Common words that no trained phrasing has."""
    known = set(question_words())
    return tuple(word for word in COMMON_WORDS if word not in known)


class Questioner:
    """Asks about a pool of pictures (and what was really heard)."""

    def __init__(self, pictures: Pictures, rng: random.Random, pool: HeardPool | None) -> None:
        self.pictures, self.rng, self.pool = pictures, rng, pool

    def scene(self, image: int | None) -> Scene | None:
        """What is in a picture; None for no picture."""
        return None if image is None else self.pictures.scenes[image]

    def _about_pictures(self, candidates: Sequence[int | None]) -> tuple[int | None, Asking]:
        """Which picture, and what is asked about it alone."""
        rng = self.rng
        if rng.random() < 0.25:
            image = rng.choice(candidates)
            found = self._in_world(LEARNED_LATE, World(self.scene(image)))
            if found is not None:
                return image, found
        if self.pool is not None and rng.random() < SPOKEN:
            for _ in range(8):
                heard = self.pool.draw(rng)
                if heard is None:
                    break
                intent = understand(heard.text)
                if intent.family in LEARNED_SOON and rng.random() < 0.6:
                    continue
                if intent.family in WORLDLY:
                    continue
                paired = pair(heard.text, [self.scene(c) for c in candidates], rng)
                if paired is not None:
                    return candidates[paired[0]], Asking(paired[1], intent, heard.text, heard)
        while True:
            image = rng.choice(candidates)
            try:
                asked = ask(self.scene(image), rng)
            except ValueError:
                continue
            return image, self._put(asked, understand(asked.question))

    def _put(self, asked: Exchange, intent: Intent) -> Asking:
        """Typed, or heard: letters as a recogniser gives them, mostly with all words found in them."""
        said = self._with_a_stranger(self._cut_short(asked.question))
        heard = None if self.rng.random() < 0.3 else misheard(said, self.rng)
        if heard is not None and self.rng.random() < 0.6:
            heard = replace(heard, understood=said)
        return Asking(asked, intent, said, heard)

    def _of(self, families: Sequence[str]) -> tuple[Intent, str, Heard | None]:
        """Something of these families, really heard where that is at hand."""
        if self.pool is not None and self.rng.random() < SPOKEN:
            heard = self.pool.draw(self.rng, families)
            if heard is not None:
                return understand(heard.text), heard.text, heard
        intent = random_intent(self.rng, self.rng.choice(families))
        return intent, phrase(intent, self.rng, "train"), None

    def _in_world(self, families: Sequence[str], world: World) -> Asking | None:
        """Something of these families that has a fair answer in this world."""
        for _ in range(6):
            intent, question, heard = self._of(families)
            asked = exchange(intent, question, world)
            if asked is not None:
                is_heard = heard is not None
                return (
                    Asking(asked, intent, question, heard) if is_heard else self._put(asked, intent)
                )
        return None

    def _opening(self, candidates: Sequence[int | None]) -> tuple[int | None, World, Asking] | None:
        """A past, a picture, and a question that needs both."""
        intent, question, heard = self._of(HARD if self.rng.random() < 0.4 else RECALLED)
        found = opening(self.rng, intent, [self.scene(c) for c in candidates])
        if found is None:
            return None
        index, world = found
        asked = exchange(intent, question, world)
        if asked is None:
            return None
        is_heard = heard is not None
        asking = Asking(asked, intent, question, heard) if is_heard else self._put(asked, intent)
        return candidates[index], world, asking

    def first(self) -> tuple[int | None, World, Asking]:
        """What a story begins with."""
        rng = self.rng
        candidates = self._draw(24 if self.pool is not None else 6)
        if rng.random() < 0.45:
            found = self._opening(candidates)
            if found is not None:
                return found
        image, asking = self._about_pictures(candidates)
        before: tuple[Scene, ...] = ()
        sounds: tuple[Sound, ...] = ()
        if rng.random() < 0.3:
            past = [self.scene(i) for i in self._draw(rng.randint(1, 4))]
            before = tuple(scene for scene in past if scene is not None and is_memorable(scene))
        if rng.random() < 0.12:
            sounds = tuple(
                random_sound(rng, rng.randint(0, len(before))) for _ in range(rng.randint(1, 3))
            )
            sounds = tuple(sorted(sounds, key=lambda sound: sound.during))
        return image, World(self.scene(image), before, sounds), asking

    def following(
        self, image: int | None, world: World, *, is_new: bool
    ) -> tuple[int | None, World, Asking]:
        """What is asked next, about the same picture or another one."""
        chance = self.rng.random()
        if is_new:
            candidates = self._draw(24 if self.pool is not None else 1)
            chosen, asking = self._about_pictures(candidates)
            old, scene = world.scene, self.scene(chosen)
            before = (*world.before, old) if old is not None and is_memorable(old) else world.before
            world = replace(world, scene=scene, before=before, asked=None)
            recalled = self._in_world(("memory", "both"), world) if chance < 0.4 else None
            return chosen, world, recalled or asking
        found = None
        if chance < 0.25 and world.asked is not None:
            found = self._in_world(("follow-up",) if chance < 0.2 else ("sure",), world)
        elif chance < 0.4:
            found = self._in_world(RECALLED, world)
        return image, world, found or self._about_pictures([image])[1]

    def _cut_short(self, question: str) -> str:
        """Sometimes without one of the words that carry no meaning: people swallow them."""
        words = question.split()
        small = [at for at, word in enumerate(words) if word in _SMALL]
        if len(words) > 3 and small and self.rng.random() < 0.12:
            del words[self.rng.choice(small)]
        return " ".join(words)

    def _with_a_stranger(self, question: str) -> str:
        """Sometimes with a word that no question has: people put the same thing in other words."""
        if self.rng.random() > 0.2:
            return question
        words = question.split()
        words.insert(self.rng.randrange(len(words) + 1), self.rng.choice(_strangers()))
        return " ".join(words)

    def _draw(self, count: int) -> list[int | None]:
        total = len(self.pictures.images)
        return [
            None if self.rng.random() < 0.03 else self.rng.randrange(total) for _ in range(count)
        ]
