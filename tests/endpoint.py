"""A chat completions server on loopback: answers what it is told to, streamed, and keeps what it was
asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any


def text(*pieces: str) -> list[dict[str, Any]]:
    """The events of an answer in words."""
    return [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]


def call(
    name: str, *arguments: str, call_id: str = "call_1", index: int = 0
) -> list[dict[str, Any]]:
    """The events of a function call whose arguments come in pieces."""
    first = {"index": index, "id": call_id, "type": "function", "function": {"name": name}}
    rest = [{"index": index, "function": {"arguments": piece}} for piece in arguments]
    return [{"choices": [{"index": 0, "delta": {"tool_calls": [part]}}]} for part in (first, *rest)]


class Endpoint:
    """`answers` are given in turn: events, raw bytes of a whole response, or a status."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.url = ""
        self.answered = asyncio.Event()
        """An answer has been sent, all of it."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.headers.append(head)
                size = int(head.lower().split("content-length:")[1].split("\r\n")[0])
                self.asked.append(json.loads(await reader.readexactly(size)))
                await self._answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        answer = self.answers.pop(0)
        if isinstance(answer, bytes):
            writer.write(answer)
        elif isinstance(answer, int):
            body = b'{"error": {"message": "not today"}}'
            writer.write(
                f"HTTP/1.1 {answer} No\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )
        else:
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            for event in answer:
                if event == "hang":
                    await asyncio.sleep(3600)
                chunk = f"data: {json.dumps(event)}\n\n".encode()
                writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                await writer.drain()
            last = b"data: [DONE]\n\n"
            writer.write(f"{len(last):x}\r\n".encode() + last + b"\r\n0\r\n\r\n")
        await writer.drain()
        self.answered.set()


@asynccontextmanager
async def serving(*answers: Any) -> AsyncGenerator[Endpoint]:
    """On a free port; `url` is what settings name."""
    endpoint = Endpoint(answers)
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(endpoint.serve(reader, writer))
        connections.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield endpoint
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
