"""Starlette's WebSocket as the transports know one."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..transports.websocket.socket import (
    ABNORMAL,
    GOING_AWAY,
    NO_STATUS,
    SocketClosed,
)

CLOSE_S = 2.0
"""A peer that does not read can't take a close frame either."""


class StarletteSocket:
    """An accepted WebSocket; the `Socket` of a `WebSocketPeer`."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._is_over = False

    async def receive(self) -> str | bytes:
        """The next whole message. Raises `SocketClosed`."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            self._is_over = True
            code = int(message.get("code") or NO_STATUS)
            # A close frame without a code comes with an empty reason, a lost connection with none.
            is_silent = code == NO_STATUS and message.get("reason") is None
            raise SocketClosed(
                code,
                str(message.get("reason") or ""),
                is_dropped=is_silent or code in (GOING_AWAY, ABNORMAL),
            )
        text: str | None = message.get("text")
        return text if text is not None else bytes(message.get("bytes") or b"")

    async def send(self, text: str) -> None:
        """Returns when the connection takes more. Raises `SocketClosed`."""
        try:
            await self._socket.send({"type": "websocket.send", "text": text})
        except (WebSocketDisconnect, OSError, RuntimeError) as error:
            self._is_over = True
            raise SocketClosed(ABNORMAL, type(error).__name__, is_dropped=True) from error

    async def close(self, code: int, reason: str) -> None:
        """Idempotent; raises nothing."""
        if self._is_over:
            return
        self._is_over = True
        with contextlib.suppress(WebSocketDisconnect, OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close(code, reason)
