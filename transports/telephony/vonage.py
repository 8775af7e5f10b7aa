"""Vonage Voice WebSockets (NCCO `connect` to an endpoint of type websocket): binary L16 both ways.

https://developer.vonage.com/en/voice/voice-api/guides/websockets. `notify` is Vonage's mark; `clear`
empties its buffer of 3072 messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

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

RATES = (8_000, 16_000, 24_000)
_CONTENT_TYPE = re.compile(r"\s*audio/l16\s*(?:;\s*rate\s*=\s*(\d{4,6})\s*)?", re.IGNORECASE)


class VonageLine:
    """One connection. The first message says at which rate samples come and are wanted."""

    provider = "vonage"
    lead_s = 0.4
    group = 1
    closes_itself = False
    has_marks = True

    def __init__(self) -> None:
        self.ignored = 0
        self._is_started = False

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        if isinstance(data, bytes):
            if not self._is_started:
                raise BadInput("audio came before websocket:connected", code=OUT_OF_ORDER)
            return (Audio(reading.whole(data, Encoding.L16)),) if data else ()
        message = reading.fields(reading.text(data, "Vonage"))
        match message.get("event"):
            case "websocket:connected":
                return (self._start(message),)
            case "websocket:dtmf":
                return (Digit(reading.digit(_digit(message))),)
            case "websocket:notify":
                name = reading.child(message, "payload").get("name")
                return (Reached(name),) if isinstance(name, str) else ()
            case "websocket:disconnected":
                return (Stopped("the caller hung up"),)
            case str() as event:
                self.ignored += event != "websocket:cleared"
                return ()
            case _:
                raise BadInput("the message has no event", code=BROKEN, param="event")

    def audio(self, payload: bytes) -> Sequence[Wire]:
        return (payload,)

    def mark(self, name: str) -> Sequence[Wire]:
        return (reading.json({"action": "notify", "payload": {"name": name}}),)

    def clear(self) -> Sequence[Wire]:
        return (reading.json({"action": "clear"}),)

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        return ()

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        return ()

    def _start(self, message: Mapping[str, object]) -> Started:
        if self._is_started:
            raise BadInput("a second websocket:connected", code=OUT_OF_ORDER)
        kind = message.get("content-type", "audio/l16;rate=16000")
        found = _CONTENT_TYPE.fullmatch(kind) if isinstance(kind, str) else None
        rate = int(found.group(1) or 16_000) if found else 0
        if rate not in RATES:
            raise BadInput(
                f"content-type is {str(kind)[:60]!r}: audio/l16;rate=16000 is taken, or 8000 or "
                "24000",
                code=UNSUPPORTED,
            )
        self._is_started = True
        own = {"event", "content-type"}
        parameters = reading.texts({k: v for k, v in message.items() if k not in own})
        call_id = parameters.get("uuid", "") or parameters.get("call_uuid", "")
        return Started(Encoding.L16, rate, call_id, call_id, parameters)


def _digit(message: Mapping[str, object]) -> object:
    """Newer platforms have it in the message, older ones in an object of its own."""
    return message.get("digit") or reading.child(message, "dtmf").get("digit")
