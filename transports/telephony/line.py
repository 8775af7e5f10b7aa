"""What a telephone provider's protocol is to the rest: messages in → events, wishes → messages out.

A line does no I/O, reads no clock and knows no codec: bytes of audio pass through it as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

Wire = str | bytes
"""One message: a WebSocket text or binary frame; bytes of a TCP stream."""

MAX_TEXT_BYTES = 65_536
"""Largest text message taken."""
MAX_AUDIO_BYTES = 65_536
"""Largest piece of audio taken in one message."""
MAX_LOST_CHUNKS = 500
"""A hole in the numbering counts as at most so many packets: ten seconds."""

BROKEN = "broken_message"
"""Code of a `BadInput`: it can't be read."""
TOO_LARGE = "message_too_large"
OUT_OF_ORDER = "protocol_error"
"""Code of a `BadInput`: well-formed, but not what may come now."""
UNSUPPORTED = "unsupported_media"
REFUSED = "refused"
"""Code of a `BadInput`: who calls may not."""


class Encoding(StrEnum):
    """How samples lie on the wire; L16 is little-endian."""

    MULAW = "mulaw"
    ALAW = "alaw"
    L16 = "l16"

    @property
    def sample_bytes(self) -> int:
        return 2 if self is Encoding.L16 else 1


@dataclass(frozen=True, slots=True)
class Started:
    """The call is up. `parameters` are what the caller's side attached, texts only."""

    encoding: Encoding
    rate: int
    stream_id: str
    call_id: str
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    is_probe: bool = False
    """Somebody only tries whether this server is there: nobody will talk."""


@dataclass(frozen=True, slots=True)
class Audio:
    """The caller's voice. `lost` packets of about the same length before it never came;
    `discarded_ms` were left out by the provider on purpose."""

    payload: bytes
    lost: int = 0
    discarded_ms: int = 0


@dataclass(frozen=True, slots=True)
class Digit:
    """A key of the telephone: 0–9, *, #, A–D."""

    digit: str


@dataclass(frozen=True, slots=True)
class Reached:
    """A mark came back: what was sent before it has been played, or cleared."""

    name: str


@dataclass(frozen=True, slots=True)
class Drained:
    """All that was sent has been played."""


@dataclass(frozen=True, slots=True)
class Held:
    """The provider's buffer is full (True), or has room again."""

    is_held: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """Must go out at once."""

    data: Wire


@dataclass(frozen=True, slots=True)
class Stopped:
    """The call is over."""

    why: str


LineEvent = Started | Audio | Digit | Reached | Drained | Held | Reply | Stopped


class Farewell(StrEnum):
    """Why we end a call."""

    COMPLETED = "completed"
    ERROR = "error"
    UNAUTHORIZED = "unauthorized"


class Line(Protocol):
    """One call's side of one protocol."""

    provider: str
    lead_s: float
    """How much speech may lie in the provider's buffer; 0: it has none, so keep the pace."""
    group: int
    """20 ms packets per audio message."""
    closes_itself: bool
    """After `hang_up` the provider ends the connection: wait for it a moment."""

    @property
    def has_marks(self) -> bool:
        """Whether the provider tells what it has played; known once the call has started."""
        ...

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        """What a message means. Raises `BadInput` when the call can't go on."""
        ...

    def audio(self, payload: bytes) -> Sequence[Wire]:
        """Speech for the caller, encoded as `Started` said, whole packets."""
        ...

    def mark(self, name: str) -> Sequence[Wire]:
        """Asks for `Reached(name)` when everything before it has been played."""
        ...

    def clear(self) -> Sequence[Wire]:
        """Drop what has not been played yet."""
        ...

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        """A message of the session that the provider has a use for, if it has."""
        ...

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        """The call is to end."""
        ...
