"""The one queue into an engine's thread: orders in their sequence, media bounded per slot.

The event loop puts and never waits; the thread sleeps until something is there, and takes it all.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..runtime.frames import AudioChunk, VideoFrame
from ..runtime.protocols import Slot

OrderT = TypeVar("OrderT")


@dataclass(slots=True)
class Post(Generic[OrderT]):
    """All that came in since the last time."""

    orders: list[OrderT] = field(default_factory=list[OrderT])
    audio: dict[Slot, deque[AudioChunk]] = field(default_factory=dict[Slot, deque[AudioChunk]])
    pictures: dict[Slot, VideoFrame] = field(default_factory=dict[Slot, VideoFrame])

    def __bool__(self) -> bool:
        return bool(self.orders or self.audio or self.pictures)


class Inbox(Generic[OrderT]):
    """Orders are few and kept all; of audio at most `chunks` per slot wait, then the oldest goes;
    of pictures the newest one."""

    def __init__(self, chunks: int) -> None:
        self.dropped_audio = 0
        self.dropped_pictures = 0
        self._chunks = chunks
        self._post: Post[OrderT] = Post()
        self._changed = threading.Condition()

    def put(self, order: OrderT) -> None:
        """An order for the thread."""
        with self._changed:
            self._post.orders.append(order)
            self._changed.notify()

    def put_audio(self, slot: Slot, chunk: AudioChunk) -> None:
        """More audio of a slot."""
        with self._changed:
            waiting = self._post.audio.setdefault(slot, deque())
            if len(waiting) >= self._chunks:
                waiting.popleft()
                self.dropped_audio += 1
            waiting.append(chunk)
            self._changed.notify()

    def put_picture(self, slot: Slot, frame: VideoFrame) -> None:
        """A picture of a slot; the one that waited goes."""
        with self._changed:
            self.dropped_pictures += slot in self._post.pictures
            self._post.pictures[slot] = frame
            self._changed.notify()

    def drop_picture(self, slot: Slot) -> None:
        """The picture that waits goes: its camera went off."""
        with self._changed:
            self._post.pictures.pop(slot, None)

    @property
    def has_post(self) -> bool:
        """True while something waits."""
        return bool(self._post)

    def take(self, sleep_s: float | None) -> Post[OrderT]:
        """Everything that is there; sleeps until there is something, `sleep_s` seconds at most
        (None: as long as it takes)."""
        with self._changed:
            if sleep_s != 0.0:
                self._changed.wait_for(lambda: bool(self._post), sleep_s)
            post, self._post = self._post, Post()
            return post
