"""What carries a telephone call's messages: an accepted WebSocket, or a TCP stream."""

from __future__ import annotations

import asyncio
import contextlib
from typing import cast

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..transports.telephony import WireClosed
from ..transports.telephony.line import Wire

TCP_PIECE = 65_536
"""Bytes taken from a stream at once."""


class WebSocketConnection:
    """Starlette's WebSocket, accepted, as a phone wants it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> Wire:
        try:
            message = await self._websocket.receive()
        except (WebSocketDisconnect, RuntimeError) as error:
            raise WireClosed from error
        if message["type"] != "websocket.receive":
            raise WireClosed
        text = message.get("text")
        return cast(str, text) if text is not None else cast(bytes, message["bytes"])

    async def send(self, data: Wire) -> None:
        try:
            if isinstance(data, str):
                await self._websocket.send_text(data)
            else:
                await self._websocket.send_bytes(data)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise WireClosed from error

    async def close(self, code: int, reason: str) -> None:
        states = (self._websocket.client_state, self._websocket.application_state)
        if WebSocketState.DISCONNECTED not in states:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self._websocket.close(code, reason)


class TcpConnection:
    """A stream of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        peer: object = writer.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else None  # pyright: ignore[reportUnknownArgumentType]

    async def receive(self) -> Wire:
        try:
            data = await self._reader.read(TCP_PIECE)
        except OSError as error:
            raise WireClosed from error
        if not data:
            raise WireClosed
        return data

    async def send(self, data: Wire) -> None:
        try:
            self._writer.write(data if isinstance(data, bytes) else data.encode())
            await self._writer.drain()
        except OSError as error:
            raise WireClosed from error

    async def close(self, code: int, reason: str) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
