"""Twilio Media Streams, bidirectional (`<Connect><Stream>`): JSON, µ-law at 8 kHz, marks.

https://www.twilio.com/docs/voice/media-streams/websocket-messages. Only `media`, `mark` and `clear`
may be sent; anything else is Twilio's error 31924.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence

import msgspec

from ...runtime.errors import BadInput
from . import reading
from .line import (
    OUT_OF_ORDER,
    UNSUPPORTED,
    Audio,
    Digit,
    Encoding,
    Farewell,
    LineEvent,
    Reached,
    Started,
    Stopped,
    Wire,
)
from .reorder import Reorder


class _Format(msgspec.Struct):
    encoding: str = "audio/x-mulaw"
    sampleRate: int | str = 8000
    channels: int | str = 1


class _Start(msgspec.Struct):
    streamSid: str
    callSid: str = ""
    customParameters: dict[str, object] | None = None
    mediaFormat: _Format | None = None


class _Media(msgspec.Struct):
    payload: str
    track: str = "inbound"
    chunk: int | str | None = None


class _Dtmf(msgspec.Struct):
    digit: str | int


class _Mark(msgspec.Struct):
    name: str


class _Message(msgspec.Struct):
    event: str
    start: _Start | None = None
    media: _Media | None = None
    dtmf: _Dtmf | None = None
    mark: _Mark | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


class TwilioLine:
    """One stream. Marks come back when what was sent before them has been played."""

    provider = "twilio"
    lead_s = 0.4
    group = 1
    closes_itself = False
    has_marks = True

    def __init__(self) -> None:
        self.ignored = 0
        """Messages of a kind not known here."""
        self._stream = ""
        self._order: Reorder[bytes] = Reorder(limit=0)

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        message = reading.typed(reading.text(data, "Twilio"), _MESSAGE)
        match message:
            case _Message(event="connected"):
                return ()
            case _Message(event="start", start=_Start() as start):
                return (self._start(start),)
            case _Message(event="media", media=_Media() as media):
                return self._media(media)
            case _Message(event="dtmf", dtmf=_Dtmf(digit=digit)):
                return (Digit(reading.digit(digit)),)
            case _Message(event="mark", mark=_Mark(name=name)):
                return (Reached(name),)
            case _Message(event="stop"):
                return (Stopped("the caller hung up"),)
            case _Message(event="start" | "media" | "dtmf" | "mark"):
                raise BadInput(
                    f"the {message.event} message has no {message.event!r}",
                    code=OUT_OF_ORDER,
                    param=message.event,
                )
            case _:
                self.ignored += 1
                return ()

    def audio(self, payload: bytes) -> Sequence[Wire]:
        return (
            reading.json(
                {
                    "event": "media",
                    "streamSid": self._stream,
                    "media": {"payload": b64encode(payload).decode()},
                }
            ),
        )

    def mark(self, name: str) -> Sequence[Wire]:
        return (reading.json({"event": "mark", "streamSid": self._stream, "mark": {"name": name}}),)

    def clear(self) -> Sequence[Wire]:
        return (reading.json({"event": "clear", "streamSid": self._stream}),)

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        return ()

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        return ()  # closing the connection is all there is: the next TwiML verb runs

    def _start(self, start: _Start) -> Started:
        if self._stream:
            raise BadInput("a second start message: a connection has one stream", code=OUT_OF_ORDER)
        format = start.mediaFormat or _Format()
        if (format.encoding, str(format.sampleRate), str(format.channels)) != (
            "audio/x-mulaw",
            "8000",
            "1",
        ):
            raise BadInput(
                f"the stream is {format.encoding} at {format.sampleRate} Hz with "
                f"{format.channels} channels: audio/x-mulaw at 8000 Hz with 1 is taken",
                code=UNSUPPORTED,
            )
        if not start.streamSid:
            raise BadInput("streamSid is empty", code=OUT_OF_ORDER, param="streamSid")
        self._stream = start.streamSid
        return Started(
            Encoding.MULAW,
            8000,
            start.streamSid,
            start.callSid,
            reading.texts(start.customParameters),
        )

    def _media(self, media: _Media) -> Sequence[LineEvent]:
        if not self._stream:
            raise BadInput("media came before start", code=OUT_OF_ORDER)
        if media.track not in ("inbound", "inbound_track"):
            return ()  # our own voice, streamed back
        payload = reading.base64(media.payload)
        chunk = reading.number(media.chunk, "media.chunk")
        if chunk is None:
            return (Audio(payload),)
        return [Audio(data, lost) for data, lost in self._order.push(chunk, payload)]
