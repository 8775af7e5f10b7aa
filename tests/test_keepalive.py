"""Pings of a WebSocket: a client that answers lives on, one that is gone is noticed. Virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from transport_fakes import InlineThreads
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from visavis.pipelines.access.connections import GONE_S, bounded_http
from visavis.pipelines.access.handshakes import PerAddress
from visavis.pipelines.starlette_socket import StarletteSocket
from visavis.runtime.clock import run_virtual
from visavis.runtime.settings import WebsocketSettings
from visavis.transports.websocket import WebSocketPeer

PING_S, PONG_S, RESUME_S = 20.0, 60.0, 30.0


class Network(asyncio.Transport):
    """The way to a client. One that is dead takes nothing any more: a close waits for ever."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.7", 5), "sockname": ("192.0.2.1", 80)})
        self.protocol: asyncio.Protocol | None = None
        self.is_dead = False
        self.answers = True
        """Whether the client's own library answers pings, as every one does by itself."""
        self.pings = 0
        self.client = ClientProtocol(parse_uri("ws://localhost/"))
        self._is_closing = self._is_gone = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.is_dead or self._is_gone:
            return
        self.client.receive_data(bytes(data))
        self.pings += sum(
            isinstance(event, Frame) and event.opcode is Opcode.PING
            for event in self.client.events_received()
        )
        replies = [piece for piece in self.client.data_to_send() if piece]
        if self.answers:
            for reply in replies:
                asyncio.get_running_loop().call_soon(self._arrives, reply)

    def _arrives(self, data: bytes) -> None:
        assert self.protocol is not None
        self.protocol.data_received(data)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = cast(asyncio.Protocol, protocol)

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            if not self.is_dead:
                asyncio.get_running_loop().call_soon(self._lost)

    def abort(self) -> None:
        self._is_closing = True
        asyncio.get_running_loop().call_soon(self._lost)

    def _lost(self) -> None:
        assert self.protocol is not None
        if not self._is_gone:
            self._is_gone = True
            self.protocol.connection_lost(None)


class Open:
    """A conversation's WebSocket on that network, through the protocol that the server uses."""

    def __init__(self, *, is_extended: bool = False) -> None:
        self.peer = WebSocketPeer(
            WebsocketSettings(resume_s=RESUME_S),
            max_message_bytes=1000,
            is_extended=is_extended,
            threads=InlineThreads(),
        )
        self.connections = PerAddress(4)
        self.network = Network()

    async def begin(self) -> None:
        async def serve(websocket: WebSocket) -> None:
            await websocket.accept()
            await self.peer.serve(StarletteSocket(websocket))

        config = uvicorn.Config(
            Starlette(routes=[WebSocketRoute("/", serve)]),
            log_config=None,
            lifespan="off",
            ws_per_message_deflate=False,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PONG_S,
            http=bounded_http(self.connections, 15.0, lambda code: None),
        )
        config.load()
        http = cast(type[H11Protocol], config.http_protocol_class)(
            config, ServerState(), {}, asyncio.get_running_loop()
        )
        self.network.set_protocol(http)
        http.connection_made(self.network)
        self.network.client.send_request(self.network.client.connect())
        http.data_received(b"".join(self.network.client.data_to_send()))
        await asyncio.sleep(0.1)
        assert self.peer.is_connected


def after(seconds: float, it_is: Callable[[Open], None], check: Callable[[Open], None]) -> None:
    """What is the case so many seconds after something happened to a connection that was fine."""

    async def main() -> None:
        it = Open()
        await it.begin()
        it_is(it)
        await asyncio.sleep(seconds)
        check(it)
        it.network.abort()
        await asyncio.sleep(RESUME_S + 1)
        assert len(it.connections) == 0 and len(asyncio.all_tasks()) == 1

    run_virtual(main())


def nothing(_: Open) -> None:
    """All stays as it is."""


def test_a_silent_client_that_answers_pings_lives_on() -> None:
    def check(it: Open) -> None:
        assert it.peer.closed_why is None and it.peer.is_connected
        assert it.network.pings == 30

    after(30 * PING_S + 1, nothing, check)


def test_a_client_that_answers_no_ping_is_closed_in_time() -> None:
    def mute(it: Open) -> None:
        it.network.answers = False

    after(PING_S + PONG_S - 1, mute, check_open)
    after(PING_S + PONG_S + 1, mute, check_gone)


def test_a_client_whose_network_swallows_everything_does_not_keep_its_conversation() -> None:
    """What is buffered for it never leaves, so the connection never closes by itself."""

    def dead(it: Open) -> None:
        it.network.is_dead = True

    after(PING_S + PONG_S + GONE_S - 0.5, dead, check_open)
    after(PING_S + PONG_S + GONE_S + 0.5, dead, check_gone)


def test_a_client_that_may_come_back_is_waited_for() -> None:
    async def main() -> None:
        it = Open(is_extended=True)
        await it.begin()
        it.network.is_dead = True
        gone_s = PING_S + PONG_S + GONE_S
        await asyncio.sleep(gone_s + RESUME_S - 0.5)
        assert it.peer.closed_why is None and not it.peer.is_connected
        await asyncio.sleep(1)
        assert it.peer.closed_why is not None
        assert f"did not come back within {RESUME_S:g} s" in it.peer.closed_why
        assert len(it.connections) == 0 and len(asyncio.all_tasks()) == 1

    run_virtual(main())


def check_open(it: Open) -> None:
    assert it.peer.closed_why is None and it.peer.is_connected


def check_gone(it: Open) -> None:
    assert it.peer.closed_why is not None and not it.peer.is_connected
    assert len(it.connections) == 0
