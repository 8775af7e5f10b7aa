"""Streaming change of sample rate by a polyphase filter: what comes out is late by a known delay.

For every 20 ms that go in 20 ms come out at once, so packets keep their size; `flush` gives what the
filter still holds. Chunk borders leave no trace: a stream in pieces is the stream in one piece.
"""

from __future__ import annotations

import functools
from math import gcd

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]

HALF_LENGTH = 24
"""Samples of the lower rate on each side of an output sample: 3 ms at 8 kHz, and that is the delay."""
CUTOFF = 0.925
"""Middle of the transition band as a share of the lower Nyquist frequency: with the length above
everything to 0.85 of it passes (3.4 kHz at 8 kHz), and nothing beyond it folds back."""
STOP_DB = 60.0
FEW_PHASES = 8
"""Up to so many phases the samples of one are weighed together."""
_PIECE = 8192  # values that are copied at once: 64 KiB


class Resampler:
    """Mono int16 at `source_hz` → mono int16 at `target_hz`.

    `delay` is how many output samples late everything comes (0 when the rates are equal). After
    any `feed`, ceil(fed * target / source) samples have come out in all. One stream, one owner.
    """

    def __init__(self, source_hz: int, target_hz: int) -> None:
        if source_hz < 1 or target_hz < 1:
            raise ValueError(f"can't resample {source_hz} Hz to {target_hz} Hz: rates begin at 1")
        common = gcd(source_hz, target_hz)
        self.source_hz = source_hz
        self.target_hz = target_hz
        self._up = target_hz // common
        self._down = source_hz // common
        self._is_same = source_hz == target_hz
        self._filters, self.delay = _filters(self._up, self._down)  # [up, K]
        self._begin()

    def _begin(self) -> None:
        self._fed = 0  # input samples so far
        self._given = 0  # output samples so far
        self._history = np.zeros(self._filters.shape[1] - 1)

    def feed(self, pcm: Pcm) -> Pcm:
        """The output that the new samples complete."""
        if self._is_same or not len(pcm):
            return pcm
        samples = np.concatenate([self._history, pcm.astype(np.float64)])  # [K - 1 + N]
        first = self._fed  # the input sample that the last window but N ends with
        self._fed += len(pcm)
        count = -(-self._fed * self._up // self._down)
        taps = self._filters.shape[1]
        windows = np.lib.stride_tricks.sliding_window_view(samples, taps)  # [N, K]
        weigh = _by_phase if self._up <= FEW_PHASES else _one_by_one
        out = weigh(windows, self._filters, range(self._given, count), self._down, first)
        self._given = count
        self._history = samples[len(samples) - (taps - 1) :]
        clipped: Pcm = np.clip(np.rint(out), -32_768, 32_767).astype(np.int16)
        return clipped

    def flush(self) -> Pcm:
        """The last `delay` samples, as if silence followed; the next `feed` begins a new stream."""
        if self._is_same:
            return np.zeros(0, np.int16)
        total = -(-self._fed * self._up // self._down) + self.delay
        missing = max(0, -(-(total * self._down) // self._up) - self._fed)
        given = self._given
        rest = self.feed(np.zeros(missing, np.int16))[: total - given]
        self._begin()
        return rest


def _by_phase(
    windows: npt.NDArray[np.float64],
    filters: npt.NDArray[np.float64],
    wanted: range,
    down: int,
    first: int,
) -> npt.NDArray[np.float64]:
    """Output samples `wanted`; `windows[0]` ends with input sample `first`. Those of one phase have
    the same taps and lie `down` windows apart: nothing is copied."""
    up = len(filters)
    out = np.empty(len(wanted))
    for start in range(min(up, len(wanted))):
        at, phase = divmod(wanted[start] * down, up)
        count = -(-(len(wanted) - start) // up)
        mine = windows[at - first :: down][:count]  # [N / up, K], a view
        np.einsum("nk,k->n", mine, filters[phase], out=out[start::up])
    return out


def _one_by_one(
    windows: npt.NDArray[np.float64],
    filters: npt.NDArray[np.float64],
    wanted: range,
    down: int,
    first: int,
) -> npt.NDArray[np.float64]:
    """The same where nearly every output sample has a phase of its own. Its window and its taps are
    copied, in pieces that the processor's cache holds."""
    position = np.arange(wanted.start, wanted.stop, dtype=np.int64) * down
    at, phase = np.divmod(position, len(filters))
    piece = max(1, _PIECE // filters.shape[1])
    out = np.empty(len(wanted))
    for start in range(0, len(wanted), piece):
        part = slice(start, start + piece)
        np.einsum("nk,nk->n", windows[at[part] - first], filters[phase[part]], out=out[part])
    return out


@functools.cache
def _filters(up: int, down: int) -> tuple[npt.NDArray[np.float64], int]:
    """For each place between two input samples the taps of the input samples before it, the oldest
    first: [up, K]; and the delay in output samples."""
    if up == down:
        return np.ones((1, 1)), 0
    slower = max(up, down)  # a period of the lower rate, in samples of the rate both divide
    delay = -(-HALF_LENGTH * slower // down)
    half = delay * down  # a multiple of the output's period, so that the delay is whole
    offset = np.arange(-half, half + 1)
    beta = 0.1102 * (STOP_DB - 8.7)  # Kaiser's formula
    window = np.kaiser(2 * half + 1, beta)
    prototype = np.sinc(CUTOFF * offset / slower) * window
    taps = -(-len(prototype) // up)
    padded = np.pad(prototype, (0, taps * up - len(prototype)))
    phases = padded.reshape(taps, up).T  # [up, K]: tap k of phase p weighs the input k samples ago
    # Every phase passes a constant exactly, so that silence with an offset carries no tone.
    phases = phases / phases.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(phases[:, ::-1]), delay
