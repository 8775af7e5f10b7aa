"""Streaming change of sample rate by windowed sinc, in numpy alone.

Used inside the voice's worker process, so nothing else of the package is imported here.
"""

from __future__ import annotations

import functools
from math import gcd

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

HALF_TAPS = 16
"""Input samples on each side of an output sample: 0.7 ms at 22050 Hz, and that is the delay."""
KAISER_BETA = 8.0
"""Stop band about 80 dB down."""


class Resampler:
    """Takes any number of samples at a time and gives what it can; the parts join without a seam.

    One for a phrase: `flush` gives the rest and the resampler begins anew.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        common = gcd(rate_in, rate_out)
        self._up = rate_out // common
        self._down = rate_in // common
        self._filters = _filters(self._up, min(1.0, rate_out / rate_in))
        self._begin()

    def _begin(self) -> None:
        self._kept = np.zeros(HALF_TAPS - 1, np.float32)  # from input sample `_first` on
        self._first = -(HALF_TAPS - 1)
        self._given = 0  # output samples so far

    def push(self, samples: Samples) -> Samples:
        """More input; returns the output that needs no later input."""
        self._kept = np.concatenate([self._kept, samples])
        end = self._first + len(self._kept)
        # Output n lies at input n * down / up and needs HALF_TAPS samples after the one before it.
        last = ((end - HALF_TAPS) * self._up - 1) // self._down
        if last < self._given:
            return np.zeros(0, np.float32)
        positions = np.arange(self._given, last + 1, dtype=np.int64) * self._down
        at, phase = np.divmod(positions, self._up)
        starts = at - (HALF_TAPS - 1) - self._first
        windows = np.lib.stride_tricks.sliding_window_view(self._kept, 2 * HALF_TAPS)
        out: Samples = np.einsum("nt,nt->n", windows[starts], self._filters[phase])
        self._given = last + 1
        needed = self._given * self._down // self._up - (HALF_TAPS - 1)
        self._kept = self._kept[needed - self._first :]
        self._first = needed
        return out

    def flush(self) -> Samples:
        """The rest of the output, as if silence followed."""
        rest = self.push(np.zeros(HALF_TAPS, np.float32))
        self._begin()
        return rest


@functools.cache
def _filters(phases: int, bandwidth: float) -> Samples:
    """One low-pass filter for each place between two input samples: [phases, 2 * HALF_TAPS]."""
    offsets = np.arange(-(HALF_TAPS - 1), HALF_TAPS + 1)[None, :]
    distance = offsets - np.arange(phases)[:, None] / phases
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (distance / HALF_TAPS) ** 2, 0, 1)))
    filters = bandwidth * np.sinc(bandwidth * distance) * window
    normal: Samples = (filters / filters.sum(axis=1, keepdims=True)).astype(np.float32)
    return normal
