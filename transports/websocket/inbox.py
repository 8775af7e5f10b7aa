"""The client's messages that wait for the runner: bounded in number and in bytes; the sender waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from ...runtime.mailboxes import Bounded

Message = Mapping[str, object]


class Inbox(Bounded[Message]):
    """As `Bounded`, and `room` waits for bytes, too: at most `max_bytes` and one message wait."""

    def __init__(self, limit: int, max_bytes: int) -> None:
        super().__init__(limit)
        self.waiting_bytes = 0
        self._max_bytes = max_bytes
        self._sizes: deque[int] = deque()

    def put(self, item: Message, size: int = 0) -> None:
        """`size` is what the message took on the wire."""
        if not self._is_closed:
            if len(self._items) >= self.limit:
                self.waiting_bytes -= self._sizes.popleft()
            self._sizes.append(size)
            self.waiting_bytes += size
        super().put(item)

    async def room(self) -> None:
        """Waits until one more message may be read; at once when closed."""
        while not self._is_closed and (
            len(self._items) >= self.limit or self.waiting_bytes >= self._max_bytes
        ):
            self._has_room.clear()
            await self._has_room.wait()

    async def get(self) -> Message:
        message = await super().get()
        self.waiting_bytes -= self._sizes.popleft()
        return message
