"""The embedded model as the engine steps it: streaming prefill, shadows, exact early exit.

Puts the parts of a conversation together: what is heard (`spoken_words.py`), the log and its cache
(`context.py`), the answer (`answering.py`). Runs on one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..runtime.abilities import Abilities
from ..runtime.events import Head, TokensTaken
from ..runtime.tools import Recital
from .answering import ANSWER_WORDS, RESERVE, Answer, Decoder, Heads
from .config import SPAN, ModelConfig
from .context import Context
from .dictionary import Dictionary
from .entries import Entries
from .hedging import HEDGED_BELOW, Hedging
from .lexicon import ASK, CAMERA_OFF, END, Lexicon
from .networks import Floats, Networks, WeightFile
from .notes import NoteTaker
from .onnx_networks import OnnxNetworks
from .positions import PositionCache
from .spoken_words import SpokenWords
from .stepper import SlotFailed
from .tool_words import Recitation, ToolWords
from .typed_text import normalize
from .window import Entry, Left, What

CHANGED = 5.0
"""Mean difference of 8-bit colour over coarse blocks from which a picture is another one."""

BLOCK_CHANGED, BLOCKS_CHANGED = 25.0, 2
"""Difference of one colour of a block from which the block is another one, and so many of those
make another picture: a small thing that moved. A hand's shake passes this once in a hundred
pictures."""

LETTERS_TYPED = 120
"""Longest typed question, in letters, that fits beside the context."""

R = TypeVar("R")


@dataclass(slots=True)
class Conversation:
    """One slot."""

    context: Context
    words: SpokenWords
    utterance: int = 0
    is_closed: bool = False
    """The utterance was answered: it can't be forgotten any more."""
    coarse: Floats | None = None
    """Of the newest picture."""
    answer: Answer | None = None
    told: Answer | None = None
    """Decoded to its end, but a person may still cut it short."""
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    """Counts of the answer that was dropped last."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How the model answers."""

    hedge_below: float = HEDGED_BELOW
    """Chance of a word that states a fact below which "maybe" is said before it; 0 never."""
    wait_from: float | None = None
    """Chance, read at the first exit, from which a person counts as unfinished without asking the
    deep layers; None asks them always."""


def open_embedded(
    weights: WeightFile,
    slots: int,
    threads: int = 1,
    habits: Habits | None = None,
    networks: Networks | None = None,
) -> Embedded:
    """The model of a weight file, with places for `slots` conversations: in ONNX Runtime with so many
    threads inside a step, or over other networks of the same weights.

    Transcripts are words of the dictionary beside the weights (`nano.words.json`), where one is.
    """
    networks = networks or OnnxNetworks(weights, threads)
    words = weights.path.with_suffix(".words.json")
    dictionary = Dictionary.load(words) if words.exists() else None
    return Embedded(
        networks, weights.config, weights.lexicon, weights.tensors, slots, dictionary, habits
    )


class Embedded:
    """A `Stepper` over the embedded model."""

    def __init__(
        self,
        networks: Networks,
        config: ModelConfig,
        lexicon: Lexicon,
        tables: Mapping[str, npt.NDArray[np.float32]],
        slots: int,
        dictionary: Dictionary | None = None,
        habits: Habits | None = None,
    ) -> None:
        """`tables`: the weight file's tensors, for looking up words and kinds. Without a dictionary
        a transcript is what was heard letter by letter."""
        self.slots = slots
        self.picture_size = (config.picture, config.picture)
        self._config, self._lexicon, self._networks = config, lexicon, networks
        self._habits = habits or Habits()
        self.chosen = dict[str, str]()
        """How it computes, for a person; whoever made the networks adds to it."""
        if self._habits.wait_from is not None:
            self.chosen["turn end"] = f"first layers alone from {self._habits.wait_from:.3f} on"
        self._tools = ToolWords(lexicon)
        self.abilities = Abilities(calls=self._tools.calls)
        self._entries = Entries(networks, config, lexicon, tables)
        self._decoder = Decoder(self._entries, lexicon, Hedging(lexicon, self._habits.hedge_below))
        self._notes = NoteTaker(self._entries, lexicon)
        self._samples: Floats = np.zeros((slots, SPAN - config.hop), np.float32)
        frames = sum(2 * d for d in config.dilations)
        self._frames: Floats = np.zeros((slots, frames, config.audio_width), np.float32)
        self._talks = [
            Conversation(
                Context(
                    PositionCache(networks, config), self._entries, config.max_positions, RESERVE
                ),
                SpokenWords(dictionary),
            )
            for _ in range(slots)
        ]
        for slot in range(slots):
            self.reset(slot)

    @property
    def drafted(self) -> int:
        """Words drafted since the start."""
        return self._decoder.drafted

    @property
    def accepted(self) -> int:
        """Of those, the ones that the full depth said, too."""
        return self._decoder.accepted

    # What comes in ----------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Run every kind of step once."""
        for _ in range(3):
            self.reset(0)
            self.open_utterance(0)
            self.look([0], np.zeros((1, *self.picture_size, 3), np.uint8))
            self.hear([0], np.zeros((1, self._config.window), np.float32))
            while any((*self.lay([0]), *self.fill([0]))):
                pass
            self.begin([0], ["what do you see"])
            for _ in range(12):
                if self.next([0])[0][1]:
                    break
        self.reset(0)

    def reset(self, slot: int) -> None:
        """A fresh conversation."""
        talk = self._talks[slot]
        talk.context.clear()
        self._talks[slot] = talk = Conversation(talk.context, talk.words)
        talk.words.reset()
        self._silence(slot)
        talk.context.log = [self._entries.mark(CAMERA_OFF, What.PICTURE, 0)]

    def open_utterance(self, slot: int) -> None:
        """A new utterance's latents begin."""
        self._talks[slot].words.reset()
        self._silence(slot)
        self._number_utterance(slot)

    def hear(self, slots: Sequence[int], windows: npt.NDArray[np.float32]) -> list[bool]:
        """One step of the audio encoder for B slots; finished words go to the caches."""
        rows = list(slots)
        chances, latents, samples, frames = self._networks.hear(
            windows, self._samples[rows], self._frames[rows]
        )

        def listen(row: int) -> bool:
            slot = slots[row]
            talk = self._talks[slot]
            before = talk.words.spelled
            for word in talk.words.feed(chances[row], latents[row]):
                if not talk.words.are_searched:
                    talk.context.enter(self._entries.heard(word, talk.utterance))
            self._samples[slot], self._frames[slot] = samples[row], frames[row]
            return talk.words.spelled != before

        return _each(len(rows), listen)

    def transcript(self, slot: int) -> str:
        """What was understood of the utterance so far. Its words go to the cache but for the last,
        which may become another one; those that became others are taken back."""
        talk = self._talks[slot]
        text = talk.words.transcript()
        if talk.words.are_searched and talk.answer is None and not talk.is_closed:
            self._understood(talk, text.split()[:-1])
        return text

    def look(self, slots: Sequence[int], pictures: npt.NDArray[np.uint8]) -> list[bool]:
        """Take in those pictures that differ from the one before: the first half of the vision
        encoder. `lay` goes on with them."""

        def see(row: int) -> bool:
            talk, picture = self._talks[slots[row]], pictures[row]
            coarse = _coarse(picture)
            is_new = talk.coarse is None or is_another(coarse, talk.coarse)
            if is_new:
                entry = self._entries.picture(picture, talk.utterance)
                talk.coarse = coarse
                talk.context.enter(entry)
            return is_new

        return _each(len(slots), see)

    def tell_sound(self, slot: int, words: str) -> None:
        """A sound besides speech was heard. Without a letter among the words nothing happens."""
        talk = self._talks[slot]
        entry = self._entries.sound(normalize(words), talk.utterance)
        if entry is not None:
            talk.context.enter(entry)

    def owed(self, slot: int) -> int:
        """Positions of the log that are not in the cache yet."""
        return self._talks[slot].context.owed

    def lay(self, slots: Sequence[int]) -> list[int]:
        """The second half of the vision encoder, or positions into the first layers."""

        def some(row: int) -> int:
            context = self._talks[slots[row]].context
            context.lay()
            return context.owed

        return _each(len(slots), some)

    def unfilled(self, slot: int) -> int:
        """Positions in the cache that the deep layers have not seen."""
        return self._talks[slot].context.unfilled

    def fill(self, slots: Sequence[int]) -> list[int]:
        """The next positions of each slot into the deep layers."""

        def some(row: int) -> int:
            context = self._talks[slots[row]].context
            context.fill()
            return context.unfilled

        return _each(len(slots), some)

    def wants_note(self, slot: int) -> bool:
        """The newest picture is in the cache and not in words yet."""
        return self._notes.is_due(self._talks[slot].context)

    def write_note(self, slots: Sequence[int]) -> list[bool]:
        """The next word of each slot's note of what it sees; whether more is to come."""

        def write(row: int) -> bool:
            context = self._talks[slots[row]].context
            self._notes.write(context)
            return self._notes.is_due(context)

        return _each(len(slots), write)

    def set_camera(self, slot: int, is_on: bool) -> None:
        """Off: the model is told that it has no eyes. On: the next picture tells it otherwise."""
        talk = self._talks[slot]
        talk.coarse = None
        if not is_on:
            talk.context.enter(self._entries.mark(CAMERA_OFF, What.PICTURE, talk.utterance))

    # Answers ----------------------------------------------------------------------------------

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        """Begin answers to what was heard, or to typed texts."""
        return _each(len(slots), lambda row: self._begin(slots[row], texts[row]))

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        """The next word of each answer: the full depth's choice, drafted early where it pays."""
        return _each(len(slots), lambda row: self._next(slots[row]))

    def wants_draft(self, slot: int) -> bool:
        """The next word of the answer takes the first layers, then the deep ones."""
        answer = self._talks[slot].answer
        return answer is not None and self._decoder.wants_draft(answer)

    def draft(self, slots: Sequence[int]) -> list[bool]:
        """The first layers' part of the next words."""

        def some(row: int) -> bool:
            talk = self._talks[slots[row]]
            is_wanted = talk.answer is not None and self._decoder.wants_draft(talk.answer)
            if talk.answer is not None:
                self._decoder.draft(talk.context, talk.answer)
            return is_wanted

        return _each(len(slots), some)

    def call(self, slot: int) -> tuple[str, str] | None:
        """The function that the answer calls, under way or the last one."""
        answer = self._talks[slot].answer or self._talks[slot].told
        return None if answer is None or answer.recital else self._tools.call(answer.said)

    def certainty(self, slot: int) -> float:
        """How sure the answer under way, or the last one, is of its words so far: 0 to 1."""
        talk = self._talks[slot]
        answer = talk.answer or talk.told
        return 0.0 if answer is None else answer.certainty

    def early_wait(self, slot: int) -> float:
        """How the first layers alone judged, when the newest answer began, that the person is not
        finished: 0 to 1."""
        talk = self._talks[slot]
        answer = talk.answer or talk.told
        return 0.0 if answer is None else answer.early_wait

    def counts(self, slot: int) -> dict[str, int]:
        """Of the newest answer: positions that lay in the cache when it began, positions that went
        in with its first pass, its words, words drafted and accepted, passes of the deep layers,
        and how often it said "maybe" because the model was not sure."""
        talk = self._talks[slot]
        answer = talk.answer or talk.told
        counts = dict(talk.dropped) if answer is None else answer.counts()
        if counts:  # `layer_passes` beside what full depth would have taken, word by word
            depth, exit_at = self._config.layers, self._config.exits[0]
            shallow = (1 + counts["drafted_words"]) * exit_at
            counts["layer_passes"] = shallow + counts["deep_passes"] * (depth - exit_at)
            counts["full_layer_passes"] = depth * max(1, counts["words"])
        return counts

    @property
    def span(self) -> int:
        """Positions of a slot's cache."""
        return self._config.max_positions

    def taken(self, slot: int) -> TokensTaken:
        """Positions of the slot's context by where they come from; marks and what was said before
        count as text."""
        image = audio = text = 0
        for entry in self._talks[slot].context.log:
            positions = len(entry.x)
            if entry.what is What.PICTURE and positions > 1:  # one is the mark of no camera
                image += positions
            elif entry.what is What.SOUND or (entry.what is What.ASKED and not entry.is_typed):
                audio += positions
            else:
                text += positions
        return TokensTaken(text, audio, image)

    def log(self, slot: int) -> tuple[Entry, ...]:
        """What the slot's cache holds or is owed, in order."""
        return tuple(self._talks[slot].context.log)

    def left(self, slot: int) -> Left:
        """What left the window of this conversation."""
        return self._talks[slot].context.left

    def held(self, slot: int) -> Floats:
        """A copy of what the slot's cache holds at full depth [2, N, H, L, D / H]."""
        return self._talks[slot].context.cache.held()

    def retract(self, slot: int) -> None:
        """Drop the shadow."""
        talk = self._talks[slot]
        if talk.answer is not None:
            talk.context.cut(talk.answer.log)
            talk.dropped, talk.answer = talk.answer.counts(), None
            talk.context.catch_up()

    def commit(self, slot: int) -> None:
        """The shadow becomes the turn. What was heard of its utterance since it began is dropped:
        the engine brings those windows again with the next utterance."""
        talk, context = self._talks[slot], self._talks[slot].context
        answer = talk.answer
        if answer is None:
            return
        answer.is_committed = True
        context.waiting = [
            entry
            for entry in context.waiting
            if entry.what is not What.ASKED or entry.utterance != answer.utterance
        ]
        if talk.utterance == answer.utterance:
            talk.is_closed = True
            talk.words.reset()
        if answer.is_over:
            self._finish(talk)

    def cancel(self, slot: int, heard: str) -> None:
        """Keep of the answer only the words that were heard, also when all were decoded."""
        talk = self._talks[slot]
        answer = talk.answer or talk.told
        if answer is None:
            return
        text, keep = "", 0
        wanted = heard.strip()
        for index, word in enumerate(answer.said if answer.recital is None else ()):
            if len(text) >= len(wanted):
                break
            text += self._lexicon.text(word, not text)
            keep = index + 1
        said = answer.said[:keep] if answer.recital is None else answer.recital.heard(heard)
        talk.context.retell(answer.ask, self._decoder.told(said, answer))
        talk.dropped = answer.counts()
        talk.answer = talk.told = None
        talk.context.catch_up()

    def forget(self, slot: int) -> None:
        """Drop the words of the utterance in progress, and a shadow on it; pictures stay."""
        talk, context = self._talks[slot], self._talks[slot].context
        if talk.answer is not None and not talk.answer.is_committed:
            context.cut(talk.answer.log)
            talk.answer = None
            context.is_answering = False
        talk.words.reset()
        context.forget(-1 if talk.is_closed else talk.utterance)

    # Inside -----------------------------------------------------------------------------------

    def _begin(self, slot: int, text: str | None) -> tuple[Head, float]:
        talk, context = self._talks[slot], self._talks[slot].context
        if talk.answer is not None:
            self._finish(talk)
        talk.told = None
        context.settle_note()
        if talk.is_closed:  # typed, with nothing said since the last answer
            self._number_utterance(slot)
        entries: list[Entry] = []
        if text is None:
            entries += self._last_words(talk)
        elif not isinstance(text, Recital):
            typed = self._entries.typed(normalize(text)[:LETTERS_TYPED], talk.utterance)
            if typed is not None:
                entries.append(typed)
        ask = self._entries.mark(ASK, What.SAID, talk.utterance)
        entries.append(ask)
        context.see_held_back()
        context.make_room(sum(len(e.x) for e in entries))
        answer = Answer(len(context.log), talk.utterance, ask, cached=context.cache.used)
        context.log += entries
        # One pass for all that was missing, and the mark that asks for the answer.
        early = context.lay_all()
        answer.added = context.cache.used - answer.cached
        talk.answer, context.is_answering = answer, True
        if isinstance(text, Recital):
            answer.recital = self._tools.recitation(text, ANSWER_WORDS)
            return Head.ANSWER, 1.0
        wait_from = self._habits.wait_from
        answer.early_wait = Heads.of(early).wait
        if text is None and wait_from is not None and answer.early_wait >= wait_from:
            return Head.WAIT, answer.early_wait
        answer.first, answer.passes = context.fill_all(), 1
        heads = Heads.of(answer.first)
        if text is not None or heads.answer >= max(heads.wait, heads.silent):
            return Head.ANSWER, heads.answer
        if heads.wait >= heads.silent:
            return Head.WAIT, heads.wait
        return Head.SILENT, heads.silent

    def _last_words(self, talk: Conversation) -> list[Entry]:
        """What of the utterance is not in the log yet: the word in progress, as if it were complete."""
        if not talk.words.are_searched:
            word = talk.words.open_word()
            return [self._entries.heard(word, talk.utterance)] if word else []
        words = talk.words.transcript().split()
        self._understood(talk, words[:-1])
        return [self._entries.understood(word, talk.utterance) for word in words[-1:]]

    def _understood(self, talk: Conversation, words: Sequence[str]) -> None:
        talk.context.respell(
            talk.utterance, words, lambda word: self._entries.understood(word, talk.utterance)
        )

    def _next(self, slot: int) -> tuple[str, bool]:
        talk = self._talks[slot]
        answer = talk.answer
        if answer is None or answer.is_over:
            return "", True
        if answer.recital is not None:
            return self._recite(talk, answer, answer.recital)
        word = self._decoder.next(talk.context, answer)
        if word == END or len(answer.said) >= ANSWER_WORDS:
            if word == END:
                talk.context.log.append(self._entries.mark(END, What.SAID, answer.utterance))
            else:  # the cache may hold words that were drafted but are not said
                talk.context.retell(answer.ask, self._decoder.told(answer.said, answer))
            return self._over(talk, answer)
        text = self._lexicon.text(word, not answer.said)
        answer.said.append(word)
        return "" if self._tools.is_call(answer.said) else text, False

    def _recite(self, talk: Conversation, answer: Answer, recital: Recitation) -> tuple[str, bool]:
        """The next word of a text that is said as it stands; the cache follows when it can."""
        piece = recital.next()
        text, known = piece or ("", (END,))
        talk.context.log += [self._entries.mark(w, What.SAID, answer.utterance) for w in known]
        if piece is None:
            return self._over(talk, answer)
        answer.said += known
        return text, False

    def _over(self, talk: Conversation, answer: Answer) -> tuple[str, bool]:
        """There was no word more."""
        answer.is_over = True
        if answer.is_committed:
            self._finish(talk)
        return "", True

    def _finish(self, talk: Conversation) -> None:
        """The answer under way is history now; what came meanwhile goes in behind it."""
        talk.told, talk.answer = talk.answer, None
        talk.context.catch_up()

    def _number_utterance(self, slot: int) -> None:
        """What comes in from now on belongs to another utterance."""
        talk = self._talks[slot]
        talk.utterance += 1
        talk.is_closed = False
        talk.context.pictures = 0
        if talk.answer is None:
            talk.context.shorten()

    def _silence(self, slot: int) -> None:
        """The audio encoder's state of a slot starts over."""
        self._samples[slot] = 0
        self._frames[slot] = 0


def _each(count: int, serve: Callable[[int], R]) -> list[R]:
    """Rows served one after the other. Raises `SlotFailed` for the row that can't be."""
    done: list[R] = []
    for row in range(count):
        try:
            done.append(serve(row))
        except Exception as error:  # whatever it is, the rows before it are served
            if count == 1:
                raise
            raise SlotFailed(done) from error
    return done


def is_another(now: Floats, before: Floats) -> bool:
    """Whether coarse pictures [H / 8, W / 8, 3] show something else."""
    apart = np.abs(now - before)
    return bool(
        apart.mean() > CHANGED or (apart.max(axis=2) > BLOCK_CHANGED).sum() >= BLOCKS_CHANGED
    )


def _coarse(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Mean colour of 8×8 blocks, [H / 8, W / 8, 3]."""
    h, w, _ = picture.shape
    means: Floats = picture.reshape(h // 8, 8, w // 8, 8, 3).mean(axis=(1, 3), dtype=np.float32)
    return means
