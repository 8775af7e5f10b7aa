"""`visavis bench endless`: a day of conversation on virtual time; does memory stay, is replay exact?

One conversation, or several on one engine, are talked to without end: audio every 32 ms, pictures
twice a second, a turn each cycle. At the end of every tenth cycle, when all is quiet, the process's
memory is counted; after a warm-up (the conversation's lists are full then) it may not grow any more.
Every event of every conversation goes into a log on disk with a checksum of its effects; at the end
fresh sessions are given the logs and must do exactly the same. No sound is awaited: the day lasts as
long as its computing.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.progress import Progress as Bar

from ..models.stepper import CountsContext, Samples, Stepper
from ..models.voice.resample import Resampler
from ..runtime.clock import VirtualClock
from ..runtime.frames import HEARING_RATE, SPEAKING_RATE, WINDOW, Pcm, Picture
from ..runtime.items import KEPT_ITEMS
from .clips import clip, noise, speak
from .endless_engine import Agenda, TickedEngine
from .endless_talk import WINDOW_S, EndlessTalk, Sounds, new_session
from .event_log import EventLog, Replayed, replay_log
from .footprint import Footprint, Footprints, Growth, footprint, growth
from .pictures import Scene
from .report import facts_table, show
from .script import NOISES, QUESTIONS

MODEL = "nano"
SIDE = 96
"""Of a camera picture, in pixels: as many as the model looks at."""
EVERY = 10
"""Cycles between two counts of memory."""
WARM_UP = KEPT_ITEMS
"""Cycles after which every bounded list has been full: most leave two items."""
WARM_S = 8.0
"""Seconds of a cycle of the warm-up: close together, so that it is soon over."""
LOUD = 0.004
"""Root mean square, of full scale, from which a window counts as voiced."""
_ENERGY = LOUD * LOUD * WINDOW


@dataclass(frozen=True, slots=True)
class Endless:
    """What is asked for."""

    hours: float = 24.0
    sessions: int = 1
    cycle_s: float = 20.0
    seed: int = 1
    warm_up: int = WARM_UP
    every: int = EVERY
    is_traced: bool = False
    """Whether tracemalloc counts bytes, too; it makes everything slower."""

    def cycles(self) -> list[int]:
        """Windows of each cycle of a conversation, in order: those of the warm-up are short."""
        short, long = (round(seconds / WINDOW_S) for seconds in (WARM_S, self.cycle_s))
        left = self.hours * 3600 / WINDOW_S - self.warm_up * short
        return [short] * self.warm_up + [long] * max(0, int(left / long))


@dataclass(frozen=True, slots=True)
class Lasted:
    """What the day came to."""

    asked: Endless
    virtual_s: float
    took_s: float
    samples: tuple[Footprint, ...]
    growth: Growth
    replayed: tuple[Replayed, ...]
    turns: int
    happenings: int
    log_bytes: int
    ended: tuple[str, ...]
    """Why conversations ended before the day did."""
    kinds: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def is_exact(self) -> bool:
        """Every replay was the conversation."""
        return all(one.first_difference is None for one in self.replayed)

    @property
    def is_good(self) -> bool:
        """Nobody's conversation ended, memory stayed, and replay is exact."""
        return self.growth.is_flat and self.is_exact and not self.ended

    def summary(self) -> dict[str, object]:
        """For the line of JSON: the samples thinned to at most 25."""
        step = max(1, len(self.samples) // 24)
        return {
            "virtual_hours": round(self.virtual_s / 3600, 3),
            "took_s": round(self.took_s, 1),
            "turns": self.turns,
            "cycles": self.kinds,
            "happenings": self.happenings,
            "log_bytes": self.log_bytes,
            "growth_first_to_last_quarter": {**asdict(self.growth), "is_flat": self.growth.is_flat},
            "replay": {
                "happenings": sum(one.happenings for one in self.replayed),
                "effects": sum(one.effects for one in self.replayed),
                "is_identical": self.is_exact,
            },
            "ended_early": list(self.ended),
            "memory": [asdict(sample) for sample in self.samples[::step]],
        }


class LoudnessVad:
    """Speech is what is loud: the person's room is silent, so no more is needed."""

    def __init__(self, slots: int) -> None:
        """As every VAD's."""

    def judge(self, slots: Sequence[int], windows: Samples) -> Samples:
        """Rows of [B, 512]."""
        energy = np.einsum("bt,bt->b", windows, windows)
        return np.where(energy > _ENERGY, np.float32(0.97), np.float32(0.02))

    def reset(self, slot: int) -> None:
        """It keeps nothing."""


def live_through(
    asked: Endless,
    stepper: Stepper,
    sounds: Sounds,
    pictures: Sequence[Sequence[Picture]],
    folder: Path,
    told: Callable[[float], None] | None = None,
) -> Lasted:
    """All of it. `folder` is where the logs go; `told` hears after each cycle how far it is, 0 to 1.
    Raises ValueError where too few cycles are left after the warm-up to tell growth from noise."""
    if asked.is_traced:
        tracemalloc.start()
    try:
        return _live_through(asked, stepper, sounds, pictures, folder, told)
    finally:
        if asked.is_traced:
            tracemalloc.stop()


def _live_through(
    asked: Endless,
    stepper: Stepper,
    sounds: Sounds,
    pictures: Sequence[Sequence[Picture]],
    folder: Path,
    told: Callable[[float], None] | None,
) -> Lasted:
    began, clock = time.perf_counter(), VirtualClock()
    agenda = Agenda(clock)
    engine = TickedEngine(stepper, LoudnessVad, asked.sessions, clock)
    names = [f"sess_endless{number}" for number in range(asked.sessions)]
    moments = Footprints()
    with ExitStack() as stack:
        logs = [EventLog(folder / f"{name}.log.gz") for name in names]
        for log in logs:
            stack.callback(log.close)
        talks = [
            EndlessTalk(
                name,
                agenda,
                engine,
                sounds,
                pictures,
                log,
                seed=asked.seed + number,
                offset_s=number * 0.4,
            )
            for number, (name, log) in enumerate(zip(names, logs, strict=True))
        ]
        cycles, end = asked.cycles(), 0
        for cycle, windows in enumerate(cycles):
            for talk in talks:
                talk.cycle(windows)
            end += windows
            agenda.run(end * WINDOW_S + WINDOW_S / 2)
            if cycle >= asked.warm_up and cycle % asked.every == 0:
                for log in logs:
                    log.flush()
                counts = _counts(talks, engine, agenda, stepper)
                moments.add(footprint(clock.now(), counts))
            if told is not None:
                told((cycle + 1) / len(cycles))
    turns = sum(talk.peer.told["response.done"] for talk in talks)
    kinds, samples = Counter[str](), moments.all()
    for talk in talks:
        kinds.update(talk.kinds)
    return Lasted(
        asked=asked,
        virtual_s=clock.now(),
        took_s=time.perf_counter() - began,
        samples=tuple(samples),
        growth=growth(samples, turns / clock.now()),
        replayed=tuple(replay_log(log.path, new_session(log.path.name[:-7])) for log in logs),
        turns=turns,
        happenings=sum(log.count for log in logs),
        log_bytes=sum(log.path.stat().st_size for log in logs),
        ended=tuple(talk.ended for talk in talks if talk.ended is not None),
        kinds=dict(sorted(kinds.items())),
    )


def _counts(
    talks: Sequence[EndlessTalk], engine: TickedEngine, agenda: Agenda, stepper: Stepper
) -> dict[str, int]:
    """Lengths of what is kept: the sum of all conversations."""
    counts = {
        "items": sum(talk.items for talk in talks),
        "slots": len(engine.slots),
        "on_the_agenda": len(agenda),
        "waiting": sum(talk.waiting for talk in talks),
    }
    if isinstance(stepper, CountsContext):
        counts["cache_positions"] = sum(stepper.taken(slot.index).total for slot in engine.slots)
    return counts


def scenes() -> list[list[Picture]]:
    """What the camera shows: a few pictures of each scene, hardly different."""
    return [
        [Scene(things, SIDE, SIDE).picture(tick) for tick in range(3)] for _, things, _ in QUESTIONS
    ]


async def spoken() -> Sounds:
    """The scripted questions in one voice, and the noises."""
    texts = [" ".join(parts) for parts, _, _ in QUESTIONS]
    said = await speak(("en-us", text) for text in texts)
    return Sounds(
        [_at_hearing_rate(clip([pcm]).pcm) for pcm in said.values()],
        [_at_hearing_rate(noise(name).pcm) for name in NOISES],
    )


def _at_hearing_rate(pcm: Pcm) -> Pcm:
    resampler = Resampler(SPEAKING_RATE, HEARING_RATE)
    parts = [resampler.push(pcm.astype(np.float32)), resampler.flush()]
    return np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16)


def run_endless(asked: Endless, path: Path | None) -> int:
    """Measure and show; 1 where memory grew, a conversation ended or a replay differed."""
    from ..models.embedded import open_embedded
    from ..models.networks import WeightFile, shipped

    sounds = asyncio.run(spoken())
    stepper = open_embedded(WeightFile(shipped(MODEL)), asked.sessions)
    with tempfile.TemporaryDirectory(prefix="visavis-endless-") as folder, Bar() as bar:
        task = bar.add_task(f"{asked.hours:g} h of {asked.sessions}", total=1.0)
        lasted = live_through(
            asked,
            stepper,
            sounds,
            scenes(),
            Path(folder),
            lambda share: bar.update(task, completed=share),
        )
    result: dict[str, object] = {
        "bench": "endless",
        "settings": {**asdict(asked), "model": MODEL},
        **lasted.summary(),
    }
    show([facts_table(_facts(lasted))], result, path)
    return 0 if lasted.is_good else 1


def _facts(lasted: Lasted) -> dict[str, str]:
    grown, replayed = lasted.growth, sum(one.happenings for one in lasted.replayed)
    speed = lasted.virtual_s / max(1e-9, lasted.took_s)
    facts = {
        "conversations": str(lasted.asked.sessions),
        "virtual time": f"{lasted.virtual_s / 3600:.1f} h, {speed:.0f} times as fast as real time",
        "answers": str(lasted.turns),
        "memory blocks, first to last quarter": f"{grown.blocks:+.0f}",
        "objects": f"{grown.objects:+.0f}",
        "resident": f"{grown.resident_bytes / 2**20:+.1f} MiB",
        "memory stays": "yes" if grown.is_flat else "no",
        "replayed events": f"{replayed} of {lasted.happenings}",
        "replay is the same": "yes" if lasted.is_exact else _difference(lasted.replayed),
    }
    if lasted.ended:
        facts["ended early"] = "; ".join(lasted.ended)
    return facts


def _difference(replayed: Sequence[Replayed]) -> str:
    one = next(one for one in replayed if one.first_difference is not None)
    return f"no: event {one.first_difference} ({one.what}) had other effects"
