"""Both ends of a WebSocket without a network, for tests on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from transport_fakes import InlineThreads

from visavis.runtime.settings import WebsocketSettings
from visavis.transports.websocket import WebSocketPeer
from visavis.transports.websocket.socket import SocketClosed

MAX_MESSAGE = 1_000_000


class FakeSocket:
    """A `Socket` whose other end is the test."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.is_blocked = False
        self._incoming: asyncio.Queue[str | bytes | SocketClosed] = asyncio.Queue()
        self._unblocked = asyncio.Event()

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was sent, decoded."""
        return [cast(dict[str, Any], msgspec.json.decode(text)) for text in self.texts]

    @property
    def types(self) -> list[str]:
        return [str(event["type"]) for event in self.events]

    def say(self, message: Mapping[str, object] | str | bytes) -> None:
        """A message of the client."""
        data = message if isinstance(message, str | bytes) else msgspec.json.encode(message)
        self._incoming.put_nowait(data)

    def leave(self, code: int = 1000, *, is_dropped: bool = False) -> None:
        """The client goes, or its network does."""
        self._incoming.put_nowait(SocketClosed(code, "", is_dropped=is_dropped))

    @property
    def unread(self) -> int:
        """Messages of the client that were not read yet."""
        return self._incoming.qsize()

    async def receive(self) -> str | bytes:
        message = await self._incoming.get()
        if isinstance(message, SocketClosed):
            raise message
        return message

    async def send(self, text: str) -> None:
        if self.is_blocked:
            await self._unblocked.wait()
        if self.closed is not None:
            raise SocketClosed(1006, "gone", is_dropped=True)
        self.texts.append(text)

    async def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = (code, reason)
            self._incoming.put_nowait(SocketClosed(code, reason, is_dropped=False))


def peer(*, is_extended: bool = False, **settings: Any) -> WebSocketPeer:
    """A peer whose codec work is done at once."""
    return WebSocketPeer(
        WebsocketSettings(**settings),
        max_message_bytes=MAX_MESSAGE,
        is_extended=is_extended,
        threads=InlineThreads(),
    )


async def settle(turns: int = 20) -> None:
    """Let everything that is ready happen."""
    for _ in range(turns):
        await asyncio.sleep(0)
