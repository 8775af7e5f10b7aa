"""`visavis bench abuse`: what others notice of somebody who sends only nonsense.

Conversations over WebSocket ask for a change of their session twenty times a second, and the time
until each is answered is taken: through the socket, the door, the conversation and back. Quiet
windows and windows with 1,000 malformed offers and 1,000 malformed messages take turns in one run,
so that whatever else the machine does falls on both alike. The figure is the ratio of their p99.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from .abuser import AbusePlan, Bout, BoutDone
from .figures import Figures
from .processes import BenchFailed, metrics, serve, spawn
from .report import facts_table, figures_table, show

PERIOD_S = 0.05
"""Of one conversation's questions."""
SETTLE_S = 1.0
"""Between two windows."""
ANSWER_S = 20.0


class Abuse(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure."""

    pipeline: str = "echo"
    sessions: int = 2
    count: int = 1000
    """Malformed offers, and as many messages, in all bouts together."""
    window_s: float = 10.0
    rounds: int = 3
    """Quiet windows, and as many with abuse."""
    seed: int = 1


class AbuseOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """Round trips in milliseconds, and what became of the nonsense."""

    quiet: list[float]
    abused: list[float]
    bouts: list[BoutDone]
    before: dict[str, float]
    after: dict[str, float]
    """The server's metrics."""

    @property
    def ratio(self) -> float:
        """p99 with abuse over p99 without; NaN without samples."""
        if not self.quiet or not self.abused:
            return math.nan
        return Figures.of(self.abused).quantile(0.99) / Figures.of(self.quiet).quantile(0.99)


class Line(Protocol):
    """A WebSocket of the library's."""

    async def send(self, message: str) -> None: ...

    async def recv(self) -> str | bytes: ...


class Asker:
    """One conversation that asks and takes the time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._number = 0

    async def ask(self, seconds: float) -> list[float]:
        """Round trips in milliseconds of so many seconds."""
        loop = asyncio.get_running_loop()
        began, found = loop.time(), list[float]()
        while (due := began + len(found) * PERIOD_S) < began + seconds:
            await asyncio.sleep(due - loop.time())
            self._number += 1
            words = f"question {self._number}"
            session = {"type": "realtime", "instructions": words}
            update = json.dumps({"type": "session.update", "session": session})
            asked = loop.time()
            await self._line.send(update)
            async with asyncio.timeout(ANSWER_S):
                while not _is_answer(json.loads(await self._line.recv()), words):
                    pass
            found.append((loop.time() - asked) * 1e3)
        return found


class _Session(msgspec.Struct):
    instructions: str = ""


def _is_answer(event: Mapping[str, object], words: str) -> bool:
    if event["type"] == "error":
        raise BenchFailed(f"a good message was refused: {event}")
    if event["type"] != "session.updated":
        return False
    return msgspec.convert(event["session"], _Session).instructions == words


async def measure(abuse: Abuse) -> AbuseOutcome:
    """Run it all. Raises `BenchFailed`."""
    arguments = ["--pipeline", abuse.pipeline, "--set", f"engine.slots={abuse.sessions + 2}"]
    arguments += ["--set", f"server.max_sessions={abuse.sessions + 2}"]
    quiet, abused, bouts = list[float](), list[float](), list[BoutDone]()
    async with (
        serve(arguments) as server,
        _lines(server.url, abuse.sessions) as askers,
        spawn("visavis.latency_bench.abuser", AbusePlan(server.url, abuse.seed)) as process,
    ):
        await _ask_all(askers, SETTLE_S)  # what is slow once
        await _bout(process, Bout(20, 20, SETTLE_S))
        before = await metrics(server.url)
        each = math.ceil(abuse.count / abuse.rounds)
        for number in range(abuse.rounds):
            await asyncio.sleep(SETTLE_S)
            quiet += await _ask_all(askers, abuse.window_s)
            await asyncio.sleep(SETTLE_S)
            bout = Bout(each, each, abuse.window_s, first=20 + number * each)
            async with asyncio.TaskGroup() as both:
                bothering = both.create_task(_bout(process, bout), name="bout")
                asking = both.create_task(_ask_all(askers, abuse.window_s), name="asking")
            abused += asking.result()
            bouts.append(bothering.result())
        after = await metrics(server.url)
    return AbuseOutcome(quiet=quiet, abused=abused, bouts=bouts, before=before, after=after)


async def _ask_all(askers: Sequence[Asker], seconds: float) -> list[float]:
    found = await asyncio.gather(*(asker.ask(seconds) for asker in askers))
    return [value for each in found for value in each]


@contextlib.asynccontextmanager
async def _lines(url: str, count: int) -> AsyncGenerator[list[Asker]]:
    from websockets.asyncio.client import connect

    address = f"{url.replace('http', 'ws', 1)}/v1/realtime"
    async with contextlib.AsyncExitStack() as stack:
        yield [
            Asker(
                await stack.enter_async_context(connect(address, max_size=None, compression=None))
            )
            for _ in range(count)
        ]


async def _bout(process: Process, bout: Bout) -> BoutDone:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(msgspec.json.encode(bout) + b"\n")
    if not (line := await process.stdout.readline()):
        raise BenchFailed("the abuser's process ended in the middle, see above")
    return msgspec.json.decode(line, type=BoutDone)


def run_abuse(abuse: Abuse, path: Path | None) -> None:
    """Measure and show."""
    outcome = asyncio.run(measure(abuse))
    rows = {"quiet": Figures.of(outcome.quiet), "beside abuse": Figures.of(outcome.abused)}
    result = summary(abuse, outcome)
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(_answers(outcome).items()))
    facts = {
        "p99 beside abuse / p99 quiet": f"{outcome.ratio:.2f}",
        "malformed offers, by answer": answers,
        "malformed messages": str(sum(bout.sent for bout in outcome.bouts)),
        "times the abuser was hung up on": str(sum(bout.reconnects for bout in outcome.bouts)),
        "conversations before and after": (
            f"{outcome.before.get('visavis_sessions', 0):.0f}, "
            f"{outcome.after.get('visavis_sessions', 0):.0f}"
        ),
    }
    title = f"{abuse.pipeline}: round trip of {abuse.sessions} conversations over WebSocket"
    show([figures_table(title, rows), facts_table(facts)], result, path)


def summary(abuse: Abuse, outcome: AbuseOutcome) -> dict[str, object]:
    """The result as it is written."""
    return {
        "bench": "abuse",
        "pipeline": abuse.pipeline,
        "sessions": abuse.sessions,
        "settings": {
            "count": abuse.count,
            "window_s": abuse.window_s,
            "rounds": abuse.rounds,
            "seed": abuse.seed,
        },
        "ms": {
            "quiet": Figures.of(outcome.quiet).summary(),
            "abused": Figures.of(outcome.abused).summary(),
        },
        "p99_ratio": round(outcome.ratio, 4),
        "offers": _answers(outcome),
        "messages": sum(bout.sent for bout in outcome.bouts),
        "hung_up": sum(bout.reconnects for bout in outcome.bouts),
        "server": {
            name: {"before": outcome.before.get(name, 0.0), "after": value}
            for name, value in sorted(outcome.after.items())
            if name.startswith(("visavis_sessions", "visavis_refused", "visavis_loop"))
        },
    }


def _answers(outcome: AbuseOutcome) -> dict[str, int]:
    found: dict[str, int] = {}
    for bout in outcome.bouts:
        for status, count in bout.answers.items():
            found[status] = found.get(status, 0) + count
    return found
