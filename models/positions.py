"""The decoder's cache of one conversation: positions taken in by the first layers at once, and by
the layers above the first exit when it pays.

Axes: L positions held, T new positions, D width, W words.
"""

from __future__ import annotations

import numpy as np

from .config import ModelConfig
from .networks import Floats, Networks


class PositionCache:
    """Keys and values of all layers, allocated once; attention is causal, so a cut is exact, and so
    is filling the deep layers later and several positions at a time: what lies in the cache then is
    the same, and their weights, which are most of the model's, are read once instead of each time.
    """

    def __init__(self, networks: Networks, config: ModelConfig) -> None:
        self.used = 0
        """Positions that the first layers have."""
        self.filled = 0
        """Positions that all layers have."""
        self._layers = networks.new_cache()
        self._most = config.max_positions
        # What the first layers made of positions that the others have not yet.
        self._hidden: Floats = np.zeros((config.max_positions, config.width), np.float32)

    @property
    def unfilled(self) -> int:
        """Positions that wait for the deep layers."""
        return self.used - self.filled

    def cut(self, length: int) -> None:
        """Keep the first `length` positions. Raises ValueError when there are not so many."""
        if not 0 <= length <= self.used:
            raise ValueError(f"the cache holds {self.used} positions, it can't be cut at {length}")
        self.used, self.filled = length, min(self.filled, length)

    def take(self, x: Floats) -> Floats:
        """Positions [T, D] through the first layers; the first exit's word logits [T, W]."""
        start, end = self.used, self.used + len(x)
        if end > self._most:
            raise ValueError(
                f"{end} positions asked of a cache of {self._most}: shorten the context"
            )
        words, self._hidden[start:end] = self._layers.shallow(x, start)
        self.used = end
        return words

    def fill(self, most: int | None = None) -> Floats:
        """The oldest `most` of the positions that wait (all when None) through the deep layers; the
        full depth's word logits behind each [T, W]. There must be one."""
        start = self.filled
        end = self.used if most is None else min(self.used, start + most)
        words, _ = self._layers.deep(self._hidden[start:end], start)
        self.filled = end
        return words

    def append(self, x: Floats) -> Floats:
        """Take in positions [T, D] at full depth; word logits [T, W] behind each."""
        self.take(x)
        return self.fill()[-len(x) :]

    def held(self) -> Floats:
        """A copy of the keys and values of all layers [2, N, H, L, D / H], L what all layers have."""
        return self._layers.held(self.filled)
