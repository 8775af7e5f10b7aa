"""What a cache holds, by where it comes from: runs of positions, cut and continued with the cache."""

from __future__ import annotations

from enum import Enum, auto

from ...runtime.events import TokensTaken


class Source(Enum):
    """Where positions come from. Marks and words that were said are text."""

    TEXT = auto()
    AUDIO = auto()
    IMAGE = auto()


class Context:
    """One slot's. As many runs as the cache holds changes of source: bounded by its length."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, Source]] = []  # where each ends

    def __len__(self) -> int:
        """Positions known."""
        return self._runs[-1][0] if self._runs else 0

    def grow_to(self, end: int, source: Source) -> None:
        """The cache holds `end` positions now; the new ones come from there."""
        if end <= len(self):
            return
        if self._runs and self._runs[-1][1] is source:
            self._runs.pop()
        self._runs.append((end, source))

    def cut(self, length: int) -> None:
        """The cache was cut to so many positions."""
        while self._runs and self._runs[-1][0] > length:
            _, source = self._runs.pop()
            if len(self) < length:
                self._runs.append((length, source))

    def taken(self) -> TokensTaken:
        """Positions by source."""
        counts = dict.fromkeys(Source, 0)
        start = 0
        for end, source in self._runs:
            counts[source] += end - start
            start = end
        return TokensTaken(counts[Source.TEXT], counts[Source.AUDIO], counts[Source.IMAGE])
