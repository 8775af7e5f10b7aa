"""Every protocol of `bench protocol` between its bytes and the runtime, put together as the server does it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any

import numpy as np
from starlette.websockets import WebSocket

from ..pipelines.starlette_socket import StarletteSocket
from ..runtime import messages
from ..runtime.audio_path import AudioFormat, AudioPath
from ..runtime.client_messages import ClientMessages, default_config
from ..runtime.clock import MonotonicClock
from ..runtime.frames import SPEAKING_RATE, Pcm
from ..runtime.inlet import Inlet
from ..runtime.mailboxes import Bounded, MailboxClosed
from ..runtime.settings import WebsocketSettings
from ..transports.dialects import Dialect, RealtimeDialect
from ..transports.rtvi import RtviDialect
from ..transports.webrtc.channel import Channel
from ..transports.websocket import WebSocketPeer
from .protocol_case import IN, OUT, Arrival, Case
from .protocol_phones import PHONES
from .protocol_wire import websocket_end

MAX_MESSAGE = 1 << 20
WORDS = "What do you see on the table in front of me, and how many of them are red?"
_DELTA: Mapping[str, object] = {
    "type": "response.output_audio.delta",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
}
_TEXT: Mapping[str, object] = {
    "type": "response.output_audio_transcript.delta",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "There are three of them. ",
}
_UPDATE: Mapping[str, object] = {
    "type": "session.update",
    "session": {"type": "realtime", "instructions": WORDS},
}
_ITEM: Mapping[str, object] = {
    "type": "conversation.item.create",
    "item": {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": WORDS}],
    },
}


def speech(seconds: float, rate: int) -> Pcm:
    """Something that is no silence."""
    noise = np.random.default_rng(1).normal(0, 4000, round(seconds * rate))
    return noise.clip(-32_000, 32_000).astype(np.int16)


def _always(send: Callable[[], None]) -> Callable[[], Callable[[], None]]:
    return lambda: send


@contextlib.asynccontextmanager
async def _working(work: Coroutine[Any, Any, None], name: str) -> AsyncGenerator[None]:
    """`work` beside the block, ended with it."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, MailboxClosed):
            await task


@contextlib.asynccontextmanager
async def realtime_over_websocket() -> AsyncGenerator[list[Case]]:
    """The Realtime API with its audio inside messages."""
    name = "Realtime, WebSocket"
    peer = WebSocketPeer(WebsocketSettings(), max_message_bytes=MAX_MESSAGE)
    event, heard = Arrival(), Arrival()
    config = default_config("sess_1", model="bench", voice="none", has_superset=False)
    client = ClientMessages(config, path=AudioPath.MESSAGES)
    kind = AudioFormat.PCM

    def feed(chunk: object) -> None:
        heard.came(chunk)
        inlet.heard(inlet.pts)

    inlet = Inlet(peer, feed, MonotonicClock())

    async def read() -> None:
        while True:
            message = await peer.messages.get()
            if message["type"] == "input_audio_buffer.append":
                await inlet.append(str(message["audio"]), kind)
            elif client.translate(message).events:
                event.came()

    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()
        await peer.serve(StarletteSocket(websocket))

    async with websocket_end(serve) as end, _working(read(), "read messages"):

        def incoming(label: str, message: Mapping[str, object], to: Arrival) -> Case:
            return Case(name, IN, label, _always(end.text(json.dumps(message))), to)

        def appended(label: str, audio: bytes, spoken: AudioFormat) -> Case:
            """Another format begins a new stream, as a client's session would."""
            text = base64.b64encode(audio).decode()
            arrives = end.text(json.dumps({"type": "input_audio_buffer.append", "audio": text}))

            def prepare() -> Callable[[], None]:
                nonlocal kind
                kind = spoken
                return arrives

            return Case(name, IN, label, prepare, heard)

        def said(label: str, spoken: AudioFormat, seconds: float) -> Case:
            pcm = speech(seconds, SPEAKING_RATE)

            def send() -> None:
                peer.send_audio(_DELTA, pcm, spoken, is_last=False)

            return Case(name, OUT, label, _always(send), end.wire.written)

        def told(label: str, message: Mapping[str, object]) -> Case:
            return Case(name, OUT, label, _always(lambda: peer.send(message)), end.wire.written)

        yield [
            incoming("session.update", _UPDATE, event),
            incoming("conversation.item.create", _ITEM, event),
            incoming("response.create", {"type": "response.create"}, event),
            appended(
                "append, 20 ms of PCM 24 kHz", speech(0.02, 24_000).tobytes(), AudioFormat.PCM
            ),
            appended(
                "append, 100 ms of PCM 24 kHz", speech(0.1, 24_000).tobytes(), AudioFormat.PCM
            ),
            appended("append, 20 ms of µ-law", bytes(range(160)), AudioFormat.PCMU),
            appended("append, 20 ms of A-law", bytes(range(160)), AudioFormat.PCMA),
            told("response.output_audio_transcript.delta", _TEXT),
            told("session.updated", messages.session_updated(config)),
            said("delta, 20 ms of PCM 24 kHz", AudioFormat.PCM, 0.02),
            said("delta, 100 ms of PCM 24 kHz", AudioFormat.PCM, 0.1),
            said("delta, 20 ms of µ-law", AudioFormat.PCMU, 0.02),
            said("delta, 20 ms of A-law", AudioFormat.PCMA, 0.02),
        ]
        await peer.close("the bench is over")


class _DataChannel:
    """What aiortc's channel is to ours: a label, one handler, a send."""

    readyState = "open"
    bufferedAmount = 0

    def __init__(self, label: str) -> None:
        self.label = label
        self.sent = Arrival()
        self.receive: Callable[[str], None] = lambda text: None

    def on(self, event: str) -> Callable[[Callable[[str], None]], Callable[[str], None]]:
        """As a decorator, for "message" only."""

        def register(handler: Callable[[str], None]) -> Callable[[str], None]:
            self.receive = handler
            return handler

        return register

    def send(self, text: str) -> None:
        self.sent.came(text)


def _channel(
    name: str,
    dialect: Dialect,
    asked: Mapping[str, Mapping[str, object]],
    told: Mapping[str, Mapping[str, object]],
    begin: Callable[[Any, _DataChannel], None] = lambda channel, far: None,
    answers: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> AbstractAsyncContextManager[list[Case]]:
    """Cases of one data channel: what a client asks, what it is told. `answers` are sent, untimed,
    after what is asked."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncGenerator[list[Case]]:
        box: Bounded[Mapping[str, object]] = Bounded(256)
        event = Arrival()
        client = ClientMessages(default_config("sess_1", model="bench", voice="none"))

        def give_up(why: str) -> None:
            raise RuntimeError(why)

        channel = Channel(MAX_MESSAGE, box.put, give_up, dialect=dialect)
        far = _DataChannel(dialect.label)
        channel.attach(far)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        begin(channel, far)

        async def read() -> None:
            while True:
                if client.translate(await box.get()).events:
                    event.came()

        def incoming(label: str, message: Mapping[str, object]) -> Case:
            text, answer = json.dumps(message), answers.get(label)

            def tidy() -> None:
                if answer is not None:
                    channel.send(answer)

            return Case(name, IN, label, _always(lambda: far.receive(text)), event, tidy)

        def outgoing(label: str, message: Mapping[str, object]) -> Case:
            return Case(name, OUT, label, _always(lambda: channel.send(message)), far.sent)

        async with _working(read(), "read channel"):
            yield [
                *(incoming(label, message) for label, message in asked.items()),
                *(outgoing(label, message) for label, message in told.items()),
            ]
            channel.close()

    return opened()


def realtime_over_data_channel() -> AbstractAsyncContextManager[list[Case]]:
    """The Realtime API beside WebRTC's tracks."""
    return _channel(
        "Realtime, data channel",
        RealtimeDialect(),
        {str(each["type"]): each for each in (_UPDATE, _ITEM, {"type": "response.create"})},
        {
            str(_TEXT["type"]): _TEXT,
            "session.updated": messages.session_updated(default_config("s", model="m", voice="v")),
        },
    )


def rtvi() -> AbstractAsyncContextManager[list[Case]]:
    """Pipecat's client standard, after its handshake and in the middle of an answer."""

    def message(kind: str, **data: object) -> Mapping[str, object]:
        return {"label": "rtvi-ai", "type": kind, "id": "1", "data": data}

    def begin(channel: Any, far: _DataChannel) -> None:
        channel.send(messages.session_created({"id": "sess_1"}))
        far.receive(json.dumps(message("client-ready", version="1.0.0")))
        channel.send({"type": "response.created", "response": {"id": "resp_1"}})

    transcript = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_1",
        "content_index": 0,
        "transcript": WORDS,
    }
    return _channel(
        "RTVI",
        RtviDialect({"library": "visavis"}, timestamp=lambda: "2026-01-01T00:00:00.000Z"),
        {
            "send-text": message("send-text", content=WORDS),
            "client-message": message(
                "client-message", t="session.update", d={"session": _UPDATE["session"]}
            ),
        },
        {"bot-llm-text": _TEXT, "user-transcription": transcript},
        begin,
        {"client-message": messages.session_updated({"id": "sess_1"})},
    )


PROTOCOLS: Mapping[str, Callable[[], AbstractAsyncContextManager[list[Case]]]] = MappingProxyType(
    {
        "realtime-websocket": realtime_over_websocket,
        "realtime-webrtc": realtime_over_data_channel,
        "rtvi": rtvi,
        **PHONES,
    }
)
"""By the names of `bench protocol --only`."""
