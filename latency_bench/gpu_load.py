"""Fusion latency with many conversations at once: the ordinary engine, its thread and its order of
service over the performance model, and people who talk and show things on a schedule.

Arrivals follow the schedule, not the engine: what comes late to the engine, or waits in it, counts.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..models.engine import ThreadedEngine
from ..models.stepper import Samples, Stepper
from ..runtime.clock import MonotonicClock
from ..runtime.events import PictureSeen, StageFailed, TokensReady, TranscriptChanged
from ..runtime.frames import HEARING_RATE, WINDOW, AudioChunk, Pcm, Picture, VideoFrame
from ..runtime.ledger import (
    FIRST_TOKEN,
    SHADOW_STARTED,
    Stamps,
    latencies_ms,
    modal_ms,
    named_stamps,
)
from ..runtime.protocols import Delivery, Slot
from .figures import Figures

WINDOW_S = WINDOW / HEARING_RATE
SPEECH = (62, 94)
"""Windows a question lasts: 2 to 3 s, evenly."""
TAIL = 3
"""Silent windows before its end is believed."""
REST = 47
"""Windows (1.5 s) between an answer's beginning and the next question."""
TRY_EVERY = 10
"""Windows after which an answer is begun on trial while the person speaks, and dropped again."""
RESUMED = 4
"""Windows after which such a trial is dropped."""
PICTURE_EVERY = 31
"""Windows between two pictures (1 a second); every one differs from the last."""
LIMIT_MS = 10.0
"""What fusion should always be below."""


class LevelVad:
    """Loud windows are speech. It costs nothing beside the model, and nothing of what it stands in
    for is in the figures: the real one runs on the CPU."""

    def __init__(self, slots: int) -> None:
        self._slots = slots

    def judge(self, slots: Sequence[int], windows: Samples) -> Samples:
        """Near one or near zero for each of [B, 512]."""
        loud = np.abs(windows).mean(axis=1) > 0.01
        return np.where(loud, 0.95, 0.02).astype(np.float32)

    def reset(self, slot: int) -> None:
        """Remembers nothing."""


@dataclass(frozen=True, slots=True)
class _Pixels:
    """Decoded and scaled already: of pictures, only the model is measured here."""

    picture: Picture

    def luma(self) -> Picture:
        """One colour stands for all."""
        return np.ascontiguousarray(self.picture[..., 1])

    def rgb(self, width: int, height: int) -> Picture:
        """As it is."""
        return self.picture


@dataclass(slots=True)
class Load:
    """What a number of conversations came to. Milliseconds."""

    sessions: int
    whole: list[float] = field(default_factory=list[float])
    """The last chunk was due and an answer wanted → first token: the chunk's encoding and waits
    included."""
    fusion: list[float] = field(default_factory=list[float])
    """As the latency ledger defines it."""
    modal_audio: list[float] = field(default_factory=list[float])
    modal_picture: list[float] = field(default_factory=list[float])
    unanswered: int = 0
    """Answers wanted whose first token had not come when the next was due."""
    counts: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0
    busy_s: float = 0.0

    @property
    def late(self) -> int:
        """First tokens at LIMIT_MS or later, and those that never came."""
        return sum(ms >= LIMIT_MS for ms in self.whole) + self.unanswered

    def figures(self) -> dict[str, Figures]:
        """By name."""
        return {
            "fusion, last chunk included": Figures.of(self.whole),
            "fusion, as the ledger counts": Figures.of(self.fusion),
            "audio into the encoder": Figures.of(self.modal_audio),
            "picture into the cache": Figures.of(self.modal_picture),
        }


class _Person:
    """One conversation: a window at a time, by the schedule."""

    def __init__(self, engine: ThreadedEngine, load: Load, media: _Media, seed: int) -> None:
        self._engine, self._load, self._media = engine, load, media
        self._dice = random.Random(seed)
        self._slot: Slot = engine.open(self._deliver)
        self._window = 0  # of the cycle
        self._speech = self._dice.randint(*SPEECH)
        self._pts = 0
        self._turn = 0
        self._due: float | None = None
        self._stamps = Stamps()
        self._is_over = self._is_committed = self._is_trial = False

    def step(self, due: float) -> None:
        """The window that is due at this time, and what a session would decide behind it."""
        at, end = self._window, self._speech + TAIL
        pcm = self._media.speech(self._dice) if at < self._speech else self._media.silence
        self._engine.hear(self._slot, AudioChunk(pcm, self._pts, due))
        self._pts += WINDOW
        picture = self._pts // WINDOW + self._slot.index  # not everybody's in the same window
        if picture % PICTURE_EVERY == 0:
            image = self._media.pictures[picture // PICTURE_EVERY % len(self._media.pictures)]
            height, width = image.shape[:2]
            frame = VideoFrame(_Pixels(image), width, height, self._pts, due)
            self._engine.look(self._slot, frame)
        is_trial = at >= TRY_EVERY and at % TRY_EVERY == 0 and at < self._speech
        if is_trial or at == end:
            self._start(due, is_trial)
        elif at % TRY_EVERY == RESUMED and TRY_EVERY < at < self._speech:
            self._drop()
        if at == end:
            self._engine.commit(self._slot, self._turn)
            self._is_committed = True
        self._window += 1
        if self._window > end + REST:
            self._window, self._speech = 0, self._dice.randint(*SPEECH)

    def _start(self, due: float, is_trial: bool) -> None:
        self._drop()
        if self._due is not None:
            self._load.unanswered += 1
        self._turn += 1
        self._is_over = self._is_committed = False
        # Overload may refuse trials: only answers that are wanted must come.
        self._due, self._is_trial = due, is_trial
        self._load.counts["answers wanted"] += not is_trial
        self._stamps = Stamps()
        self._stamps.mark(SHADOW_STARTED, due)
        self._engine.start(self._slot, self._turn, None, self._pts)

    def _drop(self) -> None:
        """Speech goes on: what was begun is not wanted."""
        if self._is_over or not self._turn:
            return
        if self._is_committed:
            self._engine.cancel(self._slot, self._turn, "")
        else:
            self._engine.retract(self._slot, self._turn)
        self._is_over = True
        if self._due is not None and self._is_trial:
            self._load.counts["trials without a token"] += 1
            self._due = None

    def close(self) -> None:
        """Hang up."""
        self._engine.close(self._slot)

    def _deliver(self, deliveries: list[Delivery]) -> None:
        load = self._load
        for delivery in deliveries:
            named = named_stamps(delivery.event, delivery.stamps)
            match delivery.event:
                case TranscriptChanged():
                    load.modal_audio += [ms for ms in [modal_ms(named).get("modal_audio")] if ms]
                case PictureSeen():
                    found = modal_ms(named).get("modal_picture")
                    load.modal_picture += [found] if found else []
                case TokensReady(turn=turn, is_last=is_last) if turn == self._turn:
                    self._is_over = is_last
                    self._token(named)
                case StageFailed(why=why):
                    load.counts[f"failed: {why}"] += 1
                case _:
                    pass

    def _token(self, named: dict[str, float]) -> None:
        if self._due is None:
            return
        self._stamps.take(named)
        first = self._stamps.at.get(FIRST_TOKEN)
        if first is not None:
            self._load.whole.append((first - self._due) * 1000)
            fusion = latencies_ms(self._stamps).get("fusion")
            self._load.fusion += [fusion] if fusion is not None else []
            self._due = None


class _Media:
    """What people say and show: noise, made beforehand."""

    def __init__(self, side: int, seed: int) -> None:
        noise = np.random.default_rng(seed)
        self._loud: npt.NDArray[np.int16] = noise.normal(0, 3000, 1 << 16).astype(np.int16)
        self.silence: Pcm = noise.normal(0, 10, WINDOW).astype(np.int16)
        self.pictures: list[Picture] = list(noise.integers(0, 256, (4, side, side, 3), np.uint8))

    def speech(self, dice: random.Random) -> Pcm:
        """A window of it."""
        at = dice.randrange(len(self._loud) - WINDOW)
        return self._loud[at : at + WINDOW]


async def _talk(stepper: Stepper, sessions: int, seconds: float, seed: int) -> Load:
    load = Load(sessions)
    clock = MonotonicClock()
    engine = ThreadedEngine(
        lambda: stepper,
        LevelVad,
        sessions,
        asyncio.get_running_loop(),
        clock=clock,
        name="gpu bench",
    )
    await engine.ready()
    media = _Media(stepper.picture_size[0], seed)
    try:
        people = [_Person(engine, load, media, seed + n) for n in range(sessions)]
        began = clock.now()
        # Everybody's windows at a phase of their own, as people who called at different times.
        dice = random.Random(seed)
        due = [(began + dice.random() * WINDOW_S, n) for n in range(sessions)]
        heapq.heapify(due)
        while due[0][0] < began + seconds:
            at, n = due[0]
            if (left := at - clock.now()) > 0:
                await asyncio.sleep(left)
            elif left < -WINDOW_S:
                await asyncio.sleep(0)  # far behind: results must be taken all the same
            people[n].step(at)
            heapq.heapreplace(due, (at + WINDOW_S, n))
            if clock.now() > began + seconds + 1.0:
                load.counts["the schedule was given up a second late"] += 1
                break
        await asyncio.sleep(0.2)
        load.seconds = clock.now() - began
        load.busy_s = engine.metrics.busy_s
        load.counts["steps up the overload ladder"] = engine.metrics.climbs
        for name in (
            "windows",
            "encoded",
            "pictures",
            "tokens",
            "dropped_chunks",
            "dropped_windows",
            "dropped_pictures",
            "outdated_pictures",
            "failures",
        ):
            load.counts[name] = int(getattr(engine.metrics, name))
        for person in people:
            person.close()
    finally:
        await engine.stop()
    return load


def fusion_under_load(stepper: Stepper, sessions: int, seconds: float, seed: int = 1) -> Load:
    """So many conversations for so long. The stepper needs as many slots and keeps what it has
    prepared; it must not be used by others meanwhile."""
    return asyncio.run(_talk(stepper, sessions, seconds, seed))
