"""Asterisk's AudioSocket: frames of kind, length and payload on a TCP stream, paced by us.

https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket. The application `AudioSocket()`
speaks 8 kHz; the channel driver has a kind for each rate of signed linear, and gets back the one it
sends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence

from ...runtime.errors import BadInput
from . import reading
from .line import (
    BROKEN,
    OUT_OF_ORDER,
    Audio,
    Digit,
    Encoding,
    Farewell,
    LineEvent,
    Started,
    Stopped,
    Wire,
)

HANG_UP, ID, DTMF, ERROR = 0x00, 0x01, 0x03, 0xFF
RATES: Mapping[int, int] = {
    0x10: 8_000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}
"""Samples per second of each kind of audio."""
ERRORS: Mapping[int, str] = {1: "the caller hung up", 2: "a frame could not be forwarded"}
"""What Asterisk's own codes say; others are its lack of memory, or an application's."""


def frame(kind: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return bytes((kind,)) + len(payload).to_bytes(2, "big") + payload


class AudioSocketLine:
    """One connection. It has begun with the id and the first audio: that says which rate it is."""

    provider = "audiosocket"
    lead_s = 0.0
    group = 1
    closes_itself = False
    has_marks = False

    def __init__(self) -> None:
        self.ignored = 0
        self._pending = bytearray()
        self._id = ""
        self._kind: int | None = None
        self._early: list[LineEvent] = []

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        if isinstance(data, str):
            raise BadInput("AudioSocket is binary", code=OUT_OF_ORDER)
        self._pending += data
        events: list[LineEvent] = []
        for kind, payload in self._frames():
            events += self._take(kind, payload)
            if events and isinstance(events[-1], Stopped):
                break
        return events

    def audio(self, payload: bytes) -> Sequence[Wire]:
        return () if self._kind is None else (frame(self._kind, payload),)

    def mark(self, name: str) -> Sequence[Wire]:
        return ()

    def clear(self) -> Sequence[Wire]:
        return ()  # nothing lies anywhere: the pace is ours

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        return ()

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        return (frame(HANG_UP),)

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        at, pending = 0, self._pending
        try:
            while len(pending) - at >= 3:
                end = at + 3 + int.from_bytes(pending[at + 1 : at + 3], "big")
                if len(pending) < end:
                    break
                kind, payload = pending[at], bytes(pending[at + 3 : end])
                at = end
                yield kind, payload
        finally:
            del pending[:at]

    def _take(self, kind: int, payload: bytes) -> Sequence[LineEvent]:
        if kind in RATES:
            return self._hear(kind, reading.whole(payload, Encoding.L16))
        match kind:
            case 0x00:
                return (Stopped("the caller hung up"),)
            case 0x01:
                return self._identify(payload)
            case 0x03:
                if len(payload) != 1:
                    raise BadInput(f"dtmf of {len(payload)} bytes: it is one", code=BROKEN)
                return self._when_begun(Digit(reading.digit(payload.decode("latin-1"))))
            case 0xFF:
                code = payload[0] if payload else 0
                return (Stopped(f"Asterisk: {ERRORS.get(code, f'error {code}')}"),)
            case _:
                self.ignored += 1
                return ()

    def _identify(self, payload: bytes) -> Sequence[LineEvent]:
        if self._id:
            raise BadInput("a second id", code=OUT_OF_ORDER)
        if len(payload) != 16:
            raise BadInput(f"an id of {len(payload)} bytes: a UUID has 16", code=BROKEN)
        self._id = str(uuid.UUID(bytes=payload))
        return ()

    def _hear(self, kind: int, payload: bytes) -> Sequence[LineEvent]:
        if not self._id:
            raise BadInput("audio came before the id", code=OUT_OF_ORDER)
        if self._kind is None:
            self._kind = kind
            early, self._early = self._early, []
            started = Started(Encoding.L16, RATES[kind], self._id, self._id)
            return [started, *early, Audio(payload)]
        if kind != self._kind:
            raise BadInput(
                f"audio of {RATES[kind]} Hz in a call of {RATES[self._kind]} Hz", code=OUT_OF_ORDER
            )
        return (Audio(payload),) if payload else ()

    def _when_begun(self, event: LineEvent) -> Sequence[LineEvent]:
        if self._kind is not None:
            return (event,)
        self._early = [*self._early[-31:], event]
        return ()
