"""`visavis bench engine-process`: the engine inside the media process beside one in its own.

The same people talk to three arrangements in turn, for each number of them: everything in one
process; an engine's process with one that carries media; and with two of them. All are started
before the first measurement and sleep while another is measured, so that they see the same machine.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.progress import Progress as Bar
from rich.table import Table

from ..runtime.settings import EngineSettings
from ..transports.opus import new_encoder
from .clips import PACKET, clip, speak
from .figures import Figures
from .media_process import BIT_RATE, Ask, Measured, Setup
from .processes import BenchFailed, cpu_seconds, environment
from .report import facts_table, show
from .script import QUESTIONS, VOICES

START_S = 180.0
LIMIT = 2**24
"""Bytes of a line that a process answers with."""
_ENGINE = "from visavis.pipelines.cli import main; raise SystemExit(main())"
QUANTITIES = {
    "to engine": "packet arrived → engine takes it",
    "from engine": "word made → in the conversation's hands",
    "fusion": "fusion latency",
    "first word": "answer wanted → first word in hand",
    "timer": "20 ms timer of the media process is late by",
}


@dataclass(frozen=True, slots=True)
class Compare:
    """What is measured."""

    sessions: Sequence[int]
    seconds: float
    flood_s: float
    seed: int


@dataclass(frozen=True, slots=True)
class Run:
    """One arrangement with so many conversations."""

    place: str
    sessions: int
    figures: dict[str, Figures]
    windows_per_s: float
    """Windows of 32 ms that are heard when conversations are fed as fast as they go."""
    media_cpu: float
    """Cores that the media processes use; with the engine where it is inside."""
    engine_cpu: float
    """Cores that the engine's process uses."""
    dropped: int
    climbs: int
    failures: int

    def summary(self) -> dict[str, object]:
        """For the line of JSON."""
        return {
            "place": self.place,
            "sessions": self.sessions,
            "ms": {name: each.summary() for name, each in self.figures.items()},
            "windows_per_s": round(self.windows_per_s, 1),
            "cores_media": round(self.media_cpu, 3),
            "cores_engine": round(self.engine_cpu, 3),
            "dropped": self.dropped,
            "ladder_steps": self.climbs,
            "failures": self.failures,
        }


def run_engine_process(compare: Compare, path: Path | None) -> None:
    """Measure and show."""
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as folder, Bar(transient=True) as bar:
        runs = asyncio.run(_compare(compare, Path(folder), bar))
    result: dict[str, object] = {
        "bench": "engine-process",
        "settings": {
            "seconds": compare.seconds,
            "flood_s": compare.flood_s,
            "seed": compare.seed,
        },
        "runs": [run.summary() for run in runs],
    }
    tables = [
        _table(count, [run for run in runs if run.sessions == count]) for count in compare.sessions
    ]
    show([*tables, facts_table(verdicts(runs))], result, path)


async def _compare(compare: Compare, folder: Path, bar: Bar) -> list[Run]:
    slots = max(compare.sessions)
    questions, address = folder / "questions", folder / "engine.sock"
    recorded = msgspec.msgpack.encode(await _questions())
    await asyncio.to_thread(questions.write_bytes, recorded)
    apart = EngineSettings(slots=slots, process="own", address=str(address))
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(_engine(address, slots))
        starts = [EngineSettings(slots=slots), apart, apart]
        inside, first, second = [
            await stack.enter_async_context(
                _media(Setup(each, str(questions), compare.seed + 1000 * n))
            )
            for n, each in enumerate(starts)
        ]
        places = {"inside": [inside], "own": [first], "own, 2 media": [first, second]}
        task = bar.add_task("measuring", total=len(compare.sessions) * len(places))
        runs: list[Run] = []
        for count in compare.sessions:
            paced: dict[str, list[Measured]] = {}
            engine_s: dict[str, float] = {}
            for place, processes in places.items():
                if count >= len(processes):
                    used = cpu_seconds(host.pid) or 0.0
                    paced[place] = await _ask_all(processes, count, compare.seconds)
                    used = (cpu_seconds(host.pid) or 0.0) - used
                    engine_s[place] = used / max(one.seconds for one in paced[place])
            for place, measured in paced.items():
                flooded = await _ask_all(places[place], count, compare.flood_s, is_flood=True)
                runs.append(summed(place, count, measured, flooded, engine_s[place]))
                bar.advance(task)
    return runs


async def _ask_all(
    processes: Sequence[Process], count: int, seconds: float, *, is_flood: bool = False
) -> list[Measured]:
    """At once, each with its share of the conversations."""
    shares = [count // len(processes)] * len(processes)
    shares[0] += count - sum(shares)
    return await asyncio.gather(
        *(
            _ask(process, Ask(share, seconds, is_flood))
            for process, share in zip(processes, shares, strict=True)
        )
    )


def summed(
    place: str,
    count: int,
    measured: Sequence[Measured],
    flooded: Sequence[Measured],
    engine_cpu: float,
) -> Run:
    """What several media processes measured at once, people talking and then fed as fast as it
    goes. `engine_cpu`: cores that the engine's process used while people talked."""
    return Run(
        place,
        count,
        {name: Figures.of(ms for one in measured for ms in one.ms[name]) for name in QUANTITIES},
        sum(one.windows / one.seconds for one in flooded),
        sum(one.cpu_s / one.seconds for one in measured),
        engine_cpu,
        max(one.dropped for one in measured),
        max(one.climbs for one in measured),
        sum(one.failures for one in measured),
    )


def verdicts(runs: Iterable[Run]) -> dict[str, str]:
    """For each number of conversations, what is first in hand where."""
    found: dict[str, str] = {}
    by_count: dict[int, list[Run]] = {}
    for run in runs:
        by_count.setdefault(run.sessions, []).append(run)
    for count, some in by_count.items():
        soonest = min(some, key=lambda run: run.figures["first word"].quantile(0.99))
        steadiest = min(some, key=lambda run: run.figures["timer"].quantile(0.99))
        most = max(some, key=lambda run: run.windows_per_s)
        found[f"{count} conversations"] = (
            f"first word by p99: {soonest.place}; media timer by p99: {steadiest.place}; "
            f"most speech heard: {most.place}"
        )
    return found


def _table(count: int, runs: Sequence[Run]) -> Table:
    table = Table(title=f"{count} conversations", title_justify="left", header_style="bold")
    table.add_column("ms (p50 / p99)")
    for run in runs:
        table.add_column(run.place, justify="right")
    for name, words in QUANTITIES.items():
        cells = (run.figures[name] for run in runs)
        table.add_row(words, *(f"{f.quantile(0.5):.2f} / {f.quantile(0.99):.2f}" for f in cells))
    table.add_row(
        "speech heard, times real time", *(f"{0.032 * r.windows_per_s:.0f}" for r in runs)
    )
    table.add_row("cores, media", *(f"{run.media_cpu:.2f}" for run in runs))
    table.add_row("cores, engine's process", *(f"{run.engine_cpu:.2f}" for run in runs))
    table.add_row("audio dropped / ladder", *(f"{run.dropped} / {run.climbs}" for run in runs))
    return table


async def _questions() -> list[list[bytes]]:
    """Every question by every voice, as packets of Opus."""
    texts = [" ".join(parts) for parts, _, _ in QUESTIONS]
    spoken = await speak((voice, text) for voice in VOICES for text in texts)
    found: list[list[bytes]] = []
    for pcm in spoken.values():
        encoder, whole = new_encoder(BIT_RATE), clip([pcm]).pcm
        found.append(
            [encoder.encode(whole[at : at + PACKET]) for at in range(0, len(whole), PACKET)]
        )
    return found


@asynccontextmanager
async def _engine(address: Path, slots: int) -> AsyncGenerator[Process]:
    """`visavis engine`, ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _ENGINE, "engine"),
        *("--set", f"engine.address={address}", "--set", f"engine.slots={slots}"),
        stdout=PIPE,
        env=environment(),
    )
    try:
        await _line(process)
        yield process
    finally:
        await _end(process)


@asynccontextmanager
async def _media(setup: Setup) -> AsyncGenerator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "visavis.latency_bench.media_process"),
        stdin=PIPE,
        stdout=PIPE,
        limit=LIMIT,
        env=environment(),
    )
    try:
        await _tell(process, setup)
        await _line(process)
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await _end(process)


async def _ask(process: Process, ask: Ask) -> Measured:
    await _tell(process, ask)
    return msgspec.json.decode(await _line(process), type=Measured)


async def _tell(process: Process, told: Setup | Ask) -> None:
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(told) + b"\n")
    await process.stdin.drain()


async def _line(process: Process) -> bytes:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), START_S)
    if not line:
        raise BenchFailed(
            f"a process ended with status {await process.wait()}; its words are above"
        )
    return line


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()
