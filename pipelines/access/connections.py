"""Connections before there is a request: how many of one address, how long one may take to say what
it wants, and whether it is listened to at all. uvicorn has no limit for any of them. And the end of a
WebSocket whose other end is gone without a word.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from . import refusals as budget
from .handshakes import PerAddress
from .refusals import Refusals
from .skim import is_reading, still_to_come

TOO_MANY = "too_many_connections"
TOO_SLOW = "request_too_slow"
GONE_S = 2.0
"""How long the last bytes to a client that answers no ping may take to leave."""


def bounded_http(
    connections: PerAddress,
    head_s: float,
    count: Callable[[str], None],
    refusals: Refusals | None = None,
) -> type[H11Protocol]:
    """uvicorn's protocol with our limits. `head_s`: seconds for the head of a first request;
    `count` is told the code of every connection or request that is refused or given up here.

    With `refusals`, whoever has used up theirs is answered before a request is parsed. Leave it out
    behind a proxy: there every connection has the proxy's address.
    """

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

        def keepalive_timeout(self) -> None:
            """uvicorn closes, which waits until what is buffered was sent: to a client that is gone
            that is until TCP gives up, a quarter of an hour."""
            super().keepalive_timeout()
            self.loop.call_later(GONE_S, self.transport.abort)

    class BoundedHttp(H11Protocol):
        _address: str | None = None
        _is_counted = False
        _is_refused = False
        _waiting: asyncio.TimerHandle | None = None
        _to_skip = 0

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
            if self._to_skip:
                self._skip(data)
                return
            if (
                refusals is not None
                and refusals.are_spent(self._address)
                and self._is_between_requests()
                and not is_reading(data)
            ):
                self._turn_away(refusals, data)
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

        def _is_between_requests(self) -> bool:
            states = (self.conn.our_state, self.conn.their_state)
            return states == (h11.IDLE, h11.IDLE) and not self.conn.trailing_data[0]

        def _turn_away(self, refusals: Refusals, data: bytes) -> None:
            """Answer a request without reading it; the next one on this connection is looked at."""
            count(budget.TOO_MANY)
            self._unset_keepalive_if_required()
            left = still_to_come(data)
            if left is None:
                self._is_refused = True
                self.transport.write(refusals.response)
                self.transport.close()
                return
            self._to_skip = left
            if not left:
                self.transport.write(refusals.response)
                self._wait()

        def _skip(self, data: bytes) -> None:
            assert refusals is not None
            if len(data) > self._to_skip:  # more than was announced
                self.transport.abort()
                return
            self._to_skip -= len(data)
            if not self._to_skip:
                self.transport.write(refusals.response)
                self._wait()

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
