"""Asterisk's chan_websocket: text commands and events, binary media that Asterisk paces itself.

https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket (20.16, 21.11, 22.6, 23). Both
formats of control messages: plain text, and JSON (20.18, 22.8, 23.2), which alone has marks here:
older releases know no MARK_MEDIA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...runtime.errors import BadInput
from . import reading
from .line import (
    BROKEN,
    OUT_OF_ORDER,
    UNSUPPORTED,
    Audio,
    Digit,
    Drained,
    Encoding,
    Farewell,
    Held,
    LineEvent,
    Reached,
    Started,
    Stopped,
    Wire,
)

MAX_BINARY_BYTES = 65_500
"""Asterisk hangs up on larger messages."""
FORMATS: Mapping[str, tuple[Encoding, int]] = {
    "ulaw": (Encoding.MULAW, 8_000),
    "alaw": (Encoding.ALAW, 8_000),
    "slin": (Encoding.L16, 8_000),
    "slin12": (Encoding.L16, 12_000),
    "slin16": (Encoding.L16, 16_000),
    "slin24": (Encoding.L16, 24_000),
    "slin32": (Encoding.L16, 32_000),
    "slin44": (Encoding.L16, 44_100),
    "slin48": (Encoding.L16, 48_000),
    "slin96": (Encoding.L16, 96_000),
    "slin192": (Encoding.L16, 192_000),
}
"""Asterisk's names of the codecs taken: encoding and rate."""


class AsteriskLine:
    """One channel."""

    provider = "asterisk"
    lead_s = 0.4
    group = 1
    closes_itself = True

    def __init__(self) -> None:
        self.ignored = 0
        self.errors: list[str] = []
        """The last few errors that Asterisk told."""
        self._is_json = False
        self._encoding: Encoding | None = None

    @property
    def has_marks(self) -> bool:
        return self._is_json

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        if isinstance(data, bytes):
            if self._encoding is None:
                raise BadInput("audio came before MEDIA_START", code=OUT_OF_ORDER)
            return (Audio(reading.whole(data, self._encoding)),) if data else ()
        text = reading.text(data, "Asterisk").strip()
        event, fields = _json_event(text) if text.startswith("{") else _plain_event(text)
        match event:
            case "MEDIA_START":
                self._is_json = text.startswith("{")
                return (self._start(fields),)
            case "DTMF_END":
                return (Digit(reading.digit(fields.get("digit"))),)
            case "MEDIA_XOFF" | "MEDIA_XON":
                return (Held(event == "MEDIA_XOFF"),)
            case "MEDIA_MARK_PROCESSED":
                name = fields.get("correlation_id")
                return (Reached(name),) if isinstance(name, str) else ()
            case "QUEUE_DRAINED":
                return (Drained(),)
            case "HANGUP" | "MEDIA_END":
                return (Stopped("the caller hung up"),)
            case "ERROR":
                self.errors = [*self.errors[-7:], str(dict(fields))[:200]]
                return ()
            case _:
                self.ignored += 1
                return ()

    def audio(self, payload: bytes) -> Sequence[Wire]:
        return (payload,)

    def mark(self, name: str) -> Sequence[Wire]:
        if not self._is_json:
            return ()
        return (reading.json({"command": "MARK_MEDIA", "correlation_id": name}),)

    def clear(self) -> Sequence[Wire]:
        return (self._command("FLUSH_MEDIA"),)

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        return ()

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        return () if self._encoding is None else (self._command("HANGUP"),)

    def _command(self, name: str) -> str:
        return reading.json({"command": name}) if self._is_json else name

    def _start(self, fields: Mapping[str, object]) -> Started:
        if self._encoding is not None:
            raise BadInput("a second MEDIA_START", code=OUT_OF_ORDER)
        name = str(fields.get("format", ""))
        if name not in FORMATS:
            raise BadInput(
                f"the channel's format is {name[:20]!r}: dial with c(ulaw) or c(slin16); taken are "
                + ", ".join(FORMATS),
                code=UNSUPPORTED,
            )
        encoding, rate = FORMATS[name]
        frame = reading.number(_as_number(fields.get("optimal_frame_size")), "optimal_frame_size")
        wanted = rate // 50 * encoding.sample_bytes
        if frame is not None and frame and wanted % frame:
            raise BadInput(
                f"optimal_frame_size is {frame}: frames of 20 ms ({wanted} bytes) or a part of "
                "that are sent (set ptime to 20 or 10)",
                code=UNSUPPORTED,
                param="optimal_frame_size",
            )
        self._encoding = encoding
        variables = reading.texts(fields.get("channel_variables"))
        return Started(
            encoding,
            rate,
            str(fields.get("connection_id", ""))[:200],
            str(fields.get("channel_id") or fields.get("channel", ""))[:200],
            variables,
        )


def _as_number(value: object) -> int | str | None:
    if value is None or (isinstance(value, int | str) and not isinstance(value, bool)):
        return value
    raise BadInput("optimal_frame_size is not a number", code=BROKEN, param="optimal_frame_size")


def _json_event(text: str) -> tuple[str, Mapping[str, object]]:
    fields = reading.fields(text)
    event = fields.get("event")
    if not isinstance(event, str):
        raise BadInput("the message has no event", code=BROKEN, param="event")
    return event, fields


def _plain_event(text: str) -> tuple[str, Mapping[str, object]]:
    """`NAME key:value key:value …`; values have no spaces, channel names may have colons."""
    name, *pairs = text.split(" ", 64)
    if not name.isascii() or not name.replace("_", "").isalnum():
        raise BadInput(f"{name[:40]!r} is not an event of chan_websocket", code=BROKEN)
    split = (pair.partition(":") for pair in pairs)
    return name, {key: value for key, colon, value in split if colon}
