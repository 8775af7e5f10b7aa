"""What a WebSocket is to us: whole messages in, texts out, a close with a code. Knows no server library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

NORMAL = 1000
GOING_AWAY = 1001
NO_STATUS = 1005
ABNORMAL = 1006
POLICY = 1008
"""The client broke a rule: it does not read, it showed a token that is good for nothing."""
TRY_AGAIN = 1013


class SocketClosed(Exception):
    """The connection is over.

    `is_dropped`: the network or the page went away; a client that meant to leave says so with a
    close frame.
    """

    def __init__(self, code: int, reason: str, *, is_dropped: bool) -> None:
        super().__init__(f"closed with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason
        self.is_dropped = is_dropped


class Socket(Protocol):
    """One accepted connection."""

    async def receive(self) -> str | bytes:
        """The next whole message. Raises `SocketClosed` at the end."""
        ...

    async def send(self, text: str) -> None:
        """Returns when the connection takes more. Raises `SocketClosed`."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Say why and end it. Idempotent; raises nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Closing:
    """How a connection is to be ended by us."""

    code: int
    reason: str
