"""The telephone protocols of `bench protocol`: a call of each provider, from its first message on."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from itertools import count
from types import MappingProxyType

import numpy as np
from starlette.websockets import WebSocket

from ..pipelines.phone_connections import TcpConnection, WebSocketConnection
from ..runtime.frames import SPEAKING_RATE, Pcm
from ..runtime.mailboxes import MailboxClosed
from ..transports.telephony import (
    AsteriskLine,
    AudioSocketLine,
    GenesysLine,
    Line,
    Phone,
    PlivoLine,
    TelnyxLine,
    TwilioLine,
    VonageLine,
)
from ..transports.telephony.audiosocket import DTMF, ID, frame
from ..transports.telephony.phone import PhoneLimits
from .protocol_case import IN, OUT, Arrival, Case
from .protocol_wire import SocketEnd, StreamEnd, websocket_end

LIMITS = PhoneLimits(messages_per_s=1e6, message_burst=1_000_000, audio_burst_s=1e6)
"""A bench is faster than a caller."""
_SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"
_ULAW_20_MS = bytes(range(160))

Message = str | bytes


@dataclass(slots=True)
class Provider:
    """What a provider sends. Iterators number messages where the protocol does."""

    name: str
    line: Callable[[], Line]
    hello: Sequence[Message]
    audio: Iterator[Message]
    audio_label: str
    digit: Iterator[Message] | None
    said_s: float = 0.02
    """The least speech that leaves at once: Genesys wants 200 ms in one message."""
    over_tcp: bool = False


def _text(message: Mapping[str, object]) -> str:
    return json.dumps(message)


def _always(message: Message) -> Iterator[Message]:
    while True:
        yield message


def _chunks(rest: Mapping[str, object]) -> Iterator[Message]:
    """`media` messages of Twilio's shape."""
    payload = base64.b64encode(_ULAW_20_MS).decode()
    for number in count(1):
        media = {"track": "inbound", "chunk": str(number), "timestamp": "5", "payload": payload}
        yield _text({"event": "media", **rest, "media": media})


def _digits() -> Iterator[Message]:
    return _always(_text({"event": "dtmf", "dtmf": {"digit": "5", "track": "inbound_track"}}))


def twilio() -> Provider:
    """Media Streams."""
    media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start = {"streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"], "mediaFormat": media}
    hello = _text({"event": "start", "streamSid": "MZ1", "start": start})
    return Provider(
        "Twilio", TwilioLine, [_text({"event": "connected", "protocol": "Call"}), hello],
        _chunks({"streamSid": "MZ1"}), "media, 20 ms of µ-law", _digits(),
    )  # fmt: skip


def telnyx() -> Provider:
    """Media streaming."""
    media = {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
    start = {"call_control_id": "v2:1", "media_format": media}
    return Provider(
        "Telnyx", TelnyxLine,
        [_text({"event": "start", "stream_id": "s", "start": start})],
        _chunks({"stream_id": "s"}), "media, 20 ms of µ-law", _digits(),
    )  # fmt: skip


def plivo() -> Provider:
    """Audio streaming."""
    media = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
    start = {"callId": "c", "streamId": "s", "tracks": ["inbound"], "mediaFormat": media}
    return Provider(
        "Plivo", PlivoLine, [_text({"event": "start", "start": start})],
        _chunks({"streamId": "s"}), "media, 20 ms of µ-law", _digits(),
    )  # fmt: skip


def vonage() -> Provider:
    """WebSocket of the Voice API: binary audio."""
    hello = _text({"event": "websocket:connected", "content-type": "audio/l16;rate=16000"})
    digit = _text({"event": "websocket:dtmf", "digit": "5", "duration": 100})
    return Provider(
        "Vonage", VonageLine, [hello], _always(bytes(640)), "20 ms of PCM 16 kHz", _always(digit)
    )


def genesys() -> Provider:
    """Audio Connector: numbered messages, 200 ms of audio in each."""
    numbers = count(1)

    def say(kind: str, **parameters: object) -> str:
        return _text(
            {
                "version": "2", "id": _SESSION, "type": kind, "seq": next(numbers),
                "serverseq": 0, "position": "PT1S", "parameters": parameters,
            }
        )  # fmt: skip

    media = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
    hello = say(
        "open", organizationId="o", conversationId="c", participant={"id": "p"}, media=[media]
    )
    return Provider(
        "Genesys", GenesysLine, [hello], _always(10 * _ULAW_20_MS), "200 ms of µ-law",
        (say("dtmf", digit="5") for _ in count()), said_s=0.2,
    )  # fmt: skip


def asterisk() -> Provider:
    """chan_websocket."""
    hello = "MEDIA_START connection_id:c channel:x format:ulaw optimal_frame_size:160"
    return Provider(
        "Asterisk", AsteriskLine, [hello], _always(_ULAW_20_MS), "20 ms of µ-law",
        _always("DTMF_END digit:5"),
    )  # fmt: skip


def audiosocket() -> Provider:
    """Asterisk's AudioSocket: frames on TCP."""
    audio = frame(0x10, bytes(320))
    return Provider(
        "AudioSocket", AudioSocketLine, [frame(ID, bytes(16)) + audio], _always(audio),
        "20 ms of PCM 8 kHz", _always(frame(DTMF, b"5")), over_tcp=True,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def _call(make: Callable[[], Provider]) -> AsyncGenerator[list[Case]]:
    provider = make()
    connected = _over_tcp if provider.over_tcp else _over_websocket
    async with (
        connected(provider) as (phone, arrives, written, pressed),
        _cases(provider, phone, arrives, written, pressed) as cases,
    ):
        yield cases


Arrives = Callable[[Message], Callable[[], None]]


@contextlib.asynccontextmanager
async def _over_websocket(
    provider: Provider,
) -> AsyncGenerator[tuple[Phone, Arrives, Arrival, Arrival]]:
    pressed = Arrival()
    phones: asyncio.Queue[Phone] = asyncio.Queue()

    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()
        phone = _phone(provider, WebSocketConnection(websocket), pressed)
        phones.put_nowait(phone)
        await phone.closed()

    async with websocket_end(serve) as end:
        phone = await phones.get()
        arrives = partial(_arrives, end)
        await _begin(phone, provider, arrives)
        yield phone, arrives, end.wire.written, pressed
        await phone.close("the bench is over")


@contextlib.asynccontextmanager
async def _over_tcp(provider: Provider) -> AsyncGenerator[tuple[Phone, Arrives, Arrival, Arrival]]:
    end, pressed = StreamEnd(), Arrival()

    def arrives(message: Message) -> Callable[[], None]:
        assert isinstance(message, bytes)
        return end.bytes(message)

    phone = _phone(provider, TcpConnection(end.reader, end.writer), pressed)
    await _begin(phone, provider, arrives)
    yield phone, arrives, end.wire.written, pressed
    await phone.close("the bench is over")


def _phone(
    provider: Provider, connection: WebSocketConnection | TcpConnection, pressed: Arrival
) -> Phone:
    def told(message: Mapping[str, object]) -> None:
        if message["type"] == "input_audio_buffer.dtmf_event_received":
            pressed.came()

    return Phone(provider.line(), connection, limits=LIMITS, told=told)


def _arrives(end: SocketEnd, message: Message) -> Callable[[], None]:
    return end.text(message) if isinstance(message, str) else end.binary(message)


async def _begin(phone: Phone, provider: Provider, arrives: Arrives) -> None:
    begun = asyncio.create_task(phone.begin(), name="phone begins")
    for message in provider.hello:
        await asyncio.sleep(0)
        arrives(message)()
    await begun


@contextlib.asynccontextmanager
async def _cases(
    provider: Provider, phone: Phone, arrives: Arrives, written: Arrival, pressed: Arrival
) -> AsyncGenerator[list[Case]]:
    heard = Arrival()

    async def hear() -> None:
        with contextlib.suppress(MailboxClosed):
            while True:
                heard.came(await phone.audio.get())

    def incoming(label: str, from_: Iterator[Message], to: Arrival) -> Case:
        return Case(provider.name, IN, label, lambda: arrives(next(from_)), to)

    pcm = _speech(provider.said_s)

    def say() -> None:
        phone.playout.play(1, pcm, False)

    def flush() -> None:
        phone.playout.flush()

    cases = [incoming(provider.audio_label, provider.audio, heard)]
    if provider.digit is not None:
        cases.append(incoming("a key", provider.digit, pressed))
    label = f"first packet of {provider.said_s * 1000:.0f} ms of speech"
    cases.append(Case(provider.name, OUT, label, lambda: say, written, flush))
    hearing = asyncio.create_task(hear(), name="hear")
    try:
        yield cases
    finally:
        hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hearing


def _speech(seconds: float) -> Pcm:
    noise = np.random.default_rng(1).normal(0, 4000, round(seconds * SPEAKING_RATE))
    return noise.clip(-32_000, 32_000).astype(np.int16)


PHONES: Mapping[str, Callable[[], AbstractAsyncContextManager[list[Case]]]] = MappingProxyType(
    {
        make.__name__: partial(_call, make)
        for make in (twilio, telnyx, plivo, vonage, genesys, asterisk, audiosocket)
    }
)
