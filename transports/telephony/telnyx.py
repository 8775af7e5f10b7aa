"""Telnyx media streaming, bidirectional in RTP mode: JSON in snake_case, chunks may be out of order.

https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming. What goes out carries no
stream id. Codecs taken: PCMU, PCMA, L16; ask for one with `stream_bidirectional_codec`.
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

HELD_CHUNKS = 5
"""How many later chunks a missing one is waited for: 100 ms."""

_ENCODINGS = {"PCMU": Encoding.MULAW, "PCMA": Encoding.ALAW, "L16": Encoding.L16}
_RATES = (8_000, 16_000, 24_000)


class _Format(msgspec.Struct):
    encoding: str = "PCMU"
    sample_rate: int | str = 8000
    channels: int | str = 1


class _Start(msgspec.Struct):
    call_control_id: str = ""
    custom_parameters: dict[str, object] | None = None
    media_format: _Format | None = None


class _Media(msgspec.Struct):
    payload: str
    track: str = "inbound"
    chunk: int | str | None = None


class _Dtmf(msgspec.Struct):
    digit: str | int


class _Mark(msgspec.Struct):
    name: str


class _Error(msgspec.Struct):
    code: int | str = 0
    title: str = ""
    detail: str = ""


class _Message(msgspec.Struct):
    event: str
    stream_id: str = ""
    start: _Start | None = None
    media: _Media | None = None
    dtmf: _Dtmf | None = None
    mark: _Mark | None = None
    payload: _Error | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


class TelnyxLine:
    """One stream."""

    provider = "telnyx"
    lead_s = 0.4
    group = 1
    closes_itself = False
    has_marks = True

    def __init__(self) -> None:
        self.ignored = 0
        self.errors: list[str] = []
        """The last few errors that Telnyx told."""
        self._is_started = False
        self._encoding = Encoding.MULAW
        self._order: Reorder[bytes] = Reorder(HELD_CHUNKS)

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        message = reading.typed(reading.text(data, "Telnyx"), _MESSAGE)
        match message:
            case _Message(event="connected"):
                return ()
            case _Message(event="start", start=_Start() as start):
                return (self._start(start, message.stream_id),)
            case _Message(event="media", media=_Media() as media):
                return self._media(media)
            case _Message(event="dtmf", dtmf=_Dtmf(digit=digit)):
                return (Digit(reading.digit(digit)),)
            case _Message(event="mark", mark=_Mark(name=name)):
                return (Reached(name),)
            case _Message(event="stop"):
                return (Stopped("the caller hung up"),)
            case _Message(event="error"):
                error = message.payload or _Error()
                self.errors = [
                    *self.errors[-7:],
                    f"{error.code} {error.title} {error.detail}"[:200],
                ]
                return ()
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
            reading.json({"event": "media", "media": {"payload": b64encode(payload).decode()}}),
        )

    def mark(self, name: str) -> Sequence[Wire]:
        return (reading.json({"event": "mark", "mark": {"name": name}}),)

    def clear(self) -> Sequence[Wire]:
        return (reading.json({"event": "clear"}),)

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        return ()

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        return ()

    def _start(self, start: _Start, stream_id: str) -> Started:
        if self._is_started:
            raise BadInput("a second start message: a connection has one stream", code=OUT_OF_ORDER)
        format = start.media_format or _Format()
        encoding = _ENCODINGS.get(format.encoding.upper())
        rate = reading.number(format.sample_rate, "media_format.sample_rate") or 0
        is_narrow_only = encoding is not Encoding.L16
        if (
            encoding is None
            or str(format.channels) != "1"
            or rate not in (_RATES[:1] if is_narrow_only else _RATES)
        ):
            raise BadInput(
                f"the stream is {format.encoding[:20]} at {rate} Hz with {format.channels} "
                "channels: PCMU or PCMA at 8000 Hz or L16 at 8000, 16000 or 24000 Hz, mono, are "
                "taken (set stream_bidirectional_codec)",
                code=UNSUPPORTED,
            )
        self._is_started = True
        self._encoding = encoding
        return Started(
            encoding,
            rate,
            stream_id,
            start.call_control_id,
            reading.texts(start.custom_parameters),
        )

    def _media(self, media: _Media) -> Sequence[LineEvent]:
        if not self._is_started:
            raise BadInput("media came before start", code=OUT_OF_ORDER)
        if media.track not in ("inbound", "inbound_track"):
            return ()
        payload = reading.whole(reading.base64(media.payload), self._encoding)
        chunk = reading.number(media.chunk, "media.chunk")
        if chunk is None:
            return (Audio(payload),)
        return [Audio(data, lost) for data, lost in self._order.push(chunk, payload)]
