"""What goes out over a WebSocket, in order: texts that are ready, and places kept for audio that is
still being encoded on another thread.

Bounded: a client that leaves too much unread is given up. With `keep` above zero the newest texts
that were sent stay, so that a client which lost its connection gets what it missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .. import json_messages


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event as it is sent."""

    event_id: str
    text: str


def outgoing(message: Mapping[str, object]) -> Outgoing:
    """A message with the `event_id` it is known by from now on."""
    event_id = message.get("event_id")
    if not isinstance(event_id, str):
        event_id = json_messages.new_id("event")
        message = {"event_id": event_id, **message}
    return Outgoing(event_id, json_messages.encode(message))


@dataclass(eq=False, slots=True)
class Place:
    """A place in the line. It is passed when it is `is_filled` and empty."""

    waiting: deque[Outgoing] = field(default_factory=deque[Outgoing])
    is_filled: bool = False
    is_media: bool = False


class Outbox:
    """The line of one conversation; it outlives a connection. Event loop only."""

    def __init__(
        self,
        max_bytes: int,
        max_events: int,
        overflow: Callable[[int], None],
        *,
        keep_bytes: int = 0,
    ) -> None:
        """`overflow` is told how many bytes wait when they are more than `max_bytes`, or the events
        more than `max_events`. `keep_bytes` of what was sent are kept."""
        self._max_bytes = max_bytes
        self._max_events = max_events
        self._overflow = overflow
        self._keep_bytes = keep_bytes
        self._places: deque[Place] = deque()
        self._kept: deque[Outgoing] = deque()
        self._kept_size = 0
        self._forgotten: str | None = None
        self._wake = asyncio.Event()
        self._is_closed = False
        self.waiting_bytes = 0
        self.waiting_events = 0
        self.sent = 0
        """Events handed to a connection since the start."""

    def put(self, outgoing: Outgoing) -> None:
        """A text that is ready."""
        last = self._places[-1] if self._places else None
        if last is None or not last.is_filled or last.is_media:
            last = Place(is_filled=True)
            self._places.append(last)
        last.waiting.append(outgoing)
        self._count(outgoing)

    def reserve(self) -> Place:
        """Keep a place for audio; what is put later waits behind it until `fill`."""
        place = Place(is_media=True)
        self._places.append(place)
        return place

    def fill(self, place: Place, *outgoing: Outgoing, is_last: bool = True) -> None:
        """Put the audio where it belongs; the place is passed after `is_last`."""
        if self._is_closed or place.is_filled:
            return
        place.waiting.extend(outgoing)
        place.is_filled = is_last
        for one in outgoing:
            self._count(one)
        self._wake.set()

    def drop_media(self) -> None:
        """Audio that was not sent yet is nothing anybody wants to hear any more."""
        for place in self._places:
            if place.is_media:
                for outgoing in place.waiting:
                    self._discount(outgoing)
                place.waiting.clear()
                place.is_filled = True
        self._wake.set()

    async def next(self) -> Outgoing:
        """The next event; waits for it. It is lost to the line, and kept if it is to be."""
        while True:
            while self._places and not self._places[0].waiting and self._places[0].is_filled:
                self._places.popleft()
            if self._places and self._places[0].waiting:
                break
            self._wake.clear()
            await self._wake.wait()
        outgoing = self._places[0].waiting.popleft()
        self._discount(outgoing)
        self.sent += 1
        self._keep(outgoing)
        return outgoing

    @property
    def is_empty(self) -> bool:
        """Nothing waits, and no place is kept."""
        return not any(place.waiting or not place.is_filled for place in self._places)

    def put_first(self, outgoing: Outgoing) -> None:
        """Before everything that waits."""
        self._requeue([outgoing])

    def replay(self, after: str | None) -> tuple[int, bool]:
        """Send again what was sent after this event; None stands for a client that got none.

        Returns how many events that is, and whether they are all there still: when the event is
        not kept any more, all that is kept is sent again.
        """
        kept = list(self._kept)
        start, is_complete = 0, after == self._forgotten
        for index, outgoing in enumerate(kept):
            if outgoing.event_id == after:
                start, is_complete = index + 1, True
        again = kept[start:]
        self._kept = deque(kept[:start])
        self._kept_size -= sum(len(outgoing.text) for outgoing in again)
        self._requeue(again)
        return len(again), is_complete

    def close(self) -> None:
        """Forget everything."""
        self._is_closed = True
        self._places.clear()
        self._kept.clear()
        self.waiting_bytes = self.waiting_events = 0

    def _requeue(self, outgoing: list[Outgoing]) -> None:
        """No overflow: it fitted before."""
        self._places.appendleft(Place(deque(outgoing), is_filled=True))
        self.waiting_bytes += sum(len(one.text) for one in outgoing)
        self.waiting_events += len(outgoing)
        self._wake.set()

    def _count(self, outgoing: Outgoing) -> None:
        self.waiting_bytes += len(outgoing.text)
        self.waiting_events += 1
        self._wake.set()
        if self.waiting_bytes > self._max_bytes or self.waiting_events > self._max_events:
            self._overflow(self.waiting_bytes)

    def _discount(self, outgoing: Outgoing) -> None:
        self.waiting_bytes -= len(outgoing.text)
        self.waiting_events -= 1

    def _keep(self, outgoing: Outgoing) -> None:
        if not self._keep_bytes:
            return
        self._kept.append(outgoing)
        self._kept_size += len(outgoing.text)
        while self._kept_size > self._keep_bytes:
            oldest = self._kept.popleft()
            self._kept_size -= len(oldest.text)
            self._forgotten = oldest.event_id
