"""Connections before there is a request, with real sockets: too many, too slow, and given back."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from certificates import make_certificate
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from transport_fakes import until
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from visavis.pipelines.access.connections import TOO_MANY, TOO_SLOW, bounded_http
from visavis.pipelines.access.handshakes import PerAddress
from visavis.pipelines.access.refusals import TOO_MANY as TOO_WRONG
from visavis.pipelines.access.refusals import Refusals
from visavis.pipelines.access.tls import tls_context
from visavis.runtime.clock import VirtualClock
from visavis.runtime.settings import ServerSettings

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


class Running:
    def __init__(
        self,
        limit: int,
        head_s: float,
        tls: ssl.SSLContext | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self.connections = PerAddress(limit)
        self.asked = 0
        self.refused: Counter[str] = Counter()
        routes = [
            Route("/", hello),
            Route("/", self._opened, methods=["POST"]),
            WebSocketRoute("/ws", echo),
        ]
        app = Starlette(routes=routes)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        protocol = bounded_http(self.connections, head_s, self._count, refusals)
        config = uvicorn.Config(
            app,
            log_config=None,
            http=protocol,
            lifespan="off",
            ssl_context_factory=None if tls is None else lambda config, default: tls,
        )
        self._server = uvicorn.Server(config)

    async def _opened(self, request: Request) -> Response:
        self.asked += 1
        return PlainTextResponse(f"{len(await request.body())} bytes")

    def _count(self, code: str) -> None:
        self.refused[code] += 1

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Running]:
        with self._server.capture_signals():
            task = asyncio.create_task(self._server.serve(sockets=[self._listening]))
            await until(lambda: self._server.started)
            try:
                yield self
            finally:
                self._server.should_exit = True
                await task


async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


def test_one_connection_too_many_is_told_and_the_others_go_on() -> None:
    async def main() -> None:
        async with Running(3, 60).serving() as it:
            held = [await opened(it.port) for _ in range(3)]
            await until(lambda: len(it.connections) == 3)
            reader, writer = await opened(it.port)
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 429") and TOO_MANY.encode() in answer
            writer.close()
            held[0][1].write(REQUEST)
            assert (await held[0][0].readline()).startswith(b"HTTP/1.1 200")
            held[1][1].close()
            await until(lambda: len(it.connections) == 2)
            reader, writer = await opened(it.port)
            writer.write(REQUEST)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            assert it.refused == {TOO_MANY: 1}
            for each in (held[0][1], held[2][1], writer):
                each.close()
            await until(lambda: len(it.connections) == 0)

    asyncio.run(main())


def test_a_head_that_never_ends_is_given_up() -> None:
    async def main() -> None:
        async with Running(8, 0.05).serving() as it:
            silent, half = await opened(it.port), await opened(it.port)
            half[1].write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            second = await opened(it.port)
            second[1].write(REQUEST)
            assert (await second[0].readline()).startswith(b"HTTP/1.1 200")
            second[1].write(b"GET / HTTP/1.1\r\nX-Slow: ")  # the head of a further request
            for reader, writer in (silent, half, second):
                try:
                    await reader.read()
                except ConnectionResetError:
                    pass
                writer.close()
            await until(lambda: len(it.connections) == 0)
            assert it.refused == {TOO_SLOW: 3}

    asyncio.run(main())


def test_a_websocket_counts_until_it_is_closed_and_is_no_slow_head() -> None:
    async def main() -> None:
        async with Running(2, 0.2).serving() as it:
            async with connect(f"ws://127.0.0.1:{it.port}/ws") as first:
                assert len(it.connections) == 1
                await asyncio.sleep(0.3)
                await first.send("still here")
                assert await first.recv() == "still here"
            await until(lambda: len(it.connections) == 0)
            assert not it.refused

    asyncio.run(main())


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of one response."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return int(head.split(b" ")[1]), await reader.readexactly(length)


def post(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_whoever_was_wrong_too_often_is_answered_without_being_read() -> None:
    async def main() -> None:
        clock = VirtualClock(0.0)
        refusals = Refusals(2, 1.0, clock)
        async with Running(8, 60, refusals=refusals).serving() as it:
            reader, writer = await opened(it.port)
            writer.write(post(b"abc"))
            assert await answer_of(reader) == (200, b"3 bytes")
            for _ in range(2):
                refusals.charge("127.0.0.1", 400)
            for data in (post(b"abc"), post(b"")):  # on the same connection
                writer.write(data)
                status, body = await answer_of(reader)
                assert status == 429 and TOO_WRONG.encode() in body
            slow = post(70_000 * b"a")  # in pieces: answered when it has all come
            writer.write(slow[:100])
            await writer.drain()
            writer.write(slow[100:])
            assert (await answer_of(reader))[0] == 429
            writer.write(REQUEST)  # who only looks is no burden
            assert await answer_of(reader) == (200, b"hello")
            assert it.asked == 1 and it.refused == {TOO_WRONG: 3}
            clock.advance(1.0)
            writer.write(post(b"abcd"))
            assert await answer_of(reader) == (200, b"4 bytes")
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n",
        post(b"abc") + post(b"abc"),
        b"\x00\x01nonsense",
    ],
)
def test_what_can_not_be_skipped_ends_the_connection(data: bytes) -> None:
    async def main() -> None:
        refusals = Refusals(1, 0.001, VirtualClock(0.0))
        refusals.charge("127.0.0.1", 400)
        async with Running(8, 60, refusals=refusals).serving() as it:
            reader, writer = await opened(it.port)
            writer.write(data)
            assert (await answer_of(reader))[0] == 429
            assert await reader.read() == b""
            writer.close()
            await until(lambda: len(it.connections) == 0)
            assert it.asked == 0

    asyncio.run(main())


def test_a_websocket_is_refused_to_who_was_wrong_too_often_and_an_open_one_goes_on() -> None:
    async def main() -> None:
        refusals = Refusals(1, 0.001, VirtualClock(0.0))
        async with Running(8, 60, refusals=refusals).serving() as it:
            async with connect(f"ws://127.0.0.1:{it.port}/ws") as first:
                refusals.charge("127.0.0.1", 400)
                with pytest.raises(InvalidStatus, match="429"):
                    await connect(f"ws://127.0.0.1:{it.port}/ws")
                await first.send("still here")
                assert await first.recv() == "still here"
            assert it.refused == {TOO_WRONG: 1}

    asyncio.run(main())


def test_tls_of_today_only(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = tls_context(ServerSettings(tls_certificate=str(certificate), tls_key=str(key)))
    trusting = ssl.create_default_context(cafile=str(certificate))

    async def main() -> None:
        async with Running(8, 60, tls).serving() as it:
            reader, writer = await asyncio.open_connection(
                "localhost", it.port, ssl=trusting, family=socket.AF_INET
            )
            writer.write(REQUEST)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            version = writer.get_extra_info("ssl_object").version()
            assert version in ("TLSv1.2", "TLSv1.3")
            writer.close()
            await until(lambda: len(it.connections) == 0)

    asyncio.run(main())
