"""The host's side of the caches: how long each slot's is, and whose it is.

A slot is an index and a generation. Nothing on the device is cleared or moved: a cache is cut,
reset and reused by its length alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CacheSlot:
    """A place in the caches, as one tenant has it."""

    index: int
    generation: int


class CacheSlots:
    """Lengths of all slots. Arrays are [slots]."""

    def __init__(self, slots: int, span: int) -> None:
        self.span = span
        self.used: Counts = np.zeros(slots, np.int64)
        """Positions held by the decoder's cache."""
        self.encoded: Counts = np.zeros(slots, np.int64)
        """Windows of the utterance that the audio encoder heard."""
        self.first: Counts = np.zeros(slots, np.int64)
        """Number of the oldest latent that waits to enter the decoder's cache."""
        self.next: Counts = np.zeros(slots, np.int64)
        """Number that the next latent gets."""
        self.generation: Counts = np.zeros(slots, np.int64)

    def __len__(self) -> int:
        return len(self.used)

    def reset(self, mask: npt.NDArray[np.bool_]) -> None:
        """New tenants for the slots where `mask` [slots] is true."""
        for counts in (self.used, self.encoded, self.first, self.next):
            counts[mask] = 0
        self.generation[mask] += 1

    def open(self, index: int) -> CacheSlot:
        """Reset one slot; the handle of its new tenant."""
        self.reset(np.arange(len(self)) == index)
        return CacheSlot(index, int(self.generation[index]))

    def check(self, slot: CacheSlot) -> int:
        """The index, if the slot is still this tenant's. Raises ValueError."""
        now = int(self.generation[slot.index])
        if now != slot.generation:
            raise ValueError(
                f"slot {slot.index} is at generation {now} and the caller holds "
                f"{slot.generation}: it was given to another conversation"
            )
        return slot.index

    def waiting(self, index: int) -> int:
        """Latents that have not entered the decoder's cache."""
        return int(self.next[index] - self.first[index])

    def grow(self, indices: Sequence[int], by: int) -> None:
        """So many positions more. Raises ValueError past the end of a cache, and changes none."""
        rows = list(indices)
        if rows and int(self.used[rows].max()) + by > self.span:
            raise ValueError(f"a cache of {self.span} positions can't grow by {by}: cut it first")
        self.used[rows] += by

    def cut(self, index: int, length: int) -> None:
        """Keep the first `length` positions. Raises ValueError when there are not so many."""
        if not 0 <= length <= int(self.used[index]):
            raise ValueError(
                f"the cache holds {int(self.used[index])} positions, it can't be cut at {length}"
            )
        self.used[index] = length
