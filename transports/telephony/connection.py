"""What carries a telephone call's messages, and how it is closed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Protocol

from ...runtime.message_guard import QUOTA, RATE
from .line import BROKEN, OUT_OF_ORDER, REFUSED, TOO_LARGE, UNSUPPORTED, Wire

NORMAL, INTERNAL_ERROR, TRY_AGAIN_LATER = 1000, 1011, 1013
CLOSE_CODES: Mapping[str, int] = {  # RFC 6455, 7.4.1
    BROKEN: 1007,
    OUT_OF_ORDER: 1002,
    UNSUPPORTED: 1003,
    TOO_LARGE: 1009,
    REFUSED: 1008,
    RATE: 1008,
    QUOTA: 1008,
}
"""What a WebSocket is closed with, by the code of the `BadInput`."""
_REASON_BYTES = 120  # of a close frame's 123


class WireClosed(Exception):
    """The other end is gone."""


class Connection(Protocol):
    """What carries messages: a WebSocket, or a TCP stream whose messages are any bytes."""

    async def receive(self) -> Wire:
        """The next message. Raises `WireClosed`."""
        ...

    async def send(self, data: Wire) -> None:
        """Raises `WireClosed`."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Idempotent; nothing is left open."""
        ...


class Sender:
    """Messages to the other end, in their order. `run` is the task that sends them."""

    def __init__(self, connection: Connection, waiting: int) -> None:
        """`waiting` is how many may wait for somebody who does not read."""
        self.is_gone = False
        """The other end is gone: nothing can be sent."""
        self._connection = connection
        self._waiting = waiting
        self._outbox: deque[Wire] = deque()
        self._wake = asyncio.Event()
        self._is_finishing = False

    def put(self, data: Wire) -> bool:
        """Send it next; False when it can't wait any more, because nothing before it is read."""
        if self.is_gone or self._is_finishing:
            return True
        if len(self._outbox) >= self._waiting:
            return False
        self._outbox.append(data)
        self._wake.set()
        return True

    def put_last(self, messages: Iterable[Wire]) -> None:
        """However much waits: words of farewell."""
        self._outbox.extend(messages)
        self._wake.set()

    def finish(self) -> None:
        """Nothing comes any more: `run` ends when all of it is sent."""
        self._is_finishing = True
        self._wake.set()

    async def run(self) -> None:
        """Raises `WireClosed`."""
        try:
            while True:
                while self._outbox:
                    await self._connection.send(self._outbox.popleft())
                if self._is_finishing:
                    return
                self._wake.clear()
                await self._wake.wait()
        except WireClosed:
            self.is_gone = True
            raise


def cut_reason(reason: str) -> str:
    """A reason that fits into a close frame."""
    return reason.encode()[:_REASON_BYTES].decode("utf-8", "ignore")
