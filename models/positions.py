"""The decoder's cache of one conversation: positions appended, cut, drafted and verified.

Axes: N layers, H heads, P most positions, L positions held, T new positions, D width, W words.
"""

from __future__ import annotations

import numpy as np

from .config import ModelConfig
from .networks import Floats, Networks


class PositionCache:
    """Keys and values of all layers, allocated once; attention is causal, so a cut is exact."""

    def __init__(self, networks: Networks, config: ModelConfig) -> None:
        self.used = 0
        self._networks, self._config = networks, config
        head = config.width // config.heads
        shape = (config.layers, 1, config.heads, config.max_positions, head)
        self._keys: Floats = np.zeros(shape, np.float32)
        self._values: Floats = np.zeros(shape, np.float32)
        # Rotary angles (Su et al. 2021) of every position: cosines and sines [2, P, D / H].
        rates = 10_000.0 ** (-np.arange(0, head, 2) / head)
        angles = np.arange(config.max_positions)[:, None] * rates
        both = np.concatenate([angles, angles], axis=1)
        self._turn: Floats = np.stack([np.cos(both), np.sin(both)]).astype(np.float32)

    def cut(self, length: int) -> None:
        """Keep the first `length` positions. Raises ValueError when there are not so many."""
        if not 0 <= length <= self.used:
            raise ValueError(f"the cache holds {self.used} positions, it can't be cut at {length}")
        self.used = length

    def append(self, x: Floats) -> Floats:
        """Take in positions [T, D] at full depth; word logits [T, W] after each."""
        start = self.used
        first = self._config.exits[0]
        _, hidden = self.run(x, start, 0, first)
        logits, _ = self.run(hidden, start, first, self._config.layers)
        self.used = start + len(x)
        return logits

    def run(self, x: Floats, start: int, first: int, last: int) -> tuple[Floats, Floats]:
        """Layers first..last-1 on positions from `start`: [T, D] -> logits [T, W], hidden [T, D]."""
        t, end = len(x), start + len(x)
        if end > self._config.max_positions:
            raise ValueError(
                f"{end} positions asked of a cache of {self._config.max_positions}: "
                "shorten the context"
            )
        mask: Floats = np.zeros((t, end), np.float32)
        if t > 1:
            mask[:, start:] = np.triu(np.full((t, t), -np.inf, np.float32), 1)
        network = self._networks.shallow if first == 0 else self._networks.deep
        words, hidden, keys, values = network(
            x[None],
            np.ascontiguousarray(self._keys[first:last, :, :, :start]),
            np.ascontiguousarray(self._values[first:last, :, :, :start]),
            np.ascontiguousarray(self._turn[:, start:end]),
            mask,
        )
        self._keys[first:last, :, :, start:end] = keys
        self._values[first:last, :, :, start:end] = values
        return words[0], hidden[0]

    def draft(self) -> Draft:
        """Positions that get the first layers now and the others later, all at once."""
        return Draft(self, self._config.exits[0], self._config.layers)


class Draft:
    """Exact early exit: words chosen after the first layers, then verified by the layers above
    over the same cache in one pass (self-speculative decoding, Elhoushi et al. 2024)."""

    def __init__(self, cache: PositionCache, first: int, layers: int) -> None:
        self._cache, self._first, self._layers = cache, first, layers
        self._start = cache.used
        self._hidden: list[Floats] = []

    def add(self, x: Floats) -> Floats:
        """One more position [D]; the first exit's word logits [W] behind it."""
        at = self._start + len(self._hidden)
        logits, hidden = self._cache.run(x[None], at, 0, self._first)
        self._hidden.append(hidden)
        last: Floats = logits[0]
        return last

    def verify(self) -> Floats:
        """The full depth's word logits [T, W] behind each drafted position."""
        hidden = np.concatenate(self._hidden)
        return self._cache.run(hidden, self._start, self._first, self._layers)[0]

    def keep(self, count: int) -> None:
        """The first `count` positions stay in the cache."""
        self._cache.used = self._start + count
