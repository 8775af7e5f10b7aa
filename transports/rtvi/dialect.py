"""RTVI as the dialect of a peer's data channel: `Requests` in, `Narration` out, and who waits.

Made for one conversation; it goes on when the client comes back on another connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from ...runtime.errors import BadInput
from .. import json_messages
from ..dialects import Received
from . import messages
from .narration import Narration
from .requests import MAX_OPEN, Requests


def time_of_day() -> str:
    """Now, as RTVI's transcripts are stamped."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class RtviDialect:
    """A `Dialect`. `about` is what `bot-ready` says of the server: its library and version."""

    label = "chat"

    def __init__(
        self,
        about: Mapping[str, object] | None = None,
        *,
        notice: str | None = None,
        timestamp: Callable[[], str] = time_of_day,
    ) -> None:
        """`notice` is told to the client first, as an error that is not fatal."""
        self._about = dict(about or {})
        self._notice = notice
        self._requests = Requests()
        self._narration = Narration(timestamp, self._requests.call)
        self._is_ready = False
        self._ready_id: str | None = None
        self._told_wrong: deque[str] = deque(maxlen=MAX_OPEN)

    def receive(self, data: str | bytes, max_bytes: int) -> Received:
        if isinstance(data, str) and data.startswith("ping"):  # the transport's sign of life
            return Received()
        asked = self._requests.translate(json_messages.parse(data, max_bytes))
        replies = list(asked.replies)
        if asked.ready_id is not None:
            self._ready_id = asked.ready_id
            replies += self._bot_ready()
        if asked.hang_up is not None:
            replies.append(messages.signalling("peerLeft"))
        return Received(asked.events, tuple(replies), hang_up=asked.hang_up)

    def send(self, message: Mapping[str, object]) -> Sequence[str]:
        kind = message.get("type")
        if kind == "session.created":
            self._is_ready = True
            return self._bot_ready()
        if kind == "error":
            problem = message.get("error")
            fields: Mapping[str, object] = (
                cast("Mapping[str, object]", problem) if isinstance(problem, Mapping) else {}
            )
            event_id = fields.get("event_id")
            if isinstance(event_id, str):
                return self._wrong(event_id, str(fields.get("message")), fields.get("code"))
        told: list[str] = []
        if (request := self._requests.answered(str(kind))) is not None:
            body = {
                name: value for name, value in message.items() if name not in ("type", "event_id")
            }
            told.append(messages.server_response(request.message_id, request.kind, body))
        return [*told, *self._narration.tell(message)]

    def refuse(self, error: BadInput, event_id: str | None) -> Sequence[str]:
        if event_id is not None:
            return self._wrong(event_id, str(error), error.code)
        return (messages.error(str(error)),)

    def _bot_ready(self) -> list[str]:
        """Once the session is there and the client has asked."""
        if not self._is_ready or self._ready_id is None:
            return []
        message_id, self._ready_id = self._ready_id, None
        told = [messages.bot_ready(message_id, self._about)]
        if self._notice is not None:
            told.append(messages.error(self._notice))
            self._notice = None
        return told

    def _wrong(self, message_id: str, why: str, code: object) -> list[str]:
        """One error for a message, though it may have become several events."""
        self._requests.forget(message_id)
        if message_id in self._told_wrong:
            return []
        self._told_wrong.append(message_id)
        known = code if isinstance(code, str) else None
        return [messages.error_response(message_id, why, known)]
