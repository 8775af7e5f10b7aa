"""`visavis bench fusion`: thousands of first answer words of the model, with no network around it.

The engine is the one that serves conversations, fed at the pace of speech: recorded questions in
20 ms chunks through Opus, and a camera picture four times a second, never quite still, that shows
something new with every question, in every conversation at once (`--no-camera`: audio alone).
Unheard answers are begun and dropped about three times a second while the person speaks, as in the
pauses of one who thinks, and one is committed after each question. Latencies are the ledger's own definitions. For each number of
conversations it says whether the engine kept up: no first word late, no audio dropped, no step up
the overload ladder.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.progress import Progress as Bar
from rich.table import Table

from ..models.embedded import open_embedded
from ..models.engine import ThreadedEngine
from ..models.networks import WeightFile, shipped
from ..models.thread_priority import Priority
from ..models.tuning import Wishes, settle
from ..models.vad import SileroVad
from ..runtime import ledger as stage
from ..runtime.clock import MonotonicClock
from ..runtime.events import HeadReady, PictureSeen, TokensReady, TranscriptChanged
from ..runtime.frames import HEARING_RATE, AudioChunk, Pcm, Picture, VideoFrame
from ..runtime.ledger import Stamps, latencies_ms, modal_ms, named_stamps
from ..runtime.protocols import Delivery, Slot
from ..transports.opus import new_decoder, new_encoder
from .clips import PACKET, clip, speak
from .figures import Figures
from .pictures import Scene
from .report import facts_table, figures_table, show
from .script import QUESTIONS, VOICES

MODEL = "nano"
CHUNK = HEARING_RATE // 50
CHUNK_S = 0.020
PICTURE_CHUNKS = 12
"""A picture after so many chunks: four a second, the most the sampler lets through."""
TRY_CHUNKS = 16
"""An answer is begun after so many chunks, from `FIRST_TRY` on."""
FIRST_TRY = 20
TAIL_CHUNKS = 20
"""Silence after a question, until its answer is committed."""
REST_CHUNKS = 30
TREMOR = 6
"""Different pictures of each scene."""
LATE_MS = 10.0
"""What fusion is always to be below."""
BREAKS = 0.01
"""Share of first words this late from which a number of conversations is too many."""
_ROOM = (np.random.default_rng(3).standard_normal(HEARING_RATE) * 6).astype(np.int16)
"""A second of a quiet room."""
MODAL = ("modal_audio", "modal_picture")


@dataclass(frozen=True, slots=True)
class Load:
    """What every number of conversations is measured with."""

    samples: int = 3000
    """First words."""
    limit_s: float = 900.0
    seed: int = 1
    priority: Priority = Priority.HIGH
    has_camera: bool = True


@dataclass(frozen=True, slots=True)
class _Pixels:
    """A picture that is RGB already; its scaling is done beforehand."""

    picture: Picture

    def luma(self) -> Picture:
        return self.picture[..., 1]

    def rgb(self, width: int, height: int) -> Picture:
        y = np.arange(height) * self.picture.shape[0] // height
        x = np.arange(width) * self.picture.shape[1] // width
        return np.ascontiguousarray(self.picture[y][:, x])


class _Conversation:
    """One slot that is talked to without end."""

    def __init__(
        self,
        engine: ThreadedEngine,
        questions: Sequence[list[Pcm]],
        scenes: Sequence[Sequence[Picture]] | None,
        samples: list[dict[str, float]],
        modal: list[dict[str, float]],
        seed: int,
    ) -> None:
        self._engine = engine
        self._questions, self._scenes = questions, scenes
        self._shown: Sequence[Picture] | None = None
        self._samples, self._modal = samples, modal
        self._dice = random.Random(seed)
        self._clock = MonotonicClock()
        self._slot: Slot = engine.open(self._deliver)
        self._turn = 0
        self._stamps: Stamps | None = None
        self._chunks = 0
        self._due = 0.0

    async def talk(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(self._dice.random())
        self._due = self._clock.now()
        while True:
            question = self._dice.choice(self._questions)
            if self._scenes is not None:
                self._shown = self._dice.choice(self._scenes)
            for number, pcm in enumerate(question):
                await self._chunk(pcm)
                if number >= FIRST_TRY and number % TRY_CHUNKS == 0:
                    self._try()
            for number in range(TAIL_CHUNKS):
                await self._chunk(self._room())
                if number % TRY_CHUNKS == 0:
                    self._try()
            self._engine.commit(self._slot, self._turn)
            for _ in range(REST_CHUNKS):
                await self._chunk(self._room())
            self._engine.cancel(self._slot, self._turn, "")

    def _try(self) -> None:
        if self._turn:
            self._engine.retract(self._slot, self._turn)
        self._turn += 1
        self._stamps = Stamps()
        self._stamps.mark(stage.SHADOW_STARTED, self._clock.now())
        self._engine.start(self._slot, self._turn, None, None)

    async def _chunk(self, pcm: Pcm) -> None:
        self._due += CHUNK_S
        if (left := self._due - self._clock.now()) > 0:
            await asyncio.sleep(left)
        now = self._clock.now()
        self._engine.hear(self._slot, AudioChunk(pcm, self._chunks * CHUNK, now))
        self._chunks += 1
        if self._shown is not None and self._chunks % PICTURE_CHUNKS == 0:
            picture = self._dice.choice(self._shown)
            height, width = picture.shape[:2]
            pts = self._chunks * 1800
            self._engine.look(self._slot, VideoFrame(_Pixels(picture), width, height, pts, now))

    def _room(self) -> Pcm:
        at = self._dice.randrange(len(_ROOM) - CHUNK)
        return _ROOM[at : at + CHUNK]

    def _deliver(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            named = named_stamps(delivery.event, delivery.stamps)
            match delivery.event:
                case TranscriptChanged() | PictureSeen():
                    if named:
                        self._modal.append(modal_ms(named))
                case HeadReady(turn=turn) | TokensReady(turn=turn):
                    self._take(turn, named)
                case _:
                    pass

    def _take(self, turn: int, named: dict[str, float]) -> None:
        if turn != self._turn or self._stamps is None:
            return
        self._stamps.take(named)
        if stage.FIRST_TOKEN in self._stamps.at:
            self._samples.append(latencies_ms(self._stamps))
            self._stamps = None


@dataclass(frozen=True, slots=True)
class Run:
    """What so many conversations at once came to."""

    sessions: int
    figures: dict[str, Figures]
    counts: dict[str, int]
    slowest_ms: dict[str, float]
    """By kind of step, the longest: what anything else may have had to wait for."""
    busy_share: float
    """Of one core, by the engine's thread: its own time on the processor."""
    chosen: dict[str, str] = field(default_factory=dict[str, str])
    """What the thread chose for itself."""

    @property
    def late(self) -> int:
        """First words of `LATE_MS` or more."""
        return sum(ms >= LATE_MS for ms in self.figures["fusion"].values)

    @property
    def is_broken(self) -> bool:
        """The engine did not keep up."""
        words = len(self.figures["fusion"])
        shed = self.counts["dropped_windows"] + self.counts["ladder_steps"]
        return words == 0 or self.late >= max(1.0, BREAKS * words) or shed > 0

    def summary(self) -> dict[str, object]:
        """For the line of JSON."""
        return {
            "sessions": self.sessions,
            "ms": {name: each.summary() for name, each in self.figures.items()},
            "fusion_10_ms_or_more": self.late,
            "counts": self.counts,
            "slowest_step_ms": self.slowest_ms,
            "busy_share": self.busy_share,
            "chosen": self.chosen,
            "kept_up": not self.is_broken,
        }


async def first_words(
    weights: WeightFile,
    sessions: int,
    load: Load,
    bar: Bar | None = None,
) -> Run:
    """From `load.samples` first words or a few more, or from as many as came in `load.limit_s`
    seconds."""
    questions = await _questions()
    scenes: list[list[Picture]] | None = None
    if load.has_camera:
        scenes = [
            [Scene(things).picture(tick) for tick in range(TREMOR)] for _, things, _ in QUESTIONS
        ]
    clock = MonotonicClock()
    loop = threading.get_native_id()
    engine = ThreadedEngine(
        lambda: open_embedded(weights, sessions),
        SileroVad,
        sessions,
        asyncio.get_running_loop(),
        settle=lambda: settle(Wishes(load.priority), loop),
        name="fusion bench",
    )
    await engine.ready()
    began = clock.now()
    found: list[dict[str, float]] = []
    modal: list[dict[str, float]] = []
    task = bar.add_task(f"{sessions} at once", total=load.samples) if bar is not None else None
    talks: list[asyncio.Task[None]] = []
    people: list[_Conversation] = []
    try:
        for number in range(sessions):
            talk = _Conversation(engine, questions, scenes, found, modal, load.seed + number)
            people.append(talk)
            talks.append(asyncio.create_task(talk.talk(), name=f"conversation {number}"))
        while len(found) < load.samples and clock.now() < began + load.limit_s:
            done, _ = await asyncio.wait(talks, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            for broken in done:
                broken.result()
            if bar is not None and task is not None:
                bar.update(task, completed=len(found))
    finally:
        for talk_task in talks:
            talk_task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        seconds = clock.now() - began
        await engine.stop()
    modals = MODAL if load.has_camera else MODAL[:1]
    figures = {
        name: Figures.of(one[name] for one in measured if name in one)
        for measured, names in ((modal, modals), (found, ("head", "fusion")))
        for name in names
    }
    metrics = engine.metrics
    counts = {
        "ladder_steps": metrics.climbs,
        "dropped_windows": metrics.dropped_windows + metrics.dropped_chunks,
        "failures": metrics.failures,
        "answers_begun": metrics.shadows,
        "wasted_shadows": metrics.wasted_shadows,
        "tokens": metrics.tokens,
        "wasted_tokens": metrics.wasted_tokens,
    }
    slowest = {step: round(1000 * at, 3) for step, at in sorted(metrics.slowest_s.items())}
    share = round(metrics.busy_s / seconds, 3)
    return Run(sessions, figures, counts, slowest, share, dict(metrics.chosen))


async def _questions() -> list[list[Pcm]]:
    """Every question by every voice, as chunks of 20 ms at HEARING_RATE, after Opus."""
    texts = [" ".join(parts) for parts, _, _ in QUESTIONS]
    spoken = await speak((voice, text) for voice in VOICES for text in texts)
    return [_through_opus(pcm) for pcm in spoken.values()]


def _through_opus(pcm: Pcm) -> list[Pcm]:
    encoder, decoder = new_encoder(32_000), new_decoder()
    whole = clip([pcm]).pcm
    packets = [encoder.encode(whole[at : at + PACKET]) for at in range(0, len(whole), PACKET)]
    return [decoder.decode(packet) for packet in packets]


def run_fusion(
    sessions: Sequence[int],
    load: Load,
    path: Path | None,
) -> None:
    """Measure each number of conversations and show where it breaks."""
    weights = WeightFile(shipped(MODEL))
    with Bar(transient=True) as bar:
        runs = [asyncio.run(first_words(weights, count, load, bar)) for count in sessions]
    breaks = next((run.sessions for run in runs if run.is_broken), None)
    result: dict[str, object] = {
        "bench": "fusion",
        "settings": {"model": MODEL, **asdict(load)},
        "runs": [run.summary() for run in runs],
        "breaks_at": breaks,
    }
    tables: list[Table] = []
    kind = "conversations" if load.has_camera else "conversations without a camera"
    for run in runs:
        title = f"{MODEL}, {run.sessions} {kind} at once"
        tables.append(figures_table(title, run.figures))
        tables.append(facts_table(_facts(run)))
    kept = "every number of conversations" if breaks is None else f"it breaks at {breaks}"
    tables.append(facts_table({"kept up with": kept}))
    show(tables, result, path)


def _facts(run: Run) -> dict[str, str]:
    """What stands below the percentiles."""
    words = len(run.figures["fusion"])
    slowest = max(run.slowest_ms.items(), key=lambda pair: pair[1], default=("none", 0.0))
    wasted = f"{run.counts['wasted_shadows']} of {run.counts['answers_begun']} answers begun"
    return {
        "fusion of 10 ms or more": f"{run.late} of {words}",
        "longest step": f"{slowest[0]}, {slowest[1]:.1f} ms",
        "priority of the thread": run.chosen.get("priority", "normal"),
        "the engine's thread computes": f"{100 * run.busy_share:.0f} % of the time",
        "steps up the overload ladder": str(run.counts["ladder_steps"]),
        "windows of audio dropped": str(run.counts["dropped_windows"]),
        "dropped unheard": wasted,
        "kept up": "no" if run.is_broken else "yes",
    }
