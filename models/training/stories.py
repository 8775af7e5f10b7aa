"""Writes training sequences: short conversations about pictures, as the runtime would lay them out,
with notes on what each question is about for the teacher.

Pictures may come at any place and may change between questions; questions come typed, as letters
with a recogniser's faults, or as the trained audio encoder really heard them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from ..config import ModelConfig
from ..lexicon import ASK, CAMERA_OFF, END, SILENT, WAIT, Lexicon
from ..spelling import LETTERS, spell, word_spans
from .heard import Heard, HeardPool
from .language import Intent, ask, listing, matching, pair, question_words, tokenize, understand
from .scenes import Item, Scene
from .train_vision import Pictures
from .words import COMMON_WORDS

IGNORED = -100

LEARNED_SOON = ("colour", "read", "dark", "chatter")
"""Families that need fewer examples than places, existence, shapes and descriptions."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question was about: its mark `ASK` at position `at`, the position that ends its answer,
    the objects it is about, and the positions of the patches with their middles."""

    at: int
    end: int
    intent: Intent
    things: tuple[Item, ...] = ()
    relevant: tuple[int, ...] = ()
    listed: tuple[tuple[int, tuple[int, ...]], ...] = ()
    """Where an answer names one thing after another: positions before its words, and the patches of
    the thing that is named next."""


@dataclass(slots=True)
class Story:
    """One training sequence, position by position, as flat lists."""

    length: int = 0
    pictures: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # start, image
    voice: list[tuple[int, Heard]] = field(default_factory=list[tuple[int, Heard]])  # one word each
    typed: list[tuple[int, list[int]]] = field(default_factory=list[tuple[int, list[int]]])
    words: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # position, word
    targets: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    asked: list[Asked] = field(default_factory=list[Asked])
    spelt: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Positions of heard and typed words, and which words they really are."""

    def see(self, image: int, tokens: int) -> None:
        """A picture comes in."""
        self.pictures.append((self.length, image))
        self.length += tokens

    def hear(self, words: Sequence[Heard], truth: Sequence[str] = ()) -> None:
        """Words come in by ear; `truth` is what was said, where it is known word by word."""
        self.spelt += [(self.length + i, word) for i, word in enumerate(truth)]
        for word in words:
            self.voice.append((self.length, word))
            self.length += 1

    def type(self, text: str) -> None:
        """Words come in by keyboard."""
        classes = spell(text)
        self.spelt += [(self.length + i, word) for i, word in enumerate(text.split())]
        for start, end in word_spans(classes):
            self.typed.append((self.length, classes[start:end]))
            self.length += 1

    def word(self, index: int, target: int = IGNORED) -> None:
        """A word is said (or a mark set); `target` is what must follow it."""
        self.words.append((self.length, index))
        if target != IGNORED:
            self.targets.append((self.length, target))
        self.length += 1

    def ask(
        self,
        words: int,
        intent: Intent,
        things: Sequence[Item] = (),
        relevant: Sequence[int] = (),
        listed: Sequence[tuple[int, tuple[int, ...]]] = (),
    ) -> None:
        """Note what the question is about whose mark comes next, with so many words of answer;
        `listed` counts from the mark."""
        at = self.length
        later = tuple((at + word, patches) for word, patches in listed)
        self.asked.append(Asked(at, at + words + 1, intent, tuple(things), tuple(relevant), later))

    def answer(self, words: Sequence[int]) -> None:
        """The mark to answer, then the answer, each position knowing what follows."""
        said = [ASK, *words]
        for index, following in zip(said, [*words, END], strict=True):
            self.word(index, following)
        self.word(END)


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
    """A question of the grammar, the words it was put in, what is right, and how it was heard (None:
    to be typed)."""

    question: str
    said: str
    answer: str
    heard: Heard | None


@cache
def _strangers() -> tuple[str, ...]:
    """Common words that no trained phrasing has."""
    known = set(question_words())
    return tuple(word for word in COMMON_WORDS if word not in known)


class Stories:
    """Writes stories over a pool of pictures (and of things really heard)."""

    def __init__(
        self,
        pictures: Pictures,
        lexicon: Lexicon,
        config: ModelConfig,
        rng: random.Random,
        pool: HeardPool | None,
    ) -> None:
        self.pictures, self.lexicon, self.config = pictures, lexicon, config
        self.rng, self.pool = rng, pool

    def _scene(self, image: int | None) -> Scene | None:
        return None if image is None else self.pictures.scenes[image]

    def _question(self, candidates: list[int | None]) -> tuple[int | None, Asking]:
        """Which picture, and what is asked about it."""
        rng = self.rng
        if self.pool is not None and rng.random() < 0.75:
            for _ in range(8):
                heard = self.pool.draw(rng)
                if understand(heard.text).family in LEARNED_SOON and rng.random() < 0.6:
                    continue
                found = pair(heard.text, [self._scene(c) for c in candidates], rng)
                if found is not None:
                    asking = Asking(heard.text, heard.text, found[1].answer, heard)
                    return candidates[found[0]], asking
        while True:
            image = rng.choice(candidates)
            try:
                exchange = ask(self._scene(image), rng)
            except ValueError:
                continue
            said = self._with_a_stranger(exchange.question)
            spoken = None if rng.random() < 0.3 else misheard(said, rng)
            return image, Asking(exchange.question, said, exchange.answer, spoken)

    def _with_a_stranger(self, question: str) -> str:
        """Sometimes with a word that no question has: people put the same thing in other words."""
        if self.rng.random() > 0.2:
            return question
        words = question.split()
        words.insert(self.rng.randrange(len(words) + 1), self.rng.choice(_strangers()))
        return " ".join(words)

    def _look(self, story: Story, image: int | None) -> None:
        if image is None:
            story.word(CAMERA_OFF)
        else:
            story.see(image, self.config.picture_tokens)

    def _draw(self, count: int) -> list[int | None]:
        total = len(self.pictures.images)
        return [
            None if self.rng.random() < 0.03 else self.rng.randrange(total) for _ in range(count)
        ]

    def write(self, exchanges: int) -> Story:
        """One story of at most so many exchanges; where it ends must say nothing about how."""
        rng, story = self.rng, Story()
        exchanges = rng.randint(1, exchanges)
        image: int | None = None
        for turn in range(exchanges):
            is_new = turn == 0 or rng.random() < 0.2
            candidates = self._draw(24 if self.pool is not None else 1) if is_new else [image]
            chosen, asking = self._question(candidates)
            answer, heard = asking.answer, asking.heard
            late = is_new and turn > 0 and rng.random() < 0.4
            if is_new and not late:
                self._look(story, chosen)
            elif not is_new and rng.random() < 0.1:
                self._look(story, image)  # looked at again, unchanged
            image = chosen
            # What is unfinished or not for the agent leaves the cache again: it only comes last.
            unfinished = bool(answer) and turn == exchanges - 1 and rng.random() < 0.5
            words, truth = None if heard is None else heard.words(), asking.said.split()
            if unfinished:
                words, unfinished = self._cut(asking.said, words)
            if words is None:
                story.type(asking.said)
                if late:
                    self._look(story, chosen)
            else:
                at = rng.randrange(len(words) + 1) if late else 0
                if len(truth) != len(words) and not unfinished:
                    truth = []  # heard as more or fewer words than were said
                story.hear(words[:at], truth[:at])
                if late:
                    self._look(story, chosen)
                story.hear(words[at:], truth[at : len(words)])
            if unfinished:
                story.word(ASK, WAIT)
                return story
            intent = understand(asking.question)
            if not answer:
                story.ask(0, intent)
                story.word(ASK, SILENT)
                return story
            words_said = tokenize(answer)
            self._note(story, words_said, intent, chosen)
            story.answer(self.lexicon.encode(words_said))
        return story

    def _note(self, story: Story, words: Sequence[str], intent: Intent, image: int | None) -> None:
        """What the question is about whose mark comes next, and where that is."""
        scene = self._scene(image)
        if scene is None or not story.pictures:
            story.ask(len(words), intent)
            return
        start, side = story.pictures[-1][0], self.config.picture // 16

        def patch(x: float, y: float) -> int:
            return start + int(y * side) * side + int(x * side)

        things = matching(intent, scene)
        relevant = {patch(item.x, item.y) for item in things}
        if scene.card is not None and intent.family in ("read", "describe"):
            relevant.add(patch(scene.card.x, scene.card.y))
        listed = [
            (at, tuple(sorted({patch(item.x, item.y) for item in some})))
            for at, some in listing(words, things)
        ]
        story.ask(len(words), intent, things, sorted(relevant), listed)

    def _cut(self, question: str, words: list[Heard] | None) -> tuple[list[Heard] | None, bool]:
        """The beginning of a question that is not one yet, as heard."""
        wanted = question.split()
        if words is None or len(wanted) < 2 or len(words) != len(wanted):
            return words, False
        keep = self.rng.randrange(1, len(wanted))
        if understand(" ".join(wanted[:keep])).topic != "chatter":
            return words, False
        return words[:keep], True
