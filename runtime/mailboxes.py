"""Queues that say what they do when full. Both count what they drop; both end when closed.

One consumer, on the event loop; `put` is called on the event loop and never waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class MailboxClosed(Exception):
    """The sender is gone and everything it left has been taken."""


class Latest(Generic[T]):
    """Keeps only the newest item: for pictures, where an old one is worth nothing."""

    def __init__(self) -> None:
        self.dropped = 0
        self._item: list[T] = []
        self._wake = asyncio.Event()
        self._is_closed = False

    def put(self, item: T) -> None:
        """Replace whatever waits."""
        if self._is_closed:
            self.dropped += 1
            return
        self.dropped += len(self._item)
        self._item = [item]
        self._wake.set()

    async def get(self) -> T:
        """The newest item; waits for one. Raises `MailboxClosed` at the end."""
        while not self._item:
            if self._is_closed:
                raise MailboxClosed
            self._wake.clear()
            await self._wake.wait()
        return self._item.pop()

    def close(self) -> None:
        """No more items; the waiting consumer gets what is left, then `MailboxClosed`."""
        self._is_closed = True
        self._wake.set()


class Bounded(Generic[T]):
    """At most `limit` items in order; when full the oldest goes and is counted.

    `dropped` is the count so far: a consumer that sees it rise between two items knows there is a
    gap before the second one.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"mailbox limit is {limit}: at least 1 item must fit")
        self.limit = limit
        self.dropped = 0
        self._items: deque[T] = deque()
        self._wake = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Append; the oldest item makes room when the box is full."""
        if self._is_closed:
            self.dropped += 1
            return
        if len(self._items) >= self.limit:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._wake.set()

    async def room(self) -> None:
        """Waits until one more item fits, for a producer that can wait; at once when closed."""
        while len(self._items) >= self.limit and not self._is_closed:
            self._has_room.clear()
            await self._has_room.wait()

    async def get(self) -> T:
        """The oldest item; waits for one. Raises `MailboxClosed` at the end."""
        while not self._items:
            if self._is_closed:
                raise MailboxClosed
            self._wake.clear()
            await self._wake.wait()
        self._has_room.set()
        return self._items.popleft()

    def close(self) -> None:
        """No more items; the waiting consumer gets what is left, then `MailboxClosed`."""
        self._is_closed = True
        self._wake.set()
        self._has_room.set()
