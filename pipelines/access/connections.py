"""Connections before there is a request: how many of one address, and how long one may take to say
what it wants. uvicorn has no limit for either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .handshakes import PerAddress

TOO_MANY = "too_many_connections"
TOO_SLOW = "request_too_slow"


def bounded_http(
    connections: PerAddress, head_s: float, count: Callable[[str], None]
) -> type[H11Protocol]:
    """uvicorn's protocol with our limits. `head_s`: seconds for the head of a first request;
    `count` is told the code of every connection that is refused or given up."""

    class BoundedWebSocket(WebSocketsSansIOProtocol):
        _address: str | None = None
        _is_counted = False

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._address = self.client[0] if self.client else None
            self._is_counted = connections.enter(self._address)  # what HTTP has just left

        def connection_lost(self, exc: Exception | None) -> None:
            if self._is_counted:
                connections.leave(self._address)
            super().connection_lost(exc)

    class BoundedHttp(H11Protocol):
        _address: str | None = None
        _is_counted = False
        _is_refused = False
        _waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.ws_protocol_class = BoundedWebSocket
            self._address = self.client[0] if self.client else None
            self._is_counted = connections.enter(self._address)
            if self._is_counted:
                self._wait()
                return
            self._is_refused = True
            count(TOO_MANY)
            transport.write(_refusal(connections.limit))
            transport.close()

        def data_received(self, data: bytes) -> None:
            if self._is_refused:
                return
            super().data_received(data)
            cycle = cast("RequestResponseCycle | None", self.cycle)  # None before a request
            if cycle is not None and not cycle.response_complete:
                self._stop_waiting()  # the head of a request is whole

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.cycle.response_complete and not self.transport.is_closing():
                self._wait()  # uvicorn's own timer ends with the first byte of the next head

        def handle_websocket_upgrade(self, event: object) -> None:
            self._leave()
            super().handle_websocket_upgrade(event)  # type: ignore[arg-type]

        def connection_lost(self, exc: Exception | None) -> None:
            self._leave()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._stop_waiting()
            self._waiting = self.loop.call_later(head_s, self._give_up)

        def _stop_waiting(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _give_up(self) -> None:
            count(TOO_SLOW)
            self.transport.abort()

        def _leave(self) -> None:
            self._stop_waiting()
            if self._is_counted:
                self._is_counted = False
                connections.leave(self._address)

    return BoundedHttp


def _refusal(limit: int) -> bytes:
    message = (
        f"{limit} connections of your address are open already: close one of them (the operator "
        "can raise limits.connections_per_address)"
    )
    error = {"message": message, "type": "invalid_request_error", "code": TOO_MANY, "param": None}
    body = json.dumps({"error": error}).encode()
    head = (
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
