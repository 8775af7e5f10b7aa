"""How much memory a process takes at quiet moments, and whether it grows.

Three counts that need no sampling of time: Python's memory blocks (exact, and free to ask), objects
that the garbage collector knows, and the process's resident pages. Where tracemalloc runs, traced
bytes too. Compared are medians of the first and the last quarter, so that one moment's context
being longer than another's is no growth.
"""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Footprint:
    """One quiet moment. `counts` are lengths of what a conversation keeps."""

    at_s: float
    blocks: int
    objects: int
    resident_bytes: int
    traced_bytes: int | None
    counts: Mapping[str, int] = field(default_factory=dict[str, int])


def footprint(at_s: float, counts: Mapping[str, int]) -> Footprint:
    """Now, after a collection."""
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else None
    objects = len(gc.get_objects())
    return Footprint(at_s, sys.getallocatedblocks(), objects, _resident(), traced, dict(counts))


def _resident() -> int:
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:  # only Linux tells
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class Footprints:
    """Moments in their order. They lie in arrays of numbers: kept as objects they would be a growth
    themselves."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._rows: list[array[float]] = []

    def add(self, moment: Footprint) -> None:
        """Every moment counts the same things."""
        if not self._rows:
            self._names = tuple(moment.counts)
            self._rows = [array("d") for _ in range(5 + len(self._names))]
        traced = -1.0 if moment.traced_bytes is None else float(moment.traced_bytes)
        numbers = (moment.at_s, moment.blocks, moment.objects, moment.resident_bytes, traced)
        counts = (moment.counts[name] for name in self._names)
        for row, number in zip(self._rows, (*numbers, *counts), strict=True):
            row.append(number)

    def all(self) -> list[Footprint]:
        """Every moment."""
        return [
            Footprint(
                at_s,
                int(blocks),
                int(objects),
                int(resident),
                None if traced < 0 else int(traced),
                {name: int(count) for name, count in zip(self._names, counts, strict=True)},
            )
            for at_s, blocks, objects, resident, traced, *counts in zip(*self._rows, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Growth:
    """From the first quarter to the last, by medians; `turns` answers lie between them."""

    blocks: float
    objects: float
    resident_bytes: float
    traced_bytes: float | None
    turns: float

    @property
    def is_flat(self) -> bool:
        """Less than one block for every ten turns, and less than `SLACK` beyond that: a single
        object kept for each turn shows."""
        most = SLACK + self.turns / 10
        traced = self.traced_bytes is None or self.traced_bytes <= 64 * most
        return self.blocks <= most and self.objects <= most and traced


SLACK = 200
"""Blocks that a context may be longer at one moment than at another."""


def growth(samples: Sequence[Footprint], turns_per_s: float) -> Growth:
    """Of samples at even distances, the warm-up left out. Raises ValueError for fewer than 8."""
    if len(samples) < 8:
        raise ValueError(
            f"{len(samples)} samples of memory: 8 are needed to tell growth from noise"
        )
    quarter = len(samples) // 4
    first, last = samples[:quarter], samples[-quarter:]

    def grown(name: str) -> float:
        was, now = ([float(getattr(s, name)) for s in some] for some in (first, last))
        return median(now) - median(was)

    is_traced = all(sample.traced_bytes is not None for sample in samples)
    between = median(s.at_s for s in last) - median(s.at_s for s in first)
    return Growth(
        grown("blocks"),
        grown("objects"),
        grown("resident_bytes"),
        grown("traced_bytes") if is_traced else None,
        between * turns_per_s,
    )
