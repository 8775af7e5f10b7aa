"""Numbered packets put in order while the holes are young; plain code without a clock.

A hole is waited for until `limit` later packets have come; then it counts as lost. With a limit of
0 nothing is held back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .line import MAX_LOST_CHUNKS

T = TypeVar("T")

FAR = 3_000
"""A number so far from the next one, a minute, begins a new count."""


@dataclass(slots=True)
class Reorder(Generic[T]):
    """Give packets in as they come, take them out in order, each with how many before it are lost."""

    limit: int
    late: int = 0
    """Packets that came after they had been given up, or twice."""
    lost: int = 0
    _next: int | None = None
    _held: dict[int, T] = field(default_factory=dict[int, T])

    def push(self, number: int, item: T) -> list[tuple[T, int]]:
        """What can be taken now."""
        if self._next is None or abs(number - self._next) > FAR:
            self._held.clear()
            self._next = number
        if number < self._next or number in self._held:
            self.late += 1
            return []
        self._held[number] = item
        ready: list[tuple[T, int]] = []
        while self._held:
            missing = 0
            if self._next not in self._held:
                if len(self._held) <= self.limit:
                    break
                first = min(self._held)
                missing = min(first - self._next, MAX_LOST_CHUNKS)
                self.lost += missing
                self._next = first
            ready.append((self._held.pop(self._next), missing))
            self._next += 1
        return ready
