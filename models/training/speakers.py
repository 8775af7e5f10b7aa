"""Virtual speakers: other people made of one recorded voice with the WORLD vocoder.

An utterance is taken apart once (pitch, spectral envelope, breathiness) and put together again as
often as wanted. One analysis of two seconds costs about 50 ms and one synthesis about 25 ms.
"""

import functools
import importlib.machinery
import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dsp import RATE, Pcm

FRAME_MS = 10.0
"""Twice WORLD's usual hop: half the cost, and close enough for training."""


@functools.cache
def _world() -> Any:  # a compiled module without type information
    """pyworld's compiled part alone: its `__init__` imports pkg_resources, which is no more."""
    package = importlib.util.find_spec("pyworld")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("pyworld is not installed: `pip install pyworld`")
    found = importlib.machinery.PathFinder.find_spec(
        "pyworld.pyworld", list(package.submodule_search_locations)
    )
    if found is None or found.loader is None:
        raise RuntimeError("pyworld has no compiled module: reinstall pyworld")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True)
class Speaker:
    """What is changed in a voice; the defaults change nothing."""

    pitch: float = 1.0
    """Times the fundamental frequency."""
    formants: float = 1.0
    """Times the formant frequencies."""
    breath: float = 0.0
    """0 leaves the voice as it is, 1 makes it a whisper."""
    tempo: float = 1.0
    """Times the speed."""
    wobble: float = 0.0
    """Slow wandering of the pitch, as a share of it."""
    seed: int = 0
    """Where the wobble starts."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """An utterance taken apart. T frames of `FRAME_MS`, F bins up to 8 kHz."""

    pitch: NDArray[np.float64]  # [T] hertz, 0 where unvoiced
    envelope: NDArray[np.float64]  # [T, F] power
    aperiodicity: NDArray[np.float64]  # [T, F] 0 to 1


def analyse(audio: Pcm) -> Analysis:
    """Take an utterance apart."""
    world = _world()
    samples = audio.astype(np.float64)
    rough, times = world.dio(samples, RATE, f0_floor=60.0, f0_ceil=500.0, frame_period=FRAME_MS)
    pitch = world.stonemask(samples, rough, times, RATE)
    envelope = world.cheaptrick(samples, pitch, times, RATE)
    aperiodicity = world.d4c(samples, pitch, times, RATE)
    return Analysis(pitch, envelope, aperiodicity)


def _warp(rows: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Move what lies at bin f to bin f * factor."""
    bins = rows.shape[1]
    source = np.minimum(np.arange(bins, dtype=np.float64) / factor, bins - 1.001)
    below = source.astype(np.intp)
    share = source - below
    moved: NDArray[np.float64] = rows[:, below] * (1 - share) + rows[:, below + 1] * share
    return moved


def resynthesise(analysis: Analysis, speaker: Speaker) -> Pcm:
    """Put an utterance together again as `speaker` would say it."""
    pitch = analysis.pitch * speaker.pitch
    if speaker.wobble:
        random = np.random.default_rng(speaker.seed)
        knots = random.standard_normal(pitch.size // 20 + 2)
        pitch = pitch * (
            1 + speaker.wobble * np.interp(np.arange(pitch.size) / 20, range(knots.size), knots)
        )
    envelope, aperiodicity = analysis.envelope, analysis.aperiodicity
    if speaker.formants != 1.0:
        envelope = np.exp(_warp(np.log(envelope + 1e-16), speaker.formants))
        aperiodicity = _warp(aperiodicity, speaker.formants)
    if speaker.breath:
        aperiodicity = aperiodicity + (1 - aperiodicity) * speaker.breath
    made = _world().synthesize(
        np.ascontiguousarray(pitch),
        np.ascontiguousarray(envelope),
        np.ascontiguousarray(np.clip(aperiodicity, 1e-4, 1 - 1e-6)),
        RATE,
        FRAME_MS / speaker.tempo,
    )
    return np.asarray(made, dtype=np.float32)
