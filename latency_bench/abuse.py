"""`visavis bench abuse`: what others notice of somebody who sends only nonsense.

Conversations over WebSocket ask for a change of their session twenty times a second, and the time
until each is answered is taken: through the socket, the door, the conversation and back. Quiet
windows and windows with malformed offers and messages take turns many times in one run, so that
whatever else the machine does falls on both alike. The figure is the ratio of their p99; beside it
stands what quiet windows differ among themselves, and what a refusal costs in computing time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from .abuser import AbusePlan, Bout, BoutDone
from .cpu_time import CpuTime, FirstThread
from .processes import BenchFailed, Server, metrics, serve, spawn

ABUSER = "visavis.latency_bench.abuser"
PERIOD_S = 0.05
"""Of one conversation's questions."""
SETTLE_S = 0.3
"""Between two windows."""
ANSWER_S = 20.0
EXPLAINED = 40
"""Offers of one of many addresses: fewer than `limits.refusals_per_address`."""
READ = 80
"""Offers whose computing time is taken, all of them read: the budget is for more than that, and for
less than twice as many of one address."""
COST = 400
"""Requests and messages of the other kinds."""


class Kind(StrEnum):
    """Of a window."""

    QUIET = "quiet"
    ONE = "beside abuse from one address"
    """Whose budget of refusals is soon spent."""
    MANY = "beside abuse from many addresses"
    """So many that none spends its own budget."""


class Abuse(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure."""

    pipeline: str = "echo"
    sessions: int = 4
    count: int = 1000
    """Malformed offers, and as many messages, in all windows of a kind together."""
    window_s: float = 4.0
    rounds: int = 15
    """Windows of each kind."""
    seed: int = 1

    @property
    def addresses(self) -> int:
        """Of the windows with many."""
        return math.ceil(self.count / EXPLAINED)


class Sample(msgspec.Struct, frozen=True):
    """One question."""

    ms: float
    """Until it was answered."""
    waited_ms: float
    """How long the server's event loop and the asking process were ready and had no core."""

    @property
    def own_ms(self) -> float:
        """Without that: what the server itself was busy with. Both may wait at once, so it is a
        little too small; in windows of every kind alike."""
        return max(0.0, self.ms - self.waited_ms)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A few seconds of one kind."""

    kind: Kind
    seconds: float
    samples: list[Sample]
    server: CpuTime
    bout: BoutDone | None = None


class AbuseOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """All windows, what became of the nonsense, and what it cost."""

    windows: list[Window]
    cost_us: dict[str, float]
    """Microseconds of the server's computing time, by what was asked of it."""
    before: dict[str, float]
    after: dict[str, float]
    """The server's metrics."""


class Line(Protocol):
    """A WebSocket of the library's."""

    async def send(self, message: str) -> None: ...

    async def recv(self) -> str | bytes: ...


class Asker:
    """One conversation that asks and takes the time."""

    def __init__(self, line: Line, waited_ms: Callable[[], float]) -> None:
        self._line = line
        self._waited_ms = waited_ms
        self._number = 0

    async def ask(self, seconds: float, is_over: Callable[[], bool]) -> list[Sample]:
        """Questions of so many seconds, and of more until `is_over`."""
        loop = asyncio.get_running_loop()
        began, found = loop.time(), list[Sample]()
        while (due := began + len(found) * PERIOD_S) < began + seconds or not is_over():
            await asyncio.sleep(max(0.0, due - loop.time()))
            found.append(await self._ask(loop))
        return found

    async def _ask(self, loop: asyncio.AbstractEventLoop) -> Sample:
        self._number += 1
        words = f"question {self._number}"
        session = {"type": "realtime", "instructions": words}
        update = json.dumps({"type": "session.update", "session": session})
        waited_ms, asked = self._waited_ms(), loop.time()
        await self._line.send(update)
        async with asyncio.timeout(ANSWER_S):
            while not _is_answer(json.loads(await self._line.recv()), words):
                pass
        return Sample((loop.time() - asked) * 1e3, self._waited_ms() - waited_ms)


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
    windows = list[Window]()
    async with (
        serve(arguments) as server,
        _lines(server, abuse.sessions) as askers,
        spawn(ABUSER, AbusePlan(server.url, abuse.seed, abuse.addresses)) as process,
    ):
        turn = _Turns(server, askers, process, abuse)
        for kind in Kind:  # what is slow once
            await turn.window(kind, seconds=1.0, count=20)
        cost_us = await turn.costs()
        before = await metrics(server.url)
        each = math.ceil(abuse.count / abuse.rounds)
        for _ in range(abuse.rounds):
            for kind in Kind:
                await asyncio.sleep(SETTLE_S)
                windows.append(await turn.window(kind, seconds=abuse.window_s, count=each))
        after = await metrics(server.url)
    return AbuseOutcome(windows=windows, cost_us=cost_us, before=before, after=after)


class _Turns:
    """The windows of one run."""

    def __init__(
        self, server: Server, askers: Sequence[Asker], process: Process, abuse: Abuse
    ) -> None:
        self._pid = server.pid or 0
        self._askers = askers
        self._process = process
        self._seconds = abuse.window_s
        self._first = 0

    async def window(self, kind: Kind, *, seconds: float, count: int) -> Window:
        """Ask for so long, beside so much nonsense."""
        loop = asyncio.get_running_loop()
        before, began, done = await self._server_time(), loop.time(), None
        if kind is Kind.QUIET:
            samples = await self._ask(seconds, lambda: True)
        else:
            bout = Bout(count, count, seconds, is_spread=kind is Kind.MANY)
            async with asyncio.TaskGroup() as both:
                bothering = both.create_task(self._bother(bout), name="bout")
                asking = both.create_task(self._ask(seconds, bothering.done), name="asking")
            samples, done = asking.result(), bothering.result()
        return Window(
            kind=kind,
            seconds=loop.time() - began,
            samples=samples,
            server=await self._server_time() - before,
            bout=done,
        )

    async def costs(self) -> dict[str, float]:
        """Microseconds of the server's computing time for one of each, with nobody talking: the
        idle time of as long is taken off."""
        seconds = self._seconds
        kinds = {  # the first are read, while there is a budget; the next spend it
            "an offer that is read": Bout(READ, 0, seconds, is_spread=True),
            "": Bout(2 * READ, 0, 0.0),
            "an offer without a budget": Bout(COST, 0, seconds),
            "a message": Bout(0, COST, seconds),
            "a look at /health": Bout(0, 0, seconds, looks=COST),
        }
        before = await self._server_time()
        await asyncio.sleep(seconds)
        idle_ms_per_s = (await self._server_time() - before).computed_ms / seconds
        found: dict[str, float] = {}
        for name, bout in kinds.items():
            before = await self._server_time()
            done = await self._bother(bout)
            spent = await self._server_time() - before
            spent_ms = spent.computed_ms - idle_ms_per_s * done.seconds
            asked = bout.offers + bout.messages + bout.looks
            if name:
                found[name] = round(spent_ms * 1e3 / asked, 1)
        return found

    async def _server_time(self) -> CpuTime:
        return await asyncio.to_thread(CpuTime.of, self._pid)

    async def _ask(self, seconds: float, is_over: Callable[[], bool]) -> list[Sample]:
        found = await asyncio.gather(*(asker.ask(seconds, is_over) for asker in self._askers))
        return [sample for each in found for sample in each]

    async def _bother(self, bout: Bout) -> BoutDone:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        bout = msgspec.structs.replace(bout, first=self._first)
        self._first += max(bout.offers, bout.messages)
        stdin.write(msgspec.json.encode(bout) + b"\n")
        if not (line := await stdout.readline()):
            raise BenchFailed("the abuser's process ended in the middle, see above")
        return msgspec.json.decode(line, type=BoutDone)


@contextlib.asynccontextmanager
async def _lines(server: Server, count: int) -> AsyncGenerator[list[Asker]]:
    from websockets.asyncio.client import connect

    threads = [FirstThread(pid) for pid in (os.getpid(), server.pid) if pid is not None]

    def waited_ms() -> float:
        return sum(thread.time().waited_ms for thread in threads)

    address = f"{server.url.replace('http', 'ws', 1)}/v1/realtime"
    async with contextlib.AsyncExitStack() as stack:
        for thread in threads:
            stack.callback(thread.close)
        yield [
            Asker(
                await stack.enter_async_context(
                    connect(address, max_size=None, compression=None, open_timeout=30)
                ),
                waited_ms,
            )
            for _ in range(count)
        ]
