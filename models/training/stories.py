"""Writes training sequences: short conversations about pictures, as the runtime would lay them out,
with notes on what each question is about for the teacher.

Pictures may come at any place and may change between questions; of those that left there are notes;
sounds come as words. What is asked is chosen by `questioner`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..config import ModelConfig
from ..lexicon import ASK, CAMERA_OFF, MAYBE, NOTE, SILENT, WAIT, Lexicon
from .heard import Heard, HeardPool
from .intents import Intent, understand
from .questioner import Asking, Questioner
from .recalling import followed
from .replies import listing, matching
from .scenes import COLORS, PLACES, SHAPES, Item, Scene
from .scenes import LETTERS as CAPITALS
from .story import Story
from .train_vision import Pictures
from .wording import BELONGINGS, DIGITS, SINGULAR, tokenize
from .world import Sound, World, note_words, sound_words

LOOKED_AGAIN = 0.3
"""Share of questions before which the same thing is looked at again: what a hand holds is never quite
still."""


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


_FACTS = frozenset((*COLORS, *SHAPES, *DIGITS, *CAPITALS, *PLACES, "yes", "no"))
"""Words that state a fact, which a hedge may stand before."""


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
        self.questioner = Questioner(pictures, rng, pool)
        self.lexicon, self.config, self.rng = lexicon, config, rng

    def _look(self, story: Story, image: int | None) -> None:
        """A picture comes, and mostly a note of it."""
        if image is None:
            story.word(CAMERA_OFF)
            return
        story.see(image, self.config.picture_tokens)
        story.is_noted = self.rng.random() < 0.6
        if story.is_noted:
            self._write_down(story, self.questioner.pictures.scenes[image], is_seen=True)

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
        image, world, asking = self.questioner.first()
        self._past(story, world)
        for turn in range(exchanges):
            is_new = turn == 0 or rng.random() < 0.2
            if turn > 0:
                if is_new:
                    story.noted.append(range(0))
                image, world, asking = self.questioner.following(image, world, is_new=is_new)
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
                self._write_down(story, self.questioner.pictures.scenes[image], is_seen=True)
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
        scene = self.questioner.scene(image)
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
