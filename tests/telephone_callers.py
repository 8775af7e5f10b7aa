"""A caller per provider: speaks 20 ms at a time, plays what it hears, returns marks in their time."""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

import msgspec
import numpy as np
from telephone_fakes import encode
from test_audiosocket import HELLO
from test_genesys import SESSION, Client
from test_phone import CONNECTED, START, STOP
from test_plivo import start as plivo_start
from test_telnyx import start as telnyx_start
from test_vonage import CONNECTED as VONAGE_CONNECTED
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from visavis.transports import g711
from visavis.transports.rates import Pcm, Resampler
from visavis.transports.telephony.audiosocket import HANG_UP, frame

Wire = str | bytes
Send = Callable[[Wire], Awaitable[None]]


class Provider(Protocol):
    """One provider's wire, from its own end."""

    rate: int
    path: str
    tells_clear: bool

    def hello(self) -> list[Wire]: ...
    def speak(self, pcm: Pcm) -> Wire: ...
    def hear(self, data: Wire) -> tuple[str, Any] | None:
        """("audio", pcm), ("mark", name), ("clear", None) or ("say", reply)."""
        ...

    def reached(self, name: str) -> Wire: ...
    def goodbye(self) -> list[Wire]: ...


class Json:
    """What Twilio, Telnyx and Plivo have in common."""

    rate = 8000
    path = ""
    tells_clear = True
    play = "media"
    checkpoint = "mark"
    clear = "clear"

    def __init__(self) -> None:
        self.chunk = 0

    def hello(self) -> list[Wire]:
        raise NotImplementedError

    def speak(self, pcm: Pcm) -> Wire:
        self.chunk += 1
        payload = base64.b64encode(g711.mulaw_encode(pcm)).decode()
        media = {"track": "inbound", "chunk": str(self.chunk), "payload": payload}
        return encode({"event": "media", "media": media})

    def hear(self, data: Wire) -> tuple[str, Any] | None:
        message = cast("dict[str, Any]", msgspec.json.decode(data))
        if message["event"] == self.play:
            return "audio", g711.mulaw_decode(base64.b64decode(message["media"]["payload"]))
        if message["event"] == self.checkpoint:
            return "mark", message.get("name") or message["mark"]["name"]
        assert message["event"] == self.clear, message
        return "clear", None

    def reached(self, name: str) -> Wire:
        return encode({"event": "mark", "mark": {"name": name}})

    def goodbye(self) -> list[Wire]:
        return [encode(STOP)]


class Twilio(Json):
    path = "twilio"

    def hello(self) -> list[Wire]:
        return [encode(CONNECTED), encode(START)]


class Telnyx(Json):
    path = "telnyx"

    def hello(self) -> list[Wire]:
        return [encode({"event": "connected", "version": "1.0.0"}), encode(telnyx_start())]


class Plivo(Json):
    path, play, checkpoint, clear = "plivo", "playAudio", "checkpoint", "clearAudio"

    def hello(self) -> list[Wire]:
        return [encode(plivo_start())]

    def reached(self, name: str) -> Wire:
        return encode({"event": "playedStream", "streamId": "s", "name": name})


class Vonage:
    rate = 16_000
    path = "vonage"
    tells_clear = True

    def hello(self) -> list[Wire]:
        return [encode(VONAGE_CONNECTED)]

    def speak(self, pcm: Pcm) -> Wire:
        return pcm.astype("<i2").tobytes()

    def hear(self, data: Wire) -> tuple[str, Any] | None:
        if isinstance(data, bytes):
            assert len(data) == 640
            return "audio", np.frombuffer(data, "<i2")
        message = cast("dict[str, Any]", msgspec.json.decode(data))
        if message["action"] == "notify":
            return "mark", message["payload"]["name"]
        assert message == {"action": "clear"}
        return "clear", None

    def reached(self, name: str) -> Wire:
        return encode({"event": "websocket:notify", "payload": {"name": name}})

    def goodbye(self) -> list[Wire]:
        return []


class Genesys:
    rate = 8000
    path = "genesys"
    tells_clear = True

    def __init__(self) -> None:
        self.client = Client()

    def hello(self) -> list[Wire]:
        return [encode(self.client.open())]

    def speak(self, pcm: Pcm) -> Wire:
        return g711.mulaw_encode(pcm)

    def hear(self, data: Wire) -> tuple[str, Any] | None:
        if isinstance(data, bytes):
            assert len(data) <= 1600
            return "audio", g711.mulaw_decode(data)
        message = self.client.hear(data)
        if message["type"] == "event":
            entity = message["parameters"]["entities"][0]
            return ("clear", None) if entity["type"] == "barge_in" else None
        if message["type"] == "opened":
            return "say", encode(self.client.say("ping"))
        return None

    def reached(self, name: str) -> Wire:
        raise NotImplementedError

    def goodbye(self) -> list[Wire]:
        return [encode(self.client.say("close", reason="end"))]


class Asterisk:
    """chan_websocket with JSON control messages."""

    rate = 8000
    path = "asterisk"
    tells_clear = True

    def hello(self) -> list[Wire]:
        start = {"event": "MEDIA_START", "format": "alaw", "optimal_frame_size": 160}
        return [encode(start)]

    def speak(self, pcm: Pcm) -> Wire:
        return g711.alaw_encode(pcm)

    def hear(self, data: Wire) -> tuple[str, Any] | None:
        if isinstance(data, bytes):
            assert len(data) % 160 == 0
            return "audio", g711.alaw_decode(data)
        message = cast("dict[str, Any]", msgspec.json.decode(data))
        if message["command"] == "MARK_MEDIA":
            return "mark", message["correlation_id"]
        return ("clear", None) if message["command"] == "FLUSH_MEDIA" else None

    def reached(self, name: str) -> Wire:
        return encode({"event": "MEDIA_MARK_PROCESSED", "correlation_id": name})

    def goodbye(self) -> list[Wire]:
        return []


class AudioSocket:
    rate = 16_000
    path = "audiosocket"
    tells_clear = False

    def hello(self) -> list[Wire]:
        return [HELLO]

    def speak(self, pcm: Pcm) -> Wire:
        return frame(0x12, pcm.astype("<i2").tobytes())

    def hear(self, data: Wire) -> tuple[str, Any] | None:
        assert isinstance(data, bytes)
        return ("audio", np.frombuffer(data[3:], "<i2")) if data[0] == 0x12 else None

    def reached(self, name: str) -> Wire:
        raise NotImplementedError

    def goodbye(self) -> list[Wire]:
        return [frame(HANG_UP)]


class Caller:
    """Somebody on the telephone."""

    def __init__(self, provider: Provider, send: Send) -> None:
        self.provider = provider
        self.heard: list[Pcm] = []
        self.marks: list[str] = []
        self.cleared: list[float] = []
        """Seconds of what was heard in all when it was cleared."""
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._saying: Pcm = np.zeros(0, np.int16)
        self._plays_until = 0.0
        self._timers: list[tuple[str, asyncio.TimerHandle]] = []
        self._answers: set[asyncio.Task[None]] = set()

    @property
    def heard_s(self) -> float:
        return sum(map(len, self.heard)) / self.provider.rate

    def say(self, pcm: Pcm) -> None:
        """Speech at 16 kHz."""
        resampler = Resampler(16_000, self.provider.rate)
        out = [resampler.feed(pcm), resampler.flush()]
        self._saying = np.concatenate([self._saying, *out])

    async def talk(self) -> None:
        """Speaks, or is silent, at the pace of a telephone."""
        for data in self.provider.hello():
            await self._send(data)
        size, began, sent = self.provider.rate // 50, self._loop.time(), 0
        while True:
            part, self._saying = self._saying[:size], self._saying[size:]
            await self._send(self.provider.speak(np.pad(part, (0, size - len(part)))))
            sent += 1
            await asyncio.sleep(max(0.0, began + sent / 50 - self._loop.time()))

    def take(self, data: Wire) -> None:
        match self.provider.hear(data):
            case ("audio", pcm):
                self.heard.append(pcm)
                now = self._loop.time()
                self._plays_until = max(self._plays_until, now) + len(pcm) / self.provider.rate
            case ("mark", name):
                self.marks.append(name)
                self._timers.append(
                    (name, self._loop.call_at(self._plays_until, self._reach, name))
                )
            case ("clear", _):
                self.cleared.append(self.heard_s)
                self._plays_until = 0.0
                for name, timer in tuple(self._timers):
                    timer.cancel()
                    self._reach(name)
            case ("say", reply):
                self._answer(reply)
            case _:
                pass

    def _reach(self, name: str) -> None:
        self._timers = [one for one in self._timers if one[0] != name]
        self._answer(self.provider.reached(name))

    def _answer(self, data: Wire) -> None:
        async def send() -> None:
            try:
                await self._send(data)
            except (ConnectionClosed, OSError):
                return

        task = self._loop.create_task(send())
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def close(self) -> None:
        for _, timer in self._timers:
            timer.cancel()


async def over_websocket(
    provider: Provider, url: str, scene: Callable[[Caller], Awaitable[None]]
) -> None:
    """A call in which `scene` happens, and that is hung up then."""
    headers = {"Audiohook-Session-Id": SESSION} if provider.path == "genesys" else {}
    async with connect(f"{url}/{provider.path}", additional_headers=headers) as client:
        caller = Caller(provider, client.send)
        await _play(caller, _listen(client, caller), scene)
        for data in provider.goodbye():
            await client.send(data)


async def over_tcp(
    provider: Provider, address: tuple[str, int], scene: Callable[[Caller], Awaitable[None]]
) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def send(data: Wire) -> None:
        assert isinstance(data, bytes)
        writer.write(data)
        await writer.drain()

    caller = Caller(provider, send)

    async def listen() -> None:
        while True:
            header = await reader.readexactly(3)
            size = struct.unpack(">H", header[1:])[0]
            caller.take(header + await reader.readexactly(size))

    try:
        await _play(caller, listen(), scene)
        for data in provider.goodbye():
            await send(data)
    finally:
        writer.close()
        await writer.wait_closed()


async def _listen(client: ClientConnection, caller: Caller) -> None:
    async for data in client:
        caller.take(data)


async def _play(
    caller: Caller,
    listening: Any,  # a coroutine
    scene: Callable[[Caller], Awaitable[None]],
) -> None:
    tasks = [asyncio.create_task(listening), asyncio.create_task(caller.talk())]
    try:
        await scene(caller)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        caller.close()
