"""Connections before there is a request, with real sockets: too many, too slow, and given back."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from certificates import make_certificate
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from transport_fakes import until
from websockets.asyncio.client import connect

from visavis.pipelines.access.connections import TOO_MANY, TOO_SLOW, bounded_http
from visavis.pipelines.access.handshakes import PerAddress
from visavis.pipelines.access.tls import tls_context
from visavis.runtime.settings import ServerSettings

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


class Running:
    def __init__(self, limit: int, head_s: float, tls: ssl.SSLContext | None = None) -> None:
        self.connections = PerAddress(limit)
        self.refused: Counter[str] = Counter()
        app = Starlette(routes=[Route("/", hello), WebSocketRoute("/ws", echo)])
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        protocol = bounded_http(self.connections, head_s, self._count)
        config = uvicorn.Config(
            app,
            log_config=None,
            http=protocol,
            lifespan="off",
            ssl_context_factory=None if tls is None else lambda config, default: tls,
        )
        self._server = uvicorn.Server(config)

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
