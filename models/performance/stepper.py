"""The performance model as the engine steps it: real prefill, shadows, cuts and tokens of a large
model's cost, and random words.

What is computed is what a trained model of these sizes would compute; what it means is nothing. Its
head always says that an answer is wanted. A slot whose cache is full begins a new context, and
that is counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from ...runtime.errors import ConfigError
from ...runtime.events import Head, TokensTaken
from ..stepper import Pictures, Samples
from .babble import LENGTHS, SHORTEST, answer_words, typed_tokens, word
from .batches import KINDS, Batches
from .cache_slots import CacheSlots
from .config import DRAFT, FILL, MARKS, TEXT, performance_config
from .context import Source
from .model import HOLD, Built, PerformanceModel
from .talks import Answer, Talk

WORD_WINDOWS = 8
"""Windows heard for each word of the transcript, which is as random as the answers."""
CHANGED = 5.0
"""Mean difference of 8-bit colour over a coarse grid from which a picture is another one."""
UTTERANCE = 96
"""Positions (3 s of speech) that an utterance should find free when it opens."""
ANSWER = SHORTEST + LENGTHS + DRAFT
"""Positions that an answer may need."""


def open_performance(
    name: str, slots: int, *, device: str = "auto", early_exit: bool = False
) -> PerformanceStepper:
    """The model of that name (`tiny`, `small`, `1b`) on `cpu`, `cuda` or, `auto`, what is there.
    Raises `ConfigError`."""
    config = performance_config(name)
    place = choose_device(device)
    kind = torch.bfloat16 if place.type == "cuda" else torch.float32
    return PerformanceStepper(
        Batches(PerformanceModel(config, Built(slots, place, kind))), early_exit=early_exit
    )


def choose_device(name: str) -> torch.device:
    """`cpu`, `cuda`, or `auto`. Raises `ConfigError`."""
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"the device is {name!r}: choose auto, cpu or cuda")
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise ConfigError(
            f"the device is 'cuda' and torch {torch.__version__} finds none: check the driver and "
            "that this torch is a CUDA build, or choose cpu"
        )
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


class PerformanceStepper:
    """A `Stepper` that `Lays`, `Counts` and `CountsContext`. Audio enters the decoder FILL latents at
    a time, so the weights are read once for all of them; an answer's beginning takes what is left,
    its mark and the first token together."""

    def __init__(self, batches: Batches, *, early_exit: bool = False) -> None:
        """`early_exit`: draft at a quarter of the depth and verify, instead of one token a step."""
        self._batches = batches
        self._config = batches.model.config
        self._early_exit = early_exit
        self._slots = CacheSlots(batches.model.built.slots, self._config.decoder.span)
        self._talks = [Talk() for _ in range(len(self._slots))]
        self.new_contexts = 0
        """Times a slot's cache was full and its context began anew."""
        self.lost_latents = 0
        """Audio that found no room: in a full cache, or behind a long answer."""

    # What comes in ----------------------------------------------------------------------------

    @property
    def slots(self) -> int:
        """As many as the model has caches for."""
        return len(self._slots)

    @property
    def picture_size(self) -> tuple[int, int]:
        """A square."""
        return (self._config.picture, self._config.picture)

    @property
    def span(self) -> int:
        """Positions of a slot's cache."""
        return self._slots.span

    def warm_up(self) -> None:
        """Prepare all steps for all batch sizes; on CUDA that is capturing the graphs. Raises
        MemoryError where a kind of step has no batch that fits."""
        kinds = [kind for kind in KINDS if kind != ("decode" if self._early_exit else "draft")]
        self._batches.prepare(kinds)
        broke = self._batches.preparation.broke
        for kind in kinds:
            key = "draft0" if kind == "draft" else kind
            for read in (0,) if kind in ("hear", "see") else self._config.spans:
                if not self._batches.sizes(key, read):
                    raise MemoryError(
                        f"no batch of {kind!r} fits into the device ({'; '.join(broke.values())}): "
                        "lower engine.slots or choose a smaller model"
                    )

    def reset(self, slot: int) -> None:
        """A fresh conversation."""
        self._slots.open(slot)
        self._talks[slot] = Talk()

    def open_utterance(self, slot: int) -> None:
        """The encoder starts from nothing."""
        talk, slots = self._talks[slot], self._slots
        if talk.answer is None and int(slots.used[slot]) + self._reserve + UTTERANCE > slots.span:
            self._new_context(slot)
        self._drop_waiting(slot)
        slots.encoded[slot] = 0
        talk.utterance += 1
        talk.began = int(slots.used[slot])
        talk.has_pictures = False

    def hear(self, slots: Sequence[int], windows: Samples) -> list[bool]:
        """Enqueued, not waited for. A word of the transcript every WORD_WINDOWS. The latents wait
        beside the cache until they are laid, or until there would be no room for more."""
        rows, state = list(slots), self._slots
        self._batches.hear(rows, windows, state.encoded[rows], state.next[rows] % HOLD)
        state.encoded[rows] += 1
        state.next[rows] += 1
        self._take_in(rows)
        return [int(state.encoded[slot]) % WORD_WINDOWS == 0 for slot in rows]

    def transcript(self, slot: int) -> str:
        """Random words, more of them the longer the utterance is."""
        count = int(self._slots.encoded[slot]) // WORD_WINDOWS
        return " ".join(word(97 * self._talks[slot].utterance + n) for n in range(count))

    def owed(self, slot: int) -> int:
        """Positions that could go into the cache now: none while an answer is under way."""
        talk = self._talks[slot]
        if talk.answer is not None:
            return 0
        picture = self._config.picture_tokens if talk.picture else 0
        return picture + self._slots.waiting(slot) // FILL * FILL

    def lay(self, slots: Sequence[int]) -> list[int]:
        """A picture that waits, or else FILL latents, of each slot."""
        free = [slot for slot in slots if self._talks[slot].answer is None]
        shown = [slot for slot in free if self._talks[slot].picture]
        self._show(shown)
        rest = set(free).difference(shown)
        self._fill([slot for slot in free if slot in rest and self._slots.waiting(slot) >= FILL])
        return [self.owed(slot) for slot in slots]

    def look(self, slots: Sequence[int], pictures: Pictures) -> list[bool]:
        """Pictures that differ are encoded and go into the cache, behind what was heard before
        them; while an answer is under way, behind that."""
        changed: list[bool] = []
        for slot, picture in zip(slots, pictures, strict=True):
            coarse = _coarse(picture)
            before = self._talks[slot].coarse
            changed.append(before is None or float(np.abs(coarse - before).mean()) > CHANGED)
        some = [slot for slot, is_new in zip(slots, changed, strict=True) if is_new]
        if some:
            self._batches.see(some, pictures[np.array(changed)])
            for slot, picture in zip(slots, pictures, strict=True):
                if slot in some:
                    self._talks[slot].coarse = _coarse(picture)
                    self._talks[slot].picture = True
            free = [slot for slot in some if self._talks[slot].answer is None]
            self._fill_to(free, FILL - 1)
            self._show(free)
        return changed

    def set_camera(self, slot: int, is_on: bool) -> None:
        """The next picture counts as new."""
        self._talks[slot].coarse = None

    # Answers ----------------------------------------------------------------------------------

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        """Always an answer; how sure is what the random head says."""
        rows, state = list(slots), self._slots
        for slot in rows:
            self._end(slot)
            self._talks[slot].told = None
        self._show([slot for slot in rows if self._talks[slot].picture])
        starts: list[int] = []
        firsts: list[int] = []
        counts: list[int] = []
        counted: list[tuple[int, int]] = []  # positions cached, positions added
        for slot, text in zip(rows, texts, strict=True):
            self._drain(slot)
            self._make_room(slot)
            start, count = int(state.used[slot]), state.waiting(slot)
            if text is not None:
                typed = typed_tokens(text, self._config.words, MARKS, TEXT)
                self._batches.text([slot], [start], [typed])
                start, count = start + len(typed), 0
            counted.append((int(state.used[slot]), start - int(state.used[slot]) + count + 1))
            starts.append(start)
            firsts.append(int(state.first[slot]))
            counts.append(count)
        tokens, sureness = self._batches.begin(rows, starts, firsts, counts)
        for row, (slot, token) in enumerate(zip(rows, tokens, strict=True)):
            talk, base = self._talks[slot], starts[row] + counts[row] + 1
            answer = Answer(base, base, answer_words(token), [token], talk.utterance)
            answer.cached, answer.added = counted[row]
            answer.heard = texts[row] is None
            talk.answer = answer
        return [(Head.ANSWER, sure) for sure in sureness]

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        """The next word of each; after the last one an empty token that ends the answer."""
        rows: list[int] = []
        found: dict[int, tuple[str, bool]] = {}
        for slot in slots:
            answer = self._talks[slot].answer
            if answer is None or answer.is_over:
                found[slot] = ("", True)
            elif len(answer.tokens) <= answer.said < answer.words:
                rows.append(slot)
        self._decode(rows)
        for slot in slots:
            answer = self._talks[slot].answer
            if slot in found or answer is None:
                continue
            if answer.said >= answer.words:
                answer.is_over = True
                if answer.is_committed:
                    self._end(slot)
                found[slot] = ("", True)
            else:
                found[slot] = (" " * (answer.said > 0) + word(answer.tokens[answer.said]), False)
                answer.said += 1
        return [found[slot] for slot in slots]

    def counts(self, slot: int) -> dict[str, int]:
        """Of the newest answer; `full_layer_passes` is what it would have taken word by word at full
        depth."""
        talk = self._talks[slot]
        answer = talk.answer or talk.told
        return dict(talk.newest) if answer is None else self._counted(answer)

    def taken(self, slot: int) -> TokensTaken:
        """The slot's context, and the answer under way."""
        talk = self._talks[slot]
        found = talk.context.taken()
        answer = talk.answer
        if answer is None:
            return found
        heard = answer.added - 1 if answer.heard else 0
        text = answer.added - heard + answer.said
        return TokensTaken(found.text + text, found.audio + heard, found.image)

    def retract(self, slot: int) -> None:
        """The cache is what it was; latents that went into the shadow wait again."""
        talk = self._talks[slot]
        if talk.answer is not None:
            talk.newest, talk.answer = self._counted(talk.answer), None

    def commit(self, slot: int) -> None:
        """What was heard since the answer began is dropped: the engine brings it again."""
        talk = self._talks[slot]
        answer = talk.answer
        if answer is None or answer.is_committed:
            return
        answer.is_committed = True
        if talk.utterance == answer.utterance:
            self._drop_waiting(slot)
            self._slots.encoded[slot] = 0
        if answer.is_over:
            self._end(slot)

    def cancel(self, slot: int, heard: str) -> None:
        """Keep the words that were heard. What came behind the answer since its end enters again,
        so the cut is exact; after HOLD windows of it the answer stays whole."""
        talk, state = self._talks[slot], self._slots
        answer = talk.answer or talk.told
        if answer is None:
            return
        is_told = talk.answer is None
        talk.answer = talk.told = None
        end = min(answer.base + min(len(heard.split()), answer.said), answer.at)
        if is_told:
            state.first[slot] = answer.later
            talk.picture = talk.picture or answer.has_pictures_later
        talk.newest = self._counted(answer)
        if not is_told and answer.heard:
            talk.context.grow_to(int(state.used[slot]) + answer.added - 1, Source.AUDIO)
        state.used[slot] = talk.began = end
        talk.context.cut(end)
        talk.context.grow_to(end, Source.TEXT)

    def forget(self, slot: int) -> None:
        """Cut back to the utterance's beginning; the newest picture is put in again."""
        talk, state = self._talks[slot], self._slots
        if talk.answer is not None and not talk.answer.is_committed:
            talk.answer = None
        self._drop_waiting(slot)
        if talk.answer is None:
            state.cut(slot, min(talk.began, int(state.used[slot])))
            talk.context.cut(int(state.used[slot]))
            if talk.has_pictures:
                self._show([slot])

    # Inside -----------------------------------------------------------------------------------

    def _take_in(self, slots: Sequence[int]) -> None:
        """After something was heard: what came too late is forgotten, and where so much waits that
        there would soon be no room for more, it enters."""
        state = self._slots
        for slot in slots:
            talk = self._talks[slot]
            if talk.told is not None and state.next[slot] - talk.told.later > HOLD:
                talk.told = None  # its place could not be restored any more
            if state.waiting(slot) > HOLD:
                state.first[slot] += 1
                self.lost_latents += 1
        full = [slot for slot in slots if state.waiting(slot) > HOLD - FILL]
        free = [slot for slot in full if self._talks[slot].answer is None]
        self._show([slot for slot in free if self._talks[slot].picture])
        self._fill_to(free, FILL - 1)

    def _fill_to(self, slots: Sequence[int], most: int) -> None:
        """So that at most so many latents wait, the last ones."""
        while rows := [slot for slot in slots if self._slots.waiting(slot) > most]:
            self._fill(rows)

    def _drain(self, slot: int) -> None:
        """So that less than FILL + 1 latents wait: what a beginning can take."""
        while self._slots.waiting(slot) > FILL:
            self._fill([slot])

    def _fill(self, slots: Sequence[int]) -> None:
        state = self._slots
        rows = [slot for slot in slots if int(state.used[slot]) + self._reserve <= state.span]
        if rows:
            self._batches.fill(rows, state.used[rows], state.first[rows])
            state.grow(rows, FILL)
            self._account(rows, Source.AUDIO)
        self.lost_latents += FILL * (len(slots) - len(rows))
        state.first[list(slots)] += FILL

    def _show(self, slots: Sequence[int]) -> None:
        state, count = self._slots, self._config.picture_tokens
        for slot in slots:
            self._make_room(slot)
        rows = list(slots)
        if rows:
            self._batches.show(rows, state.used[rows])
            state.grow(rows, count)
            self._account(rows, Source.IMAGE)
        for slot in rows:
            talk = self._talks[slot]
            talk.picture, talk.has_pictures = False, True
            if talk.told is not None:
                talk.told.has_pictures_later = True

    @property
    def _reserve(self) -> int:
        """Positions that the next picture, text and answer may need."""
        return self._config.picture_tokens + TEXT + 2 * (FILL + 1) + ANSWER

    def _make_room(self, slot: int) -> None:
        if int(self._slots.used[slot]) + self._reserve > self._slots.span:
            self._new_context(slot)

    def _new_context(self, slot: int) -> None:
        self._slots.cut(slot, 0)
        self._talks[slot].context.cut(0)
        self._talks[slot].began = 0
        self._talks[slot].told = None
        self.new_contexts += 1

    def _drop_waiting(self, slot: int) -> None:
        talk, state = self._talks[slot], self._slots
        state.first[slot] = state.next[slot]
        if talk.told is not None:
            talk.told.later = int(state.next[slot])

    def _decode(self, slots: Sequence[int]) -> None:
        """The next known tokens of answers that have none left."""
        if not slots:
            return
        answers = [answer for slot in slots if (answer := self._talks[slot].answer) is not None]
        starts = [answer.at for answer in answers]
        tokens = [answer.tokens[-1] for answer in answers]
        if self._early_exit:
            found = self._batches.draft(slots, starts, tokens)
        else:
            found = [[token] for token in self._batches.decode(slots, starts, tokens)]
        for answer, more in zip(answers, found, strict=True):
            answer.tokens += more
            answer.at += len(more)
            answer.passes += 1
            answer.drafted += DRAFT if self._early_exit else 0
            answer.accepted += len(more) if self._early_exit else 0

    def _account(self, slots: Sequence[int], source: Source) -> None:
        """What the cache holds beyond what was known comes from there."""
        for slot in slots:
            self._talks[slot].context.grow_to(int(self._slots.used[slot]), source)

    def _counted(self, answer: Answer) -> dict[str, int]:
        depth, exit_at = self._config.decoder.layers, self._config.exits[0]
        return answer.counts(depth, exit_at if self._early_exit else None)

    def _end(self, slot: int) -> None:
        """A committed answer, whole, becomes part of the context; a shadow is dropped."""
        talk, state = self._talks[slot], self._slots
        answer = talk.answer
        if answer is None or not answer.is_committed:
            talk.answer = None
            return
        # An early exit may have gone past the last word: only what was said stays.
        answer.at = min(answer.at, answer.base + answer.said)
        answer.is_over = True
        answer.later = int(state.first[slot])
        # Behind what its beginning took in of the audio come its mark and its words.
        start = int(state.used[slot])
        heard = answer.added - 1 if answer.heard else 0
        talk.context.grow_to(start + heard, Source.AUDIO)
        state.used[slot] = answer.at
        talk.context.grow_to(answer.at, Source.TEXT)
        talk.began = max(talk.began, answer.at)
        talk.answer, talk.told = None, answer


def _coarse(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Every 16th pixel: enough to see that a picture is another one."""
    return picture[8::16, 8::16].astype(np.float32)
