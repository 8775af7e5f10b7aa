"""One WebSocket while it lasts: messages in one by one, the line of messages out, whichever ends first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .outbox import Outbox
from .socket import Socket, SocketClosed

FAREWELL_S = 1.0
"""How long the last words may take to leave."""

LEAVING_S = 0.2
"""A connection that can't be written to says so soon where it is read."""

Take = Callable[[str | bytes], Awaitable[None]]


async def carry(
    socket: Socket, outbox: Outbox, take: Take, stop: asyncio.Event, name: str
) -> SocketClosed | None:
    """Until the socket ends (returns how) or `stop` is set (returns None; the socket is open still).

    `take` gets each message and may wait: the next one is read when it returns.
    """
    tasks = [
        asyncio.create_task(_read(socket, take), name=f"read {name}"),
        asyncio.create_task(_write(socket, outbox), name=f"write {name}"),
        asyncio.create_task(_until(stop), name=f"end {name}"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[1] in done and tasks[0] not in done:
            # Writing failed; reading knows how the client left.
            done |= (await asyncio.wait(tasks[:1], timeout=LEAVING_S))[0]
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if stop.is_set():
        return None
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, SocketClosed):
            return result
        if task in done and isinstance(result, BaseException):
            raise result
    return None


async def farewell(socket: Socket, outbox: Outbox) -> None:
    """Send what still waits, for a short while; audio that is not ready is left out."""
    outbox.drop_media()
    try:
        async with asyncio.timeout(FAREWELL_S):
            while not outbox.is_empty:
                await socket.send((await outbox.next()).text)
    except (TimeoutError, SocketClosed):
        return  # it does not read, or is gone


async def _read(socket: Socket, take: Take) -> None:
    while True:
        await take(await socket.receive())


async def _write(socket: Socket, outbox: Outbox) -> None:
    while True:
        await socket.send((await outbox.next()).text)


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()
