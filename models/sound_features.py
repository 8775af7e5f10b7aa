"""What a sound is like, in numbers: of each 32 ms frame, and of an event that is over.

A frame knows nothing of those before it, so frames are described many at a time: of several
conversations, or of a whole file. Plain NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..runtime.frames import HEARING_RATE

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Axes: R frames, N samples of a frame, K bins of its spectrum, F numbers of a frame, E blocks.
FRAME: Final = 512
"""Samples that a frame looks at: 32 ms."""
HOP: Final = 256
"""Samples between two frames: 16 ms."""
BLOCK: Final = 64
"""Samples of a block of the envelope: 4 ms."""
QUIET_DB: Final = -75.0
"""Below this, in dB of full scale, everything is silence."""

_BIN_HZ = HEARING_RATE / FRAME
_LOW, _HIGH = 3, 240  # bins that count: 94 … 7,500 Hz
_LOBE = 2  # bins either side of a tone's peak that are the same tone, with this window
_LOBES = np.arange(-_LOBE, _LOBE + 1)
_THREE = np.arange(-1, 2)
_WIDE = np.arange(-_LOBE - 1, _LOBE + 2)
_HANN: Floats = np.hanning(FRAME + 1)[:FRAME].astype(np.float32)
_EDGES = np.array([3, 10, 19, 38, 77, 128, 240])  # 94, 300, 600, 1,200, 2,400, 4,000, 7,500 Hz
_LAGS = slice(32, 201)  # 500 … 80 Hz
_HALF = 0.9
_TEETH: Floats = np.arange(1, 9, dtype=np.float32)
_FADES: Floats = (
    np.fft.irfft(np.abs(np.fft.rfft(_HANN)) ** 2)[_LAGS] / np.square(_HANN).sum()
).astype(np.float32)


class Column(NamedTuple):
    """Where a number of a frame is."""

    tone: int = 0  # share of the power that lies in the strongest tone
    second: int = 1  # share in the second strongest
    off: int = 2  # how far the ratio of the two is from a whole number, 0 … 0.5
    pitch: int = 3  # of the strongest tone, in semitones above 94 Hz
    flat: int = 4  # spectral flatness, dB
    periodic: int = 5  # of the autocorrelation, 0 … 1
    voice: int = 6  # pitch found by autocorrelation, in semitones above 94 Hz
    comb: int = 7  # share of the power on the harmonics of that
    bands: int = 8  # six shares of the power


COLUMN: Final = Column()
WIDTH: Final = COLUMN.bands + 6
"""Numbers of a frame."""
SHAPE: Final = 120
"""Numbers of a frame's shape."""


def describe(frames: Floats) -> Floats:
    """Frames [R, N] in -1..1 -> numbers [R, F], and behind them amplitude spectra [R, SHAPE] of
    length 1, which say how alike two frames are."""
    rows = np.arange(len(frames))
    spectrum = np.fft.rfft(frames * _HANN)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)  # [R, K]
    power[:, :_LOW] = 0.0
    power[:, _HIGH:] = 0.0
    power += np.float32(1e-9)
    sums = np.zeros((len(frames), power.shape[1] + 1), np.float32)
    np.cumsum(power, axis=1, out=sums[:, 1:])
    total = sums[:, -1]
    made = np.empty((len(frames), WIDTH + SHAPE), np.float32)

    peak = power.argmax(axis=1)
    place = _between(power, rows, peak)
    low, high = np.maximum(peak - _LOBE, 0), peak + _LOBE + 1
    made[:, COLUMN.tone] = (sums[rows, high] - sums[rows, low]) / total
    near = np.maximum(peak[:, None] + _WIDE, 0)  # peaks lie below _HIGH, so the upper end is safe
    rest = power.copy()
    rest[rows[:, None], near] = 0.0
    other = rest.argmax(axis=1)
    beside = np.maximum(other[:, None] + _LOBES, 0)
    made[:, COLUMN.second] = rest[rows[:, None], beside].sum(axis=1) / total
    away = _between(power, rows, other)
    ratio = np.maximum(place, away) / np.maximum(np.minimum(place, away), 1.0)
    made[:, COLUMN.off] = np.abs(ratio - np.rint(ratio))
    made[:, COLUMN.pitch] = _semitones(place)

    within = power[:, 5:225]
    made[:, COLUMN.flat] = 10 * (np.log10(within).mean(axis=1) - np.log10(within.mean(axis=1)))
    lagged = np.fft.irfft(power, FRAME)[:, : _LAGS.stop]
    alike = lagged[:, _LAGS] / (_FADES * lagged[:, :1])  # [R, lags]
    best = alike.argmax(axis=1)
    # Twice a period is as alike as one: the half is believed where it is nearly so.
    half = np.maximum((best + _LAGS.start) // 2 - _LAGS.start, 0)
    is_half = alike[rows, half] > _HALF * alike[rows, best]
    is_half &= best >= _LAGS.start
    best[is_half] = half[is_half]
    made[:, COLUMN.periodic] = np.minimum(np.maximum(alike[rows, best], 0.0), 1.2)
    first = (HEARING_RATE / (best + _LAGS.start) / _BIN_HZ).astype(np.float32)  # its bin
    made[:, COLUMN.voice] = _semitones(first)
    teeth = np.minimum(np.rint(first[:, None] * _TEETH).astype(np.intp), _HIGH)  # [R, 8]
    combed = sums[rows[:, None], teeth + 2] - sums[rows[:, None], teeth - 1]
    made[:, COLUMN.comb] = combed.sum(axis=1) / total
    made[:, COLUMN.bands : WIDTH] = np.diff(sums[:, _EDGES], axis=1) / total[:, None]
    shape = np.sqrt(power[:, 4 : 4 + SHAPE])
    made[:, WIDTH:] = shape / np.sqrt(np.square(shape).sum(axis=1, keepdims=True))
    return made


def block_powers(samples: Floats) -> Floats:
    """Samples [R, T] -> mean square of each block [R, T / BLOCK]."""
    blocks = samples.reshape(len(samples), -1, BLOCK)
    powers: Floats = np.einsum("rbn,rbn->rb", blocks, blocks) / np.float32(BLOCK)
    return powers


def median(values: Floats) -> float:
    """NumPy's own imports 60 ms of modules when it is called first."""
    ordered = np.sort(values)
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


def hertz(semitones: float) -> float:
    """Of a pitch as frames have it."""
    return float(_LOW * _BIN_HZ * 2 ** (semitones / 12))


def _between(power: Floats, rows: npt.NDArray[np.intp], peak: npt.NDArray[np.intp]) -> Floats:
    """Where a peak really is, in bins: the top of a parabola through three of them, in dB."""
    at = np.maximum(peak, 1)
    three = np.log(power[rows[:, None], at[:, None] + _THREE])
    bend = three[:, 0] - 2 * three[:, 1] + three[:, 2]
    moved = 0.5 * (three[:, 0] - three[:, 2]) / np.where(bend < -1e-6, bend, -1.0)
    place: Floats = (at + np.minimum(np.maximum(moved, -0.5), 0.5)).astype(np.float32)
    return place


def _semitones(bins: Floats) -> Floats:
    found: Floats = 12 * np.log2(np.maximum(bins, 1.0) / np.float32(_LOW))
    return found


NAMES: Final = (
    "frames", "rise", "within 10 dB", "within 20 dB", "fall", "level", "over floor", "over before",
    "busy before", "tone", "tone least", "second", "off", "pitch", "pitch wide", "pitch moves",
    "flat", "periodic", "voice", "voice wide", "comb", "alike", "alike least", "level wide",
    "level slope", "band 1", "band 2", "band 3", "band 4", "band 5", "band 6",
)  # fmt: skip
"""What the numbers of an event are."""


def summarise(
    described: Floats,
    levels: Doubles,
    blocks: Doubles,
    before_db: float,
    busy: float,
    floor_db: float,
) -> Floats:
    """An event [len(NAMES)] from its frames as `described` [R, F + SHAPE], their `levels` [R] and
    its envelope `blocks` [E] with a little before it, both in dB of full scale. `before_db` was the
    loudest shortly before, `busy` the share of time that something sounded then."""
    numbers, shapes = described[:, :WIDTH], described[:, WIDTH:]
    alike = np.einsum("rn,rn->r", shapes[1:], shapes[:-1])
    level = levels
    weight = 10 ** ((level - level.max()) / 10)
    weight /= weight.sum()
    core = level >= level.max() - 10
    pitch = numbers[:, COLUMN.pitch]
    middle = float(weight @ pitch)
    moves = np.abs(np.diff(pitch[core])) if core.sum() > 1 else np.zeros(1, np.float32)
    voice = numbers[:, COLUMN.voice]
    voiced = median(voice[core])
    likeness = alike[core[1:]] if core[1:].any() else np.zeros(1, np.float32)
    inner = level[core]
    at = int(blocks.argmax())
    top = float(blocks[at])
    ahead = blocks[: at + 1][::-1]
    quiet = np.flatnonzero(ahead < top - 12)
    rise = int(quiet[0]) if len(quiet) else len(ahead)
    behind = blocks[at:]
    low = np.flatnonzero(behind < top - 12)
    fall = int(low[0]) if len(low) else len(behind)
    found = [
        np.log1p(len(level)), np.log1p(rise), np.log1p(int((blocks > top - 10).sum())),
        np.log1p(int((blocks > top - 20).sum())), np.log1p(fall), top / 20,
        (float(level.max()) - floor_db) / 10, np.clip((top - before_db) / 10, -2, 4), busy,
        weight @ numbers[:, COLUMN.tone], float(numbers[core, COLUMN.tone].min()),
        weight @ numbers[:, COLUMN.second], weight @ numbers[:, COLUMN.off], middle / 12,
        min(float(np.sqrt(weight @ np.square(pitch - middle))), 12.0) / 4,
        np.log1p(median(moves) * 10), weight @ numbers[:, COLUMN.flat] / 10,
        weight @ numbers[:, COLUMN.periodic], voiced / 12,
        min(median(np.abs(voice[core] - voiced)), 12.0) / 4,
        weight @ numbers[:, COLUMN.comb], likeness.mean(), likeness.min(),
        float(inner.std()) / 5, (float(inner[-1]) - float(inner[0])) / 10,
    ]  # fmt: skip
    shares: Sequence[float] = [float(weight @ numbers[:, COLUMN.bands + i]) for i in range(6)]
    return np.array([*found, *shares], np.float32)
