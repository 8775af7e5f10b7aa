"""Starlette's WebSocket as the transports know one: messages, and how a connection ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from starlette.websockets import WebSocket

from visavis.pipelines.starlette_socket import CLOSE_S, StarletteSocket
from visavis.runtime.clock import run_virtual
from visavis.transports.websocket.socket import ABNORMAL, NO_STATUS, SocketClosed

Message = MutableMapping[str, Any]


class Asgi:
    """The server's side of one WebSocket: `incoming` is given out, `sent` is what came back."""

    def __init__(self, *incoming: Message) -> None:
        self.sent: list[Message] = []
        self.fails: Exception | None = None
        self.is_stuck = False
        self._incoming: list[Message] = [{"type": "websocket.connect"}, *incoming]

    async def receive(self) -> Message:
        return self._incoming.pop(0)

    async def send(self, message: Message) -> None:
        if self.fails is not None:
            raise self.fails
        if self.is_stuck:
            await asyncio.Event().wait()
        self.sent.append(message)


async def accepted(asgi: Asgi) -> StarletteSocket:
    socket = WebSocket({"type": "websocket", "headers": []}, asgi.receive, asgi.send)
    await socket.accept()
    return StarletteSocket(socket)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    run_virtual(main())


def test_texts_and_bytes_come_in_and_texts_go_out() -> None:
    async def scenario() -> None:
        asgi = Asgi(
            {"type": "websocket.receive", "text": "hello"},
            {"type": "websocket.receive", "bytes": b"\x00\xff"},
            {"type": "websocket.receive", "text": ""},
        )
        socket = await accepted(asgi)
        assert [await socket.receive() for _ in range(3)] == ["hello", b"\x00\xff", ""]
        await socket.send("welcome")
        assert asgi.sent[-1] == {"type": "websocket.send", "text": "welcome"}

    run(scenario)


@pytest.mark.parametrize(
    ("message", "code", "is_dropped"),
    [
        ({"code": 1000, "reason": "bye"}, 1000, False),
        ({"code": 1001, "reason": ""}, 1001, True),  # a page that is reloaded
        ({"code": 1006}, ABNORMAL, True),
        ({"code": 1005, "reason": ""}, NO_STATUS, False),  # a close frame without a code
        ({"code": 1005}, NO_STATUS, True),  # no close frame at all
        ({}, NO_STATUS, True),
        ({"code": 3000, "reason": "mine"}, 3000, False),
    ],
)
def test_who_meant_to_leave_is_told_apart_from_who_was_lost(
    message: Message, code: int, is_dropped: bool
) -> None:
    async def scenario() -> None:
        asgi = Asgi({"type": "websocket.disconnect", **message})
        socket = await accepted(asgi)
        with pytest.raises(SocketClosed) as closed:
            await socket.receive()
        assert (closed.value.code, closed.value.is_dropped) == (code, is_dropped)
        assert closed.value.reason == message.get("reason", "")
        await socket.close(1000, "too late")
        assert asgi.sent[-1]["type"] == "websocket.accept"  # nothing goes to who is gone

    run(scenario)


@pytest.mark.parametrize("error", [OSError("broken pipe"), RuntimeError("closed already")])
def test_a_connection_that_can_not_be_written_to_is_lost(error: Exception) -> None:
    async def scenario() -> None:
        asgi = Asgi()
        socket = await accepted(asgi)
        asgi.fails = error
        with pytest.raises(SocketClosed) as closed:
            await socket.send("x")
        assert (closed.value.code, closed.value.is_dropped) == (ABNORMAL, True)
        assert closed.value.__cause__ is not None
        await socket.close(1000, "")

    run(scenario)


def test_closing_says_why_once_and_raises_nothing() -> None:
    async def scenario() -> None:
        asgi = Asgi()
        socket = await accepted(asgi)
        await socket.close(1008, "resume_token_invalid")
        await socket.close(1000, "again")
        closes = [message for message in asgi.sent if message["type"] == "websocket.close"]
        assert [(one["code"], one["reason"]) for one in closes] == [(1008, "resume_token_invalid")]
        broken = Asgi()
        socket = await accepted(broken)
        broken.fails = RuntimeError("gone")
        await socket.close(1000, "")

    run(scenario)


def test_one_that_does_not_read_is_not_waited_for() -> None:
    async def scenario() -> None:
        asgi = Asgi()
        socket = await accepted(asgi)
        asgi.is_stuck = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        await socket.close(1000, "")
        assert loop.time() - began == pytest.approx(CLOSE_S)  # of virtual time

    run(scenario)
