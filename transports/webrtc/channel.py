"""A peer's data channel: checked messages in, a bounded line of messages out.

What the messages look like, and what the channel is called, is its dialect's to say.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from aiortc import RTCDataChannel
from aiortc.exceptions import InvalidStateError

from ...runtime.errors import BadInput
from ...runtime.message_guard import MessageGuard, Verdict
from ..dialects import Dialect, RealtimeDialect, Refused

log = logging.getLogger(__name__)

MAX_BACKLOG_BYTES = 4 * 1024 * 1024
MAX_BACKLOG_MESSAGES = 2048
"""Bounds on what waits: before the channel opens, and for a client that does not read."""


class Channel:
    """Messages of one peer; survives a new connection. All methods on the event loop."""

    def __init__(
        self,
        max_bytes: int,
        deliver: Callable[[Mapping[str, object]], None],
        give_up: Callable[[str], None],
        *,
        dialect: Dialect | None = None,
        hang_up: Callable[[str], None] | None = None,
    ) -> None:
        """`give_up` is told why the client is of no use any more, `hang_up` why it wants to end."""
        self._max_bytes = max_bytes
        self._deliver = deliver
        self._give_up = give_up
        self._dialect: Dialect = dialect or RealtimeDialect()
        self._hang_up = hang_up or give_up
        self._channel: RTCDataChannel | None = None
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._is_closed = False
        self.guard: MessageGuard | None = None
        """Asked about every message, when there is one."""
        self.refused = 0
        """Messages of the client that were answered by an error."""
        self.unsent = 0
        """Messages the client can't take: larger than it says it accepts."""

    def attach(self, channel: RTCDataChannel) -> None:
        """The client opened a channel; others than ours are ignored."""
        if channel.label != self._dialect.label or self._is_closed:
            return
        self._channel = channel

        @channel.on("message")
        def _on_message(data: str | bytes) -> None:  # pyright: ignore[reportUnusedFunction]
            if self._channel is channel:
                self._receive(data)

        self._flush()

    def detach(self) -> None:
        """The client is gone; what is told it meanwhile waits for the channel it comes back with."""
        self._channel = None

    def send(self, message: Mapping[str, object]) -> None:
        """Queue a message. A client that leaves too much unread is given up."""
        if self._is_closed:
            return
        self._queue(self._dialect.send(message))

    def refuse(self, error: BadInput, event_id: object = None) -> None:
        """Tell the client that something it sent can't be used."""
        self.refused += 1
        verdict = Verdict.TELL if self.guard is None else self.guard.refused(error.code)
        if verdict is Verdict.END and not self._is_closed:
            self.close()
            self._give_up("the client sent only what can't be used")
        elif verdict is Verdict.TELL and not self._is_closed:
            known = event_id if isinstance(event_id, str) else None
            self._queue(self._dialect.refuse(error, known))

    def close(self) -> None:
        self._is_closed = True
        self._channel = None
        self._waiting.clear()
        self._waiting_bytes = 0

    def _receive(self, data: str | bytes) -> None:
        try:
            if self.guard is not None:
                self.guard.take(len(data))
            received = self._dialect.receive(data, self._max_bytes)
        except BadInput as error:
            self.refuse(error, error.event_id if isinstance(error, Refused) else None)
            return
        if self.guard is not None:
            self.guard.accepted()
        self._queue(received.replies)
        for event in received.events:
            self._deliver(event)
        if received.hang_up is not None:
            self._hang_up(received.hang_up)

    def _queue(self, texts: Sequence[str]) -> None:
        if not texts or self._is_closed:
            return
        for text in texts:
            self._waiting.append(text)
            self._waiting_bytes += len(text)
        self._flush()
        buffered = self._channel.bufferedAmount if self._channel is not None else 0
        backlog = self._waiting_bytes + buffered
        if backlog > MAX_BACKLOG_BYTES or len(self._waiting) > MAX_BACKLOG_MESSAGES:
            self.close()
            self._give_up(f"the client left {backlog} bytes of messages unread")

    def _flush(self) -> None:
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        while self._waiting:
            text = self._waiting.popleft()
            self._waiting_bytes -= len(text)
            try:
                channel.send(text)
            except InvalidStateError:
                return
            except ValueError:
                self.unsent += 1
                log.warning("a message is larger than the client takes", extra={"size": len(text)})
