"""What carries a call: closing twice is once, and whoever is gone is gone."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket

from visavis.pipelines.phone_connections import TcpConnection, WebSocketConnection
from visavis.transports.telephony import WireClosed


def test_a_websocket_gives_texts_and_bytes_and_its_end() -> None:
    incoming: list[Message] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "a", "bytes": None},
        {"type": "websocket.receive", "bytes": b"b"},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    sent: list[Message] = []

    async def main() -> None:
        async def receive() -> Message:
            return incoming.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        websocket = WebSocket({"type": "websocket", "headers": []}, receive, send)
        await websocket.accept()
        connection = WebSocketConnection(websocket)
        assert [await connection.receive(), await connection.receive()] == ["a", b"b"]
        await connection.send("c")
        await connection.send(b"d")
        with pytest.raises(WireClosed):
            await connection.receive()
        with pytest.raises(WireClosed):
            await connection.receive()
        await connection.close(1000, "done")

    asyncio.run(main())
    assert [message.get("text") or message.get("bytes") for message in sent[1:]] == ["c", b"d"]


def test_a_websocket_is_closed_once() -> None:
    sent: list[Message] = []

    async def main() -> None:
        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        websocket = WebSocket({"type": "websocket", "headers": []}, receive, send)
        await websocket.accept()
        connection = WebSocketConnection(websocket)
        await connection.close(1008, "no")
        await connection.close(1000, "again")
        with pytest.raises(WireClosed):
            await connection.send("too late")

    asyncio.run(main())
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert (sent[1]["code"], sent[1]["reason"]) == (1008, "no")


def test_a_stream_gives_bytes_and_its_end() -> None:
    async def main() -> None:
        there: asyncio.Queue[TcpConnection] = asyncio.Queue()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there.put_nowait(TcpConnection(reader, writer))

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            connection = await there.get()
            assert connection.address == "127.0.0.1"
            writer.write(b"hello")
            assert await connection.receive() == b"hello"
            await connection.send(b"back")
            assert await reader.readexactly(4) == b"back"
            writer.close()
            await writer.wait_closed()
            with pytest.raises(WireClosed):
                await connection.receive()
            await connection.close(1000, "")
            await connection.close(1000, "")

    asyncio.run(main())
