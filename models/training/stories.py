"""Writes training sequences: short conversations about pictures, as the runtime would lay them out,
with notes on what each question is about for the teacher.

Pictures may come at any place and may change between questions; of those that left there are notes;
sounds come as words. Questions come typed, as letters with a recogniser's faults, or as the trained
audio encoder really heard them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from ..config import ModelConfig
from ..lexicon import ASK, CAMERA_OFF, END, MAYBE, NOTE, SILENT, WAIT, Lexicon
from ..spelling import LETTERS, spell, word_spans
from .asking import ask, pair
from .heard import Heard, HeardPool
from .intents import WORLDLY, Intent, phrase, question_words, random_intent, understand
from .recalling import exchange, followed, opening, random_sound
from .replies import Exchange, listing, matching
from .scenes import COLORS, PLACES, SHAPES, Item, Scene
from .scenes import LETTERS as CAPITALS
from .train_vision import Pictures
from .wording import BELONGINGS, DIGITS, SINGULAR, tokenize
from .words import COMMON_WORDS
from .world import Sound, World, is_memorable, note_words, sound_words

IGNORED = -100

LEARNED_SOON = ("colour", "read", "dark", "chatter")
"""Families that need fewer examples than places, existence, shapes and descriptions."""


LEARNED_LATE = ("sum", "sum", "repeat", "tool", "relation", "size", "size", "beyond")
"""Families that need more."""

SPOKEN = 0.6
"""Share of questions that are taken from what was really heard, where there is any."""

LOOKED_AGAIN = 0.3
"""Share of questions before which the same thing is looked at again: what a hand holds is never quite
still."""


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
    noted: list[range] = field(default_factory=list[range])
    """Where the note of each picture before the newest lies (empty: nowhere)."""
    is_noted: bool = False
    """Whether the newest picture has its note."""
    sounded: list[range] = field(default_factory=list[range])
    """Where each sound lies."""

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

    def answer(self, words: Sequence[int], maybe: int | None = None) -> None:
        """The mark to answer, then the answer, each position knowing what follows; that is never
        the word `maybe`, which the engine puts in."""
        said = [ASK, *words]
        for at, index in enumerate(said):
            following = said[at + 1] if at + 1 < len(said) else END
            self.word(index, said[at + 2] if following == maybe else following)
        self.word(END)

    def note(self, mark: int, words: Sequence[int], *, is_seen: bool) -> range:
        """What is seen now, in words, for later; where it is not seen any more (`is_seen`) nothing
        tells what follows."""
        start = self.length
        for index, following in zip([mark, *words], [*words, END], strict=True):
            self.word(index, following if is_seen else IGNORED)
        self.word(END)
        return range(start, self.length)


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


@dataclass(frozen=True, slots=True)
class About:
    """The objects a question is about, the positions that show them, and, of an answer that lists
    things, the positions of each (see `Asked`)."""

    things: tuple[Item, ...] = ()
    relevant: tuple[int, ...] = ()
    listed: tuple[tuple[int, tuple[int, ...]], ...] = ()


_NAMED = frozenset((*DIGITS, *BELONGINGS))
"""Words of a question that its answer says again."""


def copied(
    words: Sequence[str], source: Sequence[tuple[int, str]]
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Of an answer that says again what stands somewhere: the place of each such word in it, and the
    position where it stands, in order."""
    found: list[tuple[int, tuple[int, ...]]] = []
    behind = -1
    for place, word in enumerate(words):
        name = SINGULAR.get(word, word)
        there = [at for at, other in source if other == name]
        if there:
            behind = next((at for at in there if at > behind), there[0])
            found.append((place, (behind,)))
    return tuple(found)


RECALLED = tuple(sorted(WORLDLY - {"follow-up", "sure"}))
"""Families that need a past."""

HARD = ("change", "motion")
"""Those of them that need two pictures to be compared."""

_SMALL = frozenset(
    ("the", "a", "an", "is", "are", "was", "do", "does", "did", "can", "you", "of", "there", "for", "to")
)
"""Words that a question is understood without."""

_FACTS = frozenset((*COLORS, *SHAPES, *DIGITS, *CAPITALS, *PLACES, "yes", "no"))
"""Words that state a fact, which a hedge may stand before."""


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

    # What is asked ----------------------------------------------------------------------------

    def _about_pictures(self, candidates: Sequence[int | None]) -> tuple[int | None, Asking]:
        """Which picture, and what is asked about it alone."""
        rng = self.rng
        if rng.random() < 0.25:
            image = rng.choice(candidates)
            found = self._in_world(LEARNED_LATE, World(self._scene(image)))
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
                paired = pair(heard.text, [self._scene(c) for c in candidates], rng)
                if paired is not None:
                    return candidates[paired[0]], Asking(paired[1], intent, heard.text, heard)
        while True:
            image = rng.choice(candidates)
            try:
                asked = ask(self._scene(image), rng)
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
        found = opening(self.rng, intent, [self._scene(c) for c in candidates])
        if found is None:
            return None
        index, world = found
        asked = exchange(intent, question, world)
        if asked is None:
            return None
        is_heard = heard is not None
        asking = Asking(asked, intent, question, heard) if is_heard else self._put(asked, intent)
        return candidates[index], world, asking

    def _first(self) -> tuple[int | None, World, Asking]:
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
            past = [self._scene(i) for i in self._draw(rng.randint(1, 4))]
            before = tuple(scene for scene in past if scene is not None and is_memorable(scene))
        if rng.random() < 0.12:
            sounds = tuple(
                random_sound(rng, rng.randint(0, len(before))) for _ in range(rng.randint(1, 3))
            )
            sounds = tuple(sorted(sounds, key=lambda sound: sound.during))
        return image, World(self._scene(image), before, sounds), asking

    def _next(
        self, image: int | None, world: World, *, is_new: bool
    ) -> tuple[int | None, World, Asking]:
        """What is asked next, about the same picture or another one."""
        chance = self.rng.random()
        if is_new:
            candidates = self._draw(24 if self.pool is not None else 1)
            chosen, asking = self._about_pictures(candidates)
            old, scene = world.scene, self._scene(chosen)
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

    # How it is laid ---------------------------------------------------------------------------

    def _look(self, story: Story, image: int | None) -> None:
        """A picture comes, and mostly a note of it."""
        if image is None:
            story.word(CAMERA_OFF)
            return
        story.see(image, self.config.picture_tokens)
        story.is_noted = self.rng.random() < 0.6
        if story.is_noted:
            self._write_down(story, self.pictures.scenes[image], is_seen=True)

    def _write_down(self, story: Story, scene: Scene, *, is_seen: bool) -> range:
        (mark,) = self.lexicon.encode([NOTE])
        return story.note(mark, self.lexicon.encode(note_words(scene)), is_seen=is_seen)

    def _sound(self, story: Story, sound: Sound) -> None:
        start = story.length
        story.type(" ".join(sound_words(sound)))
        story.sounded.append(range(start, story.length))

    def _past(self, story: Story, world: World) -> None:
        """What came before the first picture: notes of others, and sounds in between."""
        for index, scene in enumerate(world.before):
            story.noted.append(self._write_down(story, scene, is_seen=False))
            for sound in world.sounds:
                if sound.during == index:
                    self._sound(story, sound)

    def write(self, exchanges: int) -> Story:
        """One story of at most so many exchanges; where it ends must say nothing about how."""
        rng, story = self.rng, Story()
        exchanges = rng.randint(1, exchanges)
        image, world, asking = self._first()
        self._past(story, world)
        for turn in range(exchanges):
            is_new = turn == 0 or rng.random() < 0.2
            if turn > 0:
                if is_new:
                    story.noted.append(range(0))
                image, world, asking = self._next(image, world, is_new=is_new)
                if len(story.noted) > len(world.before):
                    story.noted.pop()  # there was nothing to remember
            asked, heard = asking.exchange, asking.heard
            is_short = story.length < self.config.max_positions // 2
            if is_new or (is_short and rng.random() < LOOKED_AGAIN):
                self._look(story, image)
            if turn == 0:
                for sound in world.sounds:
                    if sound.during == len(world.before):
                        self._sound(story, sound)
            begun = story.length
            # What is unfinished or not for the agent leaves the cache again: it only comes last.
            unfinished = bool(asked.answer) and turn == exchanges - 1 and rng.random() < 0.5
            words, truth = self._by_ear(heard), asking.said.split()
            if unfinished:
                words, unfinished = self._cut(asking.said, words)
            if words is None:
                story.type(asking.said)
            else:
                if len(truth) != len(words) and not unfinished:
                    truth = []  # heard as more or fewer words than were said
                story.hear(words, truth[: len(words)])
            if unfinished:
                story.word(ASK, WAIT)
                return story
            if not asked.answer:
                story.ask(0, asking.intent)
                story.word(ASK, SILENT)
                return story
            known = [(at, word) for at, word in story.spelt if at >= begun]
            world = self._answer(story, asking, world, image, known)
            if image is not None and not story.is_noted and rng.random() < 0.4:
                story.is_noted = True
                self._write_down(story, self.pictures.scenes[image], is_seen=True)
        return story

    def _by_ear(self, heard: Heard | None) -> list[Heard] | None:
        """The words of an utterance: mostly those that were understood, as a model with a dictionary
        reads them; else the letters."""
        if heard is None:
            return None
        if heard.understood and self.rng.random() < 0.85:
            return heard.words_understood()
        return heard.words()

    def _answer(
        self,
        story: Story,
        asking: Asking,
        world: World,
        image: int | None,
        asked: Sequence[tuple[int, str]],
    ) -> World:
        """The answer is said; the world as it is then."""
        words, intent = tokenize(asking.exchange.answer), asking.intent
        meant = followed(intent, world) if intent.family == "follow-up" else intent
        hedged = False
        about = self._about(story, words, intent, meant or intent, world, image, asked)
        if len(about.listed) < 2 and self.rng.random() < 0.06:
            facts = [
                at for at, word in enumerate(words) if word.lower() in _FACTS or word in _FACTS
            ]
            if facts:
                words.insert(facts[0], MAYBE)
                hedged = True
        story.ask(len(words), intent, about.things, about.relevant, about.listed)
        (maybe,) = self.lexicon.encode([MAYBE])
        story.answer(self.lexicon.encode(words), maybe)
        if intent.family == "sure":
            return world
        return replace(world, asked=meant, is_hedged=hedged)

    def _about(
        self,
        story: Story,
        words: Sequence[str],
        intent: Intent,
        meant: Intent,
        world: World,
        image: int | None,
        asked: Sequence[tuple[int, str]],
    ) -> About:
        """What the question is about whose mark comes next, and where that is. `asked`: its words and
        their positions, where they are known."""
        if intent.family in ("memory", "motion", "change", "sound", "both"):
            where = self._recalled(story, intent, world)
            said = {at: self.lexicon.words[index] for at, index in story.words}
            source = [(at, said[at]) for at in where if at in said]
            return About((), tuple(where), copied(words, source))
        if intent.family in ("repeat", "sum", "tool") and asked:
            named = [(at, word) for at, word in asked if word in _NAMED]
            return About((), tuple(at for at, _ in named), copied(words, named))
        scene = self._scene(image)
        if scene is None or not story.pictures:
            return About()
        start, side = story.pictures[-1][0], self.config.picture // 16

        def patch(x: float, y: float) -> int:
            return start + int(y * side) * side + int(x * side)

        things = tuple(matching(meant, scene))
        relevant = {patch(item.x, item.y) for item in things}
        if scene.card is not None and meant.family in ("read", "describe"):
            relevant.add(patch(scene.card.x, scene.card.y))
        listed = tuple(
            (at, tuple(sorted({patch(item.x, item.y) for item in some})))
            for at, some in listing(words, things)
        )
        return About(things, tuple(sorted(relevant)), listed)

    def _recalled(self, story: Story, intent: Intent, world: World) -> list[int]:
        """Positions of the note or the sounds that a question is about."""
        if intent.family == "sound":
            return [
                at
                for sound, where in zip(world.sounds, story.sounded, strict=True)
                if intent.name in (None, sound.kind)
                for at in where
            ]
        during = [s.during for s in world.sounds if s.kind == intent.name]
        index = len(story.noted) - 1
        if intent.topic == "first":
            index = 0
        elif intent.family == "both" and intent.shape is None and during:
            index = during[0]
        return list(story.noted[index]) if 0 <= index < len(story.noted) else []

    def _cut(self, question: str, words: list[Heard] | None) -> tuple[list[Heard] | None, bool]:
        """The beginning of a question that is not one yet, as heard."""
        wanted = question.split()
        if words is None or len(wanted) < 2 or len(words) != len(wanted):
            return words, False
        keep = self.rng.randrange(1, len(wanted))
        if understand(" ".join(wanted[:keep])).topic != "chatter":
            return words, False
        return words[:keep], True
