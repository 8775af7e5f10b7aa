"""Somebody who sends only nonsense, in a process of their own: `python -m visavis.latency_bench.abuser`.

A plan comes in as one line of JSON on stdin. Every further line on stdin is one bout: so many
malformed offers and messages, spread over so many seconds; when it is done, one line of JSON with
what came of it goes out on stdout. It runs at the lowest priority: a real one has a machine of its
own, this one must not take the cores of those it is to disturb by its messages alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Self
from urllib.parse import urlsplit

import msgspec

from .nonsense import bad_message, bad_offer

CALLS = "/v1/realtime/calls"
HEALTH = "/health"
NICE = 19


class AbusePlan(msgspec.Struct, frozen=True):
    """Whom to bother."""

    url: str
    seed: int = 1
    addresses: int = 1
    """Loopback addresses that the offers of `Bout.is_spread` come from, 127.0.0.3 and so on."""


class Bout(msgspec.Struct, frozen=True):
    """How much, for how long."""

    offers: int
    messages: int
    seconds: float
    first: int = 0
    """Number of the first, so that no two bouts are the same."""
    is_spread: bool = False
    """Offers come from all addresses of the plan in turn; else all from 127.0.0.2."""
    looks: int = 0
    """Requests for /health, which are nothing bad: what a request costs at least."""


class BoutDone(msgspec.Struct, frozen=True):
    """What the server did about it."""

    answers: dict[str, int]
    """HTTP statuses of the offers."""
    sent: int
    """Messages."""
    reconnects: int
    """Times the server had hung up on us."""
    seconds: float
    """How long it really took."""


class Abuser:
    """Keeps its connections from bout to bout: opening them is nothing malformed."""

    def __init__(self, plan: AbusePlan) -> None:
        self._plan = plan
        parts = urlsplit(plan.url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        self._looker = _Poster(host, port, "127.0.0.1")
        self._offerers = [
            _Poster(host, port, f"127.0.0.{number + 2}") for number in range(plan.addresses + 1)
        ]
        self._line = _Line(plan.url)

    async def __aenter__(self) -> Self:
        await self._line.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._line.close()
        for poster in (self._looker, *self._offerers):
            poster.close()

    async def bother(self, bout: Bout) -> BoutDone:
        """Offers, messages and looks at once."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        answers: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        seed = self._plan.seed

        async def spread(count: int, send: Callable[[int], Awaitable[None]]) -> None:
            for number in range(count):
                due = began + bout.seconds * number / count
                await asyncio.sleep(max(0.0, due - loop.time()))
                await send(bout.first + number)

        async def offer(number: int) -> None:
            which = 1 + number % self._plan.addresses if bout.is_spread else 0
            status = await self._offerers[which].post(CALLS, bad_offer(number, seed))
            answers[str(status)] += 1

        async def say(number: int) -> None:
            counts["reconnects"] += await self._line.send(bad_message(number, seed))

        async def look(_: int) -> None:
            await self._looker.get(HEALTH)

        async with asyncio.TaskGroup() as all_of_them:
            all_of_them.create_task(spread(bout.offers, offer), name="bad offers")
            all_of_them.create_task(spread(bout.messages, say), name="bad messages")
            all_of_them.create_task(spread(bout.looks, look), name="looks")
        return BoutDone(dict(answers), bout.messages, counts["reconnects"], loop.time() - began)


class _Poster:
    """One HTTP/1.1 connection from one address; opened again when it was closed."""

    def __init__(self, host: str, port: int, address: str) -> None:
        self._host = host
        self._port = port
        self._address = address
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes) -> int:
        """The status of the answer."""
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/sdp\r\n"
        return await self._ask(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def get(self, path: str) -> int:
        """The status of the answer."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())

    async def _ask(self, request: bytes) -> int:
        """A connection that the server has closed meanwhile is replaced, once."""
        try:
            return await self._exchange(request)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return await self._exchange(request)

    async def _exchange(self, request: bytes) -> int:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                self._host, self._port, local_addr=(self._address, 0)
            )
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await self._reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class _Line:
    """A WebSocket that is opened again whenever the server has had enough; reads and forgets."""

    def __init__(self, url: str) -> None:
        from websockets.asyncio.client import connect

        self._connect = connect
        self._url = f"{url.replace('http', 'ws', 1)}/v1/realtime"
        self._stack = contextlib.AsyncExitStack()

    async def close(self) -> None:
        await self._stack.aclose()

    async def open(self) -> None:
        await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()
        self._line = await self._stack.enter_async_context(
            self._connect(self._url, max_size=None, compression=None, open_timeout=30)
        )
        reading = asyncio.create_task(self._forget(), name="forget answers")
        self._stack.callback(reading.cancel)

    async def _forget(self) -> None:
        async for _ in self._line:
            pass

    async def send(self, text: str) -> bool:
        """True when it needed another connection."""
        from websockets.exceptions import ConnectionClosed

        try:
            await self._line.send(text)
        except ConnectionClosed:
            await self.open()
            await self._line.send(text)
            return True
        return False


async def _main() -> None:
    plan = msgspec.json.decode(await asyncio.to_thread(sys.stdin.readline), type=AbusePlan)
    async with Abuser(plan) as abuser:
        while line := await asyncio.to_thread(sys.stdin.readline):
            done = await abuser.bother(msgspec.json.decode(line, type=Bout))
            sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
            sys.stdout.flush()


if __name__ == "__main__":
    os.nice(NICE)
    asyncio.run(_main())
