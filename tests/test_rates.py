"""Pieces are the whole, the delay is what it says, and nothing folds back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.transports.rates import Pcm, Resampler

PAIRS = [
    (8_000, 16_000),
    (16_000, 8_000),
    (24_000, 16_000),
    (16_000, 24_000),
    (48_000, 16_000),
    (48_000, 8_000),
    (24_000, 8_000),
    (8_000, 24_000),
    (8_000, 48_000),
    (44_100, 16_000),
    (16_000, 44_100),
    (12_000, 16_000),
    (192_000, 16_000),
]


def tone(hertz: float, rate: int, seconds: float = 0.25) -> Pcm:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(
        np.int16
    )


def whole(pcm: Pcm, source: int, target: int) -> Pcm:
    resampler = Resampler(source, target)
    return np.concatenate([resampler.feed(pcm), resampler.flush()])


def noise(samples: int) -> Pcm:
    return np.random.default_rng(1).integers(-20_000, 20_000, samples).astype(np.int16)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.integers(0, 700), min_size=1, max_size=8))
def test_a_stream_in_pieces_is_the_stream_in_one(pair: tuple[int, int], sizes: list[int]) -> None:
    source, target = pair
    pcm = noise(sum(sizes))
    resampler = Resampler(source, target)
    parts: list[Pcm] = []
    at = 0
    for size in sizes:
        parts.append(resampler.feed(pcm[at : at + size]))
        at += size
        assert sum(map(len, parts)) == -(-at * target // source)
    streamed = np.concatenate([*parts, resampler.flush()])
    assert np.array_equal(streamed, whole(pcm, source, target))
    # and after a flush it is as new
    assert np.array_equal(resampler.feed(pcm), Resampler(source, target).feed(pcm))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_tone_keeps_its_pitch_and_level_and_is_late_by_the_delay(
    source: int, target: int
) -> None:
    out = whole(tone(1000, source), source, target).astype(float)
    delay = Resampler(source, target).delay
    assert len(out) == -(-len(tone(1000, source)) * target // source) + delay
    steady = np.arange(2 * delay, len(out) - 3 * delay)
    wanted = 8000 * np.sin(2 * np.pi * 1000 * (steady - delay) / target)
    assert np.abs(out[steady] - wanted).max() < 40  # -46 dB


@pytest.mark.parametrize(("source", "target"), [p for p in PAIRS if p[0] > p[1]])
def test_what_the_lower_rate_cannot_hold_is_kept_out(source: int, target: int) -> None:
    out = whole(tone(target / 2 * 1.02, source), source, target)
    edge = 3 * Resampler(source, target).delay
    assert np.abs(out[edge:-edge].astype(float)).max() < 8000 * 10 ** (-50 / 20)


@pytest.mark.parametrize(("source", "target"), [p for p in PAIRS if p[0] < p[1]])
def test_going_up_leaves_no_image_and_the_telephone_band_passes(source: int, target: int) -> None:
    out = whole(tone(0.42 * source, source), source, target).astype(float)
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    hertz = np.fft.rfftfreq(len(out), 1 / target)
    peak = spectrum.max()
    assert hertz[spectrum.argmax()] == pytest.approx(0.42 * source, abs=8)
    assert peak / (8000 * len(tone(1, source)) * target / source / 4) == pytest.approx(1, abs=0.06)
    assert spectrum[hertz > 0.52 * source].max(initial=0.0) < peak * 10 ** (-50 / 20)


def test_the_same_rate_is_untouched() -> None:
    pcm = noise(300)
    resampler = Resampler(8_000, 8_000)
    assert resampler.delay == 0
    assert np.array_equal(resampler.feed(pcm), pcm)
    assert len(resampler.flush()) == 0


def test_a_telephone_packet_is_late_by_three_milliseconds() -> None:
    assert Resampler(8_000, 16_000).delay == 48
    assert Resampler(48_000, 8_000).delay == 24
    assert len(Resampler(8_000, 16_000).feed(noise(160))) == 320


def test_loud_noise_is_clipped_and_does_not_wrap() -> None:
    square = np.where(np.arange(400) % 20 < 10, 32_767, -32_768).astype(np.int16)
    out = whole(square, 8_000, 16_000)
    assert out.max() == 32_767 and out.min() == -32_768


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 Hz"):
        Resampler(0, 8_000)
