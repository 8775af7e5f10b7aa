"""The resampler against scipy's, in one piece and in many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly  # pyright: ignore[reportUnknownVariableType]

from visavis.models.voice.resample import Resampler, Samples


def tone(rate: int, seconds: float, hertz: float) -> Samples:
    return np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate).astype(np.float32)


def in_pieces(resampler: Resampler, samples: Samples, sizes: list[int]) -> Samples:
    out: list[Samples] = []
    start = turn = 0
    while start < len(samples):
        size = sizes[turn % len(sizes)]
        out.append(resampler.push(samples[start : start + size]))
        start, turn = start + size, turn + 1
    return np.concatenate([*out, resampler.flush()])


@pytest.mark.parametrize(("rate_in", "rate_out"), [(22050, 48000), (16000, 48000), (48000, 16000)])
def test_a_tone_keeps_its_shape(rate_in: int, rate_out: int) -> None:
    resampler = Resampler(rate_in, rate_out)
    out = in_pieces(resampler, tone(rate_in, 0.2, 1000.0), [10**6])
    wanted = tone(rate_out, 0.2, 1000.0)
    assert abs(len(out) - len(wanted)) <= 1
    middle = slice(rate_out // 50, -rate_out // 50)
    count = min(len(out), len(wanted))
    assert np.abs(out[:count][middle] - wanted[:count][middle]).max() < 2e-3


def test_it_agrees_with_scipy() -> None:
    rng = np.random.default_rng(1)
    low = resample_poly(rng.standard_normal(2205), 2, 1).astype(np.float32)  # no top octave
    ours = in_pieces(Resampler(22050, 48000), low, [10**6])
    theirs = resample_poly(low, 320, 147)
    middle = slice(200, min(len(ours), len(theirs)) - 200)
    assert np.abs(ours[middle] - theirs[middle]).max() < 0.05 * np.abs(theirs).max()


@pytest.mark.parametrize("sizes", [[1], [147], [1324], [7, 1000, 2], [33]])
def test_pieces_join_without_a_seam(sizes: list[int]) -> None:
    samples = np.random.default_rng(2).standard_normal(3000).astype(np.float32)
    whole = in_pieces(Resampler(22050, 48000), samples, [10**6])
    assert np.array_equal(in_pieces(Resampler(22050, 48000), samples, sizes), whole)


def test_it_begins_anew_after_a_flush() -> None:
    resampler = Resampler(22050, 48000)
    samples = tone(22050, 0.05, 500.0)
    first = in_pieces(resampler, samples, [700])
    assert np.array_equal(in_pieces(resampler, samples, [700]), first)


def test_no_input_gives_no_output() -> None:
    assert len(Resampler(22050, 48000).push(np.zeros(0, np.float32))) == 0
