"""The family of Twilio's Media Streams: JSON with base64 audio, and marks that come back when what was
sent before them has been played. What differs between its members is data.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from ...runtime.errors import BadInput
from . import reading
from .line import (
    BROKEN,
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


@dataclass(frozen=True, slots=True)
class Member:
    """One provider's words for the same things."""

    name: str
    """The provider's, for people."""
    formats: Mapping[tuple[str, int], Encoding]
    """What can be taken, by encoding (in lower case) and rate."""
    taken: str
    """The same for people, and how to ask for it."""
    default: str
    """The encoding where the start names none."""
    stream: str
    """Name of the stream's id in the start; empty where the message itself has it."""
    call: str
    parameters: str
    """Name of what the caller's side attached, in the start."""
    format: str
    rate: str
    marks: tuple[str, ...] = ("mark",)
    """Events by which a mark comes back."""
    quiet: frozenset[str] = frozenset({"connected"})
    """Events that need nothing."""
    play: str = "media"
    """The event that carries our audio."""
    mark: str = "mark"
    clear: str = "clear"
    addressed: str = ""
    """Name under which what we send has the stream's id; empty where it has none."""
    is_flat: bool = False
    """A mark's name lies in the message itself, and our audio says what it is."""
    held_chunks: int = 0
    """How many later chunks a missing one is waited for."""


class _Media(msgspec.Struct):
    payload: str
    track: str = "inbound"
    chunk: int | str | None = None


class _Dtmf(msgspec.Struct):
    digit: str | int


class _Mark(msgspec.Struct):
    name: str


class Message(msgspec.Struct):
    """Whatever any of them sends."""

    event: str
    stream_id: str = ""
    start: dict[str, object] | None = None
    media: _Media | None = None
    dtmf: _Dtmf | None = None
    mark: _Mark | None = None
    name: str = ""
    extra_headers: str | dict[str, object] | None = None
    payload: object = None


_MESSAGE = msgspec.json.Decoder(Message)
_BODIES = ("start", "media", "dtmf")


class MediaStreamLine:
    """One stream: a `Line`. Subclasses say which `member` they are."""

    member: ClassVar[Member]
    provider: str
    lead_s = 0.4
    group = 1
    closes_itself = False
    has_marks = True

    def __init__(self) -> None:
        self.ignored = 0
        """Messages of a kind not known here."""
        self._is_started = False
        self._address: dict[str, object] = {}
        self._kind, self._rate, self._encoding = "", 0, Encoding.MULAW
        self._order: Reorder[bytes] = Reorder(self.member.held_chunks)

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        member = self.member
        message = reading.typed(reading.text(data, member.name), _MESSAGE)
        match message:
            case Message(event="start", start=dict() as start):
                return (self._start(start, message),)
            case Message(event="media", media=_Media() as media):
                return self._media(media)
            case Message(event="dtmf", dtmf=_Dtmf(digit=digit)):
                return (Digit(reading.digit(digit)),)
            case Message(event=event) if event in member.marks:
                return (Reached(self._mark_of(message)),)
            case Message(event="stop"):
                return (Stopped("the caller hung up"),)
            case Message(event=event) if event in _BODIES:
                raise _missing(event)
            case _:
                self.other(message)
                return ()

    def audio(self, payload: bytes) -> Sequence[Wire]:
        media: dict[str, object] = {"payload": b64encode(payload).decode()}
        if self.member.is_flat:
            media = {"contentType": self._kind, "sampleRate": self._rate, **media}
        return self._send(self.member.play, media=media)

    def mark(self, name: str) -> Sequence[Wire]:
        if self.member.is_flat:
            return self._send(self.member.mark, name=name)
        return self._send(self.member.mark, mark={"name": name})

    def clear(self) -> Sequence[Wire]:
        return self._send(self.member.clear)

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        return ()

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        return ()  # closing the connection is all there is

    # What members may add

    def other(self, message: Message) -> None:
        """An event that is none of the family's."""
        self.ignored += message.event not in self.member.quiet

    def attached(self, start: Mapping[str, object], message: Message) -> Mapping[str, str]:
        """What the caller's side attached to the call."""
        return reading.texts(start.get(self.member.parameters))

    # Inside

    def _send(self, event: str, **fields: object) -> Sequence[Wire]:
        return (reading.json({"event": event, **self._address, **fields}),)

    def _mark_of(self, message: Message) -> str:
        if self.member.is_flat:
            return message.name
        if message.mark is None:
            raise _missing("mark")
        return message.mark.name

    def _start(self, start: Mapping[str, object], message: Message) -> Started:
        member = self.member
        if self._is_started:
            raise BadInput("a second start message: a connection has one stream", code=OUT_OF_ORDER)
        given = reading.child(start, member.format)
        named = _text(given, "encoding", member.default)
        # "audio/x-l16;rate=16000" is how an attribute of XML spells it.
        kind = named.partition(";")[0].strip().lower()
        told = given.get("channels", 1)
        rate = _number(given, member.rate)
        encoding = member.formats.get((kind, rate)) if str(told) == "1" else None
        if encoding is None:
            raise BadInput(
                f"the stream is {named[:40]} at {rate} Hz with {str(told)[:10]} channels: "
                f"{member.taken}",
                code=UNSUPPORTED,
            )
        stream = _text(start, member.stream) if member.stream else message.stream_id
        if member.stream and not stream:
            raise BadInput(f"{member.stream} is empty", code=OUT_OF_ORDER, param=member.stream)
        self._is_started = True
        self._address = {member.addressed: stream} if member.addressed else {}
        self._kind, self._rate, self._encoding = kind, rate, encoding
        call = _text(start, member.call)
        return Started(encoding, rate, stream, call, self.attached(start, message))

    def _media(self, media: _Media) -> Sequence[LineEvent]:
        if not self._is_started:
            raise BadInput("media came before start", code=OUT_OF_ORDER)
        if media.track not in ("inbound", "inbound_track"):
            return ()  # our own voice, streamed back
        payload = reading.whole(reading.base64(media.payload), self._encoding)
        chunk = reading.number(media.chunk, "media.chunk")
        if chunk is None:
            return (Audio(payload),)
        return [Audio(data, lost) for data, lost in self._order.push(chunk, payload)]


def _missing(event: str) -> BadInput:
    return BadInput(f"the {event} message has no {event!r}", code=OUT_OF_ORDER, param=event)


def _text(fields: Mapping[str, object], name: str, default: str = "") -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise BadInput(f"{name} is no text: {str(value)[:40]}", code=BROKEN, param=name)
    return value


def _number(fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name, 8000)
    if not isinstance(value, int | str):
        raise BadInput(f"{name} is no number: {str(value)[:40]}", code=BROKEN, param=name)
    return reading.number(value, name) or 0
