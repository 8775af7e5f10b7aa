"""The ends of the wires of `bench protocol`: uvicorn's WebSocket protocol, and a TCP stream, without sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from ..pipelines.access import take_keys
from ..pipelines.door import Door
from ..pipelines.origins import Origins
from ..runtime.settings import Settings
from .protocol_case import Arrival

_UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Wire(asyncio.Transport):
    """What a protocol writes to: nothing is sent, only noticed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = Arrival()
        self.on_close: Callable[[], None] = lambda: None
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.came()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.written.came()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self.on_close)

    def abort(self) -> None:
        self.close()


class SocketEnd:
    """A WebSocket behind our door, from the client's end."""

    def __init__(self, wire: Wire, protocol: WebSocketsSansIOProtocol) -> None:
        self.wire = wire
        self._protocol = protocol

    def text(self, text: str) -> Callable[[], None]:
        """A text message arrives."""
        return self._arrives(Frame(Opcode.TEXT, text.encode()))

    def binary(self, data: bytes) -> Callable[[], None]:
        """A binary message arrives."""
        return self._arrives(Frame(Opcode.BINARY, data))

    def _arrives(self, frame: Frame) -> Callable[[], None]:
        data = frame.serialize(mask=True)
        return lambda: self._protocol.data_received(data)


@contextlib.asynccontextmanager
async def websocket_end(serve: Callable[[WebSocket], Awaitable[None]]) -> AsyncGenerator[SocketEnd]:
    """A WebSocket that `serve` carries on the server's side, through uvicorn, our door and
    Starlette. `serve` accepts it."""
    access, settings = take_keys(Settings())
    origins = Origins((), settings.server.host)
    door = Middleware(Door, origins=origins, access=access, limits=settings.limits, headers={})
    app = Starlette(routes=[WebSocketRoute("/", serve)], middleware=[door])
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        ws_max_size=settings.limits.max_message_bytes,
    )
    config.load()
    state = ServerState()
    protocol = WebSocketsSansIOProtocol(config, state, {}, asyncio.get_running_loop())
    wire = Wire()
    wire.on_close = lambda: protocol.connection_lost(None)
    protocol.connection_made(wire)
    wire.written.clear()
    protocol.data_received(_UPGRADE)
    await wire.written.wait()  # the upgrade
    try:
        yield SocketEnd(wire, protocol)
    finally:
        wire.close()
        if state.tasks:
            await asyncio.wait(state.tasks)


class StreamEnd:
    """A TCP connection from the caller's end, with the server's reader and writer."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.wire = Wire()
        self.reader = asyncio.StreamReader(limit=65_536)
        self._protocol = asyncio.StreamReaderProtocol(self.reader)
        self.writer = asyncio.StreamWriter(self.wire, self._protocol, self.reader, loop)
        self.wire.on_close = lambda: self._protocol.connection_lost(None)
        self._protocol.connection_made(self.wire)

    def bytes(self, data: bytes) -> Callable[[], None]:
        """Some bytes arrive."""
        return lambda: self._protocol.data_received(data)
