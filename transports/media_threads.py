"""The process's few threads for codec work, shared by every peer, and lanes that keep work in order.

A lane is one stream's queue: its jobs run one after another on whichever thread is free, and what
they return is handed to the event loop in one call however many jobs ran. Audio goes before
pictures. Threads exist only while a lane is open. Jobs know nothing of asyncio.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

R = TypeVar("R")

TURN_S = 0.003


class Urgency(IntEnum):
    """Which lane is served first when several wait."""

    AUDIO = 0
    PICTURES = 1
    STOP = 2


class _Ready:
    """Lanes that wait for a thread: by urgency, then in order of arrival."""

    def __init__(self) -> None:
        self._queue: queue.PriorityQueue[tuple[Urgency, int, Lane[Any] | None]]
        self._queue = queue.PriorityQueue()
        self._order = itertools.count()

    def put(self, urgency: Urgency, lane: Lane[Any] | None) -> None:
        self._queue.put((urgency, next(self._order), lane))

    def get(self) -> Lane[Any] | None:
        return self._queue.get()[2]


class MediaThreads:
    """A fixed, small number of daemon threads; started by the first lane, ended after the last."""

    def __init__(self, threads: int) -> None:
        self._size = threads
        self._ready = _Ready()
        self._threads: list[threading.Thread] = []
        self._lanes = 0
        self._lock = threading.Lock()

    def lane(
        self,
        deliver: Callable[[list[R]], None],
        limit: int,
        urgency: Urgency = Urgency.AUDIO,
    ) -> Lane[R]:
        """Open a lane. Call on the event loop; `deliver` is called there with results in order.

        `limit` is how many jobs may wait; beyond it the oldest is dropped and counted.
        """
        with self._lock:
            self._lanes += 1
            if not self._threads:
                self._ready = _Ready()
                self._threads = [
                    threading.Thread(
                        target=_work, args=(self._ready,), name=f"media {i}", daemon=True
                    )
                    for i in range(self._size)
                ]
                for thread in self._threads:
                    thread.start()
            ready = self._ready
        return Lane(asyncio.get_running_loop(), ready, deliver, limit, self._release, urgency)

    def _release(self) -> None:
        with self._lock:
            self._lanes -= 1
            if self._lanes == 0:
                for _ in self._threads:
                    self._ready.put(Urgency.STOP, None)
                self._threads = []


class Lane(Generic[R]):
    """Work of one stream, in order. `put`, `close` on the event loop only."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ready: _Ready,
        deliver: Callable[[list[R]], None],
        limit: int,
        release: Callable[[], None],
        urgency: Urgency,
    ) -> None:
        self.dropped = 0
        self.failed = 0
        self._loop = loop
        self._ready = ready
        self._deliver = deliver
        self._limit = limit
        self._release = release
        self._urgency = urgency
        self._jobs: deque[Callable[[], list[R]]] = deque()
        self._lock = threading.Lock()
        self._is_busy = False
        self._on_their_way = 0
        self._is_closed = False

    @property
    def is_idle(self) -> bool:
        """Nothing waits, nothing runs, and all there was has been delivered."""
        with self._lock:
            return not (self._jobs or self._is_busy or self._on_their_way or self._is_closed)

    def put(self, job: Callable[[], list[R]]) -> None:
        """Queue a job; the list it returns reaches `deliver`."""
        with self._lock:
            if self._is_closed:
                return
            if len(self._jobs) >= self._limit:
                self._jobs.popleft()
                self.dropped += 1
            self._jobs.append(job)
            if self._is_busy:
                return
            self._is_busy = True
        self._ready.put(self._urgency, self)

    def close(self) -> None:
        """Nothing is delivered after this returns; a job that is running ends unheard."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._jobs.clear()
        self._release()

    def run(self) -> None:
        """Run what waits, hand over once; called by a media thread. A long line is served in
        turns of TURN_S, so that its first results are early and other lanes get theirs."""
        results: list[R] = []
        until = time.monotonic() + TURN_S
        while True:
            with self._lock:
                is_done = not self._jobs or self._is_closed
                if is_done or time.monotonic() > until:
                    # Handed over before another thread may go on here: results keep their order.
                    self._send(results)
                    if is_done:
                        self._is_busy = False
                    else:
                        self._ready.put(self._urgency, self)
                    return
                job = self._jobs.popleft()
            try:
                results.extend(job())
            except Exception:
                # A job guards against its own input; this is a fault in our code. Say so once
                # per stream, count, and go on.
                self.failed += 1
                if self.failed == 1:
                    log.exception("a media job failed")

    def _send(self, results: list[R]) -> None:
        if not results:
            return
        self._on_their_way += 1
        with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._hand_over, results)

    def _hand_over(self, results: list[R]) -> None:
        with self._lock:
            self._on_their_way -= 1
        if not self._is_closed:
            self._deliver(results)


def _work(ready: _Ready) -> None:
    while (lane := ready.get()) is not None:
        lane.run()


_shared = MediaThreads(threads=max(1, min(4, (os.cpu_count() or 2) // 2 + 1)))


def media_threads() -> MediaThreads:
    """The process's one set of media threads."""
    return _shared
