"""Somebody who sends only nonsense, in a process of their own: `python -m visavis.latency_bench.abuser`.

A plan comes in as one line of JSON on stdin. Every further line on stdin is one bout: so many
malformed offers and messages, spread over so many seconds; when it is done, one line of JSON with
what came of it goes out on stdout.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Self

import msgspec

from .nonsense import bad_message, bad_offer

CALLS = "/v1/realtime/calls"


class AbusePlan(msgspec.Struct, frozen=True):
    """Whom to bother."""

    url: str
    seed: int = 1


class Bout(msgspec.Struct, frozen=True):
    """How much, for how long."""

    offers: int
    messages: int
    seconds: float
    first: int = 0
    """Number of the first, so that no two bouts are the same."""


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


async def bother(plan: AbusePlan, bout: Bout) -> BoutDone:
    """Both at once."""
    import httpx

    loop = asyncio.get_running_loop()
    began = loop.time()
    answers: Counter[str] = Counter()
    counts: Counter[str] = Counter()

    async def spread(count: int, send: Callable[[int], Awaitable[None]]) -> None:
        for number in range(count):
            await asyncio.sleep(began + bout.seconds * number / count - loop.time())
            await send(bout.first + number)

    async def offers(client: httpx.AsyncClient) -> None:
        async def send(number: int) -> None:
            headers = {"Content-Type": "application/sdp"}
            content = bad_offer(number, plan.seed)
            answer = await client.post(CALLS, content=content, headers=headers)
            answers[str(answer.status_code)] += 1

        await spread(bout.offers, send)

    async with httpx.AsyncClient(base_url=plan.url, timeout=30) as client, _Line(plan.url) as line:

        async def send(number: int) -> None:
            counts["reconnects"] += await line.send(bad_message(number, plan.seed))

        async with asyncio.TaskGroup() as both:
            both.create_task(offers(client), name="bad offers")
            both.create_task(spread(bout.messages, send), name="bad messages")
    return BoutDone(dict(answers), bout.messages, counts["reconnects"], loop.time() - began)


class _Line:
    """A WebSocket that is opened again whenever the server has had enough; reads and forgets."""

    def __init__(self, url: str) -> None:
        from websockets.asyncio.client import connect

        self._connect = connect
        self._url = f"{url.replace('http', 'ws', 1)}/v1/realtime"
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()
        self._line = await self._stack.enter_async_context(
            self._connect(self._url, max_size=None, compression=None)
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
            await self._open()
            await self._line.send(text)
            return True
        return False


async def _main() -> None:
    plan = msgspec.json.decode(await asyncio.to_thread(sys.stdin.readline), type=AbusePlan)
    while line := await asyncio.to_thread(sys.stdin.readline):
        done = await bother(plan, msgspec.json.decode(line, type=Bout))
        sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main())
