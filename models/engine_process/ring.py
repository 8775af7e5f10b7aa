"""One direction of the memory that two processes share: records in a ring, one writer, one reader.

Each side keeps its own place in the ring. What the other must know goes through two counters of the
kernel (eventfd): records written, which wakes the reader, and bytes read, which the writer asks for
when it has no room left. So no index lies where the other process could spoil it, no store has to be
seen in a certain order, and nobody polls. The memory has no name: it is gone with the last process
that holds it, however that process ends.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PREFIX = struct.Struct("<III4x")  # kind, bytes of the head, bytes of the body
_ALIGN = 16
_WRAP = 0xFFFF_FFFF
"""The kind of what fills the ring's end, where the next record does not fit."""


class BadRing(Exception):
    """The other side wrote what is no record."""


@dataclass(frozen=True, slots=True)
class RingEnds:
    """The descriptors of a ring; the memory's size is the ring's."""

    memory: int
    written: int
    """Counts records: the reader waits for it."""
    read: int
    """Counts bytes that are free again."""

    def close(self) -> None:
        """They stay open in the process they were sent to."""
        for descriptor in (self.memory, self.written, self.read):
            os.close(descriptor)


def new_ring(size: int) -> RingEnds:
    """A ring of `size` bytes, a multiple of 4096. Nobody can change its size afterwards, so a
    process that shrinks it can't end the other by a bus error."""
    memory = os.memfd_create("visavis ring", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(memory, size)
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)
    flags = os.EFD_CLOEXEC | os.EFD_NONBLOCK
    return RingEnds(memory, os.eventfd(0, flags), os.eventfd(0, flags))


def taken(counter: int) -> int:
    """What a kernel's counter came to since it was last asked; 0 where nothing did."""
    try:
        return os.eventfd_read(counter)
    except BlockingIOError:
        return 0


class RingWriter:
    """The side that writes; one thread at a time."""

    def __init__(self, ends: RingEnds) -> None:
        """The descriptors are the writer's from now on."""
        self._ends = ends
        self._memory = mmap.mmap(ends.memory, 0)
        self._size = len(self._memory)
        self._free = self._size
        self._at = 0

    @property
    def size(self) -> int:
        """Bytes of the ring."""
        return self._size

    def write(
        self, kind: int, head: bytes, body: bytes | memoryview = b"", *, spare: int = 0
    ) -> bool:
        """Copy one record in and wake the reader. False, and nothing happened, where it would leave
        less than `spare` bytes. Raises `ValueError` for one that is larger than half the ring."""
        size = _padded(_PREFIX.size + len(head) + len(body))
        if 2 * size > self._size:
            raise ValueError(
                f"a record of {size} bytes does not go through a ring of {self._size} bytes"
            )
        left = self._size - self._at
        skipped = left if size > left else 0
        if self._free < skipped + size + spare:
            self._free = min(self._size, self._free + taken(self._ends.read))
            if self._free < skipped + size + spare:
                return False
        if skipped:
            _PREFIX.pack_into(self._memory, self._at, _WRAP, 0, 0)
            self._at = 0
        _PREFIX.pack_into(self._memory, self._at, kind, len(head), len(body))
        at = self._at + _PREFIX.size
        self._memory[at : at + len(head)] = head
        at += len(head)
        self._memory[at : at + len(body)] = body
        self._at = (self._at + size) % self._size
        self._free -= skipped + size
        os.eventfd_write(self._ends.written, 1)
        return True

    def close(self) -> None:
        """The other side keeps what it has."""
        self._memory.close()
        self._ends.close()


@dataclass(frozen=True, slots=True)
class Record:
    """One record, copied out."""

    kind: int
    head: bytes
    body: bytes


class RingReader:
    """The side that reads: call `records` whenever `wakes` is readable."""

    def __init__(self, ends: RingEnds) -> None:
        """The descriptors are the reader's from now on."""
        self._ends = ends
        self._memory = mmap.mmap(ends.memory, 0)
        self._size = len(self._memory)
        self._at = 0

    @property
    def wakes(self) -> int:
        """The descriptor to wait for."""
        return self._ends.written

    def records(self) -> Iterator[Record]:
        """All that were written since the last time, oldest first; no more of them once the ring is
        closed. Raises `BadRing`."""
        freed = 0
        try:
            for _ in range(taken(self._ends.written)):
                if self._memory.closed:
                    return
                record, size = self._next()
                freed += size
                if freed > self._size:
                    raise BadRing(f"more than the {self._size} bytes of the ring were announced")
                yield record
        finally:
            if freed and not self._memory.closed:
                os.eventfd_write(self._ends.read, freed)

    def _next(self) -> tuple[Record, int]:
        """The record at the reader's place, and what it frees."""
        skipped = 0
        kind, head, body = _PREFIX.unpack_from(self._memory, self._at)
        if kind == _WRAP:
            skipped, self._at = self._size - self._at, 0
            kind, head, body = _PREFIX.unpack_from(self._memory, 0)
        size = _padded(_PREFIX.size + head + body)
        if size > self._size - self._at:
            raise BadRing(f"a record says {size} bytes where {self._size - self._at} are left")
        at = self._at + _PREFIX.size
        record = Record(
            kind, self._memory[at : at + head], self._memory[at + head : at + head + body]
        )
        self._at = (self._at + size) % self._size
        return record, skipped + size

    def close(self) -> None:
        """The other side keeps what it has."""
        self._memory.close()
        self._ends.close()


def _padded(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN
