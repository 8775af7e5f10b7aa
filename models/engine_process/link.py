"""A media process's connection to an engine's process: from the welcome to the end of either."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from ...runtime.errors import EngineDied
from .ring import BadRing, Record, RingEnds, RingReader, RingWriter
from .sockets import receive, send
from .wire import BadRecord, Goodbye, Hello, Welcome

GONE = "its process is gone"
_RINGS = 7
"""Descriptors of a welcome: orders, results, places."""


class Link:
    """Made by `join`. Everything on the event loop, but `write`, which any thread may call."""

    def __init__(
        self,
        sock: socket.socket,
        welcome: Welcome,
        descriptors: list[int],
        take: Callable[[Record], None],
    ) -> None:
        """`take` gets what the engine's process writes; it may raise `BadRecord`."""
        self.welcome = welcome
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._take = take
        self._orders = RingWriter(RingEnds(*descriptors[:3]))
        self._results = RingReader(RingEnds(*descriptors[3:6]))
        self._places = descriptors[6]
        self._lock = threading.RLock()
        self._is_open = True
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._loop.add_reader(sock.fileno(), self._on_message)
        self._loop.add_reader(self._results.wakes, self._on_records)

    async def ended(self) -> str:
        """Waits for the end and says why."""
        return await asyncio.shield(self._ended)

    def take_place(self) -> bool:
        """One of the places that all processes share is ours; the engine's process gives it back."""
        try:
            os.eventfd_read(self._places)
        except BlockingIOError:
            return False
        return True

    def write(
        self, kind: int, head: bytes, body: bytes | memoryview = b"", *, spare: float = 0.0
    ) -> bool:
        """False where that would leave less than this share of the ring, or where it is over."""
        with self._lock:
            if not self._is_open:
                return False
            return self._orders.write(kind, head, body, spare=int(spare * self._orders.size))

    def close(self, why: str) -> None:
        """The engine's process frees what we hold. Idempotent."""
        with self._lock:
            if not self._is_open:
                return
            self._is_open = False
            with suppress(OSError):  # it may be gone already
                send(self._sock, Goodbye(why))
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_reader(self._results.wakes)
            self._sock.close()
            self._orders.close()
            self._results.close()
            os.close(self._places)
        self._ended.set_result(why)

    def _on_message(self) -> None:
        if not self._is_open:
            return
        try:
            told, descriptors = receive(self._sock)
        except BlockingIOError:
            return
        except BadRecord as error:
            self.close(str(error))
            return
        for descriptor in descriptors:
            os.close(descriptor)
        self._on_records()  # what was written before the end is delivered before the end
        self.close(told.why if isinstance(told, Goodbye) else GONE)

    def _on_records(self) -> None:
        if not self._is_open:
            return
        try:
            for record in self._results.records():
                self._take(record)
        except (BadRecord, BadRing) as error:
            self.close(f"it wrote what can't be read ({error})")


async def join(sock: socket.socket, engine: str, take: Callable[[Record], None]) -> Link:
    """Greet the engine of this name and wait until it is loaded. Raises `EngineDied` and what loading raised there;
    the socket is closed then."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock.fileno(), readable.set)
    try:
        with suppress(OSError):  # why it ended is read below
            send(sock, Hello(engine))
        await readable.wait()
        told, descriptors = receive(sock)
    except BadRecord as error:
        sock.close()
        raise EngineDied(str(error)) from error
    except BaseException:
        sock.close()
        raise
    finally:
        if sock.fileno() >= 0:
            loop.remove_reader(sock.fileno())
    if isinstance(told, Welcome) and len(descriptors) == _RINGS:
        return Link(sock, told, descriptors, take)
    sock.close()
    for descriptor in descriptors:
        os.close(descriptor)
    if isinstance(told, Goodbye):
        raise told.as_error()
    raise EngineDied("the engine's process ended before its model was loaded")
