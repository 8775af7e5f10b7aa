"""Plivo Audio Streaming, bidirectional (`<Stream bidirectional="true">`): JSON, µ-law or L16.

https://plivo.com/docs/voice/audio-streaming/audio-streaming. Checkpoints are Plivo's marks, and come
back only when what was before them has been played.
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

_FORMATS = {
    ("audio/x-mulaw", 8_000): Encoding.MULAW,
    ("audio/x-l16", 8_000): Encoding.L16,
    ("audio/x-l16", 16_000): Encoding.L16,
}


class _Format(msgspec.Struct):
    encoding: str = "audio/x-mulaw"
    sampleRate: int | str = 8000


class _Start(msgspec.Struct):
    streamId: str
    callId: str = ""
    mediaFormat: _Format | None = None


class _Media(msgspec.Struct):
    payload: str
    track: str = "inbound"
    chunk: int | str | None = None


class _Dtmf(msgspec.Struct):
    digit: str | int


class _Message(msgspec.Struct):
    event: str
    start: _Start | None = None
    media: _Media | None = None
    dtmf: _Dtmf | None = None
    name: str = ""
    extra_headers: str | dict[str, object] | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


class PlivoLine:
    """One stream."""

    provider = "plivo"
    lead_s = 0.4
    group = 1
    closes_itself = False
    has_marks = True

    def __init__(self) -> None:
        self.ignored = 0
        self._stream = ""
        self._content_type = "audio/x-mulaw"
        self._encoding = Encoding.MULAW
        self._rate = 8000
        self._order: Reorder[bytes] = Reorder(limit=0)

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        message = reading.typed(reading.text(data, "Plivo"), _MESSAGE)
        match message:
            case _Message(event="start", start=_Start() as start):
                return (self._start(start, message.extra_headers),)
            case _Message(event="media", media=_Media() as media):
                return self._media(media)
            case _Message(event="dtmf", dtmf=_Dtmf(digit=digit)):
                return (Digit(reading.digit(digit)),)
            case _Message(event="playedStream" | "played", name=name):
                return (Reached(name),)
            case _Message(event="stop"):
                return (Stopped("the caller hung up"),)
            case _Message(event="start" | "media" | "dtmf"):
                raise BadInput(
                    f"the {message.event} message has no {message.event!r}",
                    code=OUT_OF_ORDER,
                    param=message.event,
                )
            case _:  # clearedAudio needs nothing: its marks are forgotten already
                self.ignored += message.event != "clearedAudio"
                return ()

    def audio(self, payload: bytes) -> Sequence[Wire]:
        media = {
            "contentType": self._content_type,
            "sampleRate": self._rate,
            "payload": b64encode(payload).decode(),
        }
        return (reading.json({"event": "playAudio", "streamId": self._stream, "media": media}),)

    def mark(self, name: str) -> Sequence[Wire]:
        return (reading.json({"event": "checkpoint", "streamId": self._stream, "name": name}),)

    def clear(self) -> Sequence[Wire]:
        return (reading.json({"event": "clearAudio", "streamId": self._stream}),)

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        return ()

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        return ()

    def _start(self, start: _Start, extra: str | dict[str, object] | None) -> Started:
        if self._stream:
            raise BadInput("a second start message: a connection has one stream", code=OUT_OF_ORDER)
        format = start.mediaFormat or _Format()
        # "audio/x-l16;rate=16000" is how the XML attribute spells it.
        kind = format.encoding.partition(";")[0].strip().lower()
        rate = reading.number(format.sampleRate, "mediaFormat.sampleRate") or 0
        encoding = _FORMATS.get((kind, rate))
        if encoding is None:
            raise BadInput(
                f"the stream is {format.encoding[:40]} at {rate} Hz: audio/x-mulaw at 8000 Hz or "
                "audio/x-l16 at 8000 or 16000 Hz is taken",
                code=UNSUPPORTED,
            )
        if not start.streamId:
            raise BadInput("streamId is empty", code=OUT_OF_ORDER, param="streamId")
        self._stream, self._content_type = start.streamId, kind
        self._encoding, self._rate = encoding, rate
        return Started(encoding, rate, start.streamId, start.callId, _headers(extra))

    def _media(self, media: _Media) -> Sequence[LineEvent]:
        if not self._stream:
            raise BadInput("media came before start", code=OUT_OF_ORDER)
        if media.track not in ("inbound", "inbound_track"):
            return ()
        payload = reading.whole(reading.base64(media.payload), self._encoding)
        chunk = reading.number(media.chunk, "media.chunk")
        if chunk is None:
            return (Audio(payload),)
        return [Audio(data, lost) for data, lost in self._order.push(chunk, payload)]


def _headers(extra: str | dict[str, object] | None) -> Mapping[str, str]:
    """`userId=12345;sessionId=abc`, with `;` or `,` between, or an object."""
    if not isinstance(extra, str):
        return reading.texts(extra)
    pairs = (part.partition("=") for part in extra.strip("{}").replace(",", ";").split(";"))
    return reading.texts({name.strip(): value.strip() for name, sep, value in pairs if sep})
