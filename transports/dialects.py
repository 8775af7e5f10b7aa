"""What a client speaks on its message channel, apart from the channel itself.

The session understands the events of the OpenAI Realtime API and nothing else. A `Dialect`
translates: what the client sends into such events, such events into what the client reads. It opens
no socket and reads no clock of its own. `RealtimeDialect` is the one without a translation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..runtime.errors import BadInput
from ..runtime.messages import error as error_message
from . import json_messages


class Refused(BadInput):
    """A message that can't be used. `event_id` is its name, None where it has none."""

    def __init__(self, why: str, event_id: str | None, *, code: str = "invalid_value") -> None:
        super().__init__(why, code=code)
        self.event_id = event_id


@dataclass(frozen=True, slots=True)
class Received:
    """What one message of the client means."""

    events: tuple[Mapping[str, object], ...] = ()
    """Client events for the session, in order."""
    replies: tuple[str, ...] = ()
    """Texts to send back at once; before the session hears of the events."""
    hang_up: str | None = None
    """Why the client wants the conversation to end; None while it doesn't."""


class Dialect(Protocol):
    """One client's way to speak. Made for one peer: it may remember what was said."""

    @property
    def label(self) -> str:
        """Of the data channel that carries it."""
        ...

    def receive(self, data: str | bytes, max_bytes: int) -> Received:
        """Raises `BadInput` for a message that can't be used; `Refused` where it has a name."""
        ...

    def send(self, message: Mapping[str, object]) -> Sequence[str]:
        """The texts that tell the client of a server event; none for what has no counterpart."""
        ...

    def refuse(self, error: BadInput, event_id: str | None) -> Sequence[str]:
        """The texts that tell the client that something it sent can't be used."""
        ...


class RealtimeDialect:
    """The events of the OpenAI Realtime API as they are."""

    label = "oai-events"

    def receive(self, data: str | bytes, max_bytes: int) -> Received:
        return Received((json_messages.parse(data, max_bytes),))

    def send(self, message: Mapping[str, object]) -> Sequence[str]:
        return (json_messages.encode(message),)

    def refuse(self, error: BadInput, event_id: str | None) -> Sequence[str]:
        return self.send(
            error_message(str(error), code=error.code, param=error.param, event_id=event_id)
        )


class NoDialect:
    """A client without a message channel: nothing is queued for it."""

    label = ""

    def receive(self, data: str | bytes, max_bytes: int) -> Received:
        return Received()

    def send(self, message: Mapping[str, object]) -> Sequence[str]:
        return ()

    def refuse(self, error: BadInput, event_id: str | None) -> Sequence[str]:
        return ()
