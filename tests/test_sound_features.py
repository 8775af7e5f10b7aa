"""What frames and events are like, in numbers."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.models.sound_features import (
    BLOCK,
    COLUMN,
    FRAME,
    NAMES,
    SHAPE,
    WIDTH,
    Floats,
    block_powers,
    describe,
    hertz,
    summarise,
)

RATE = 16_000
TIMES = np.arange(FRAME) / RATE


def tone(*parts: tuple[float, float]) -> Floats:
    """One frame of sines: (hertz, amplitude)."""
    made = sum(gain * np.sin(2 * np.pi * hz * TIMES + 1) for hz, gain in parts)
    return np.asarray(made, np.float32)[None]


def noise(seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((1, FRAME)).astype(np.float32) * 0.1


def column(frame: Floats, at: int) -> float:
    return float(describe(frame)[0, at])


@pytest.mark.parametrize("hz", [150.0, 440.0, 1003.0, 2500.0, 6000.0])
def test_a_tone_is_one_and_has_its_pitch(hz: float) -> None:
    frame = tone((hz, 0.3))
    assert column(frame, COLUMN.tone) > 0.95
    assert hertz(column(frame, COLUMN.pitch)) == pytest.approx(hz, rel=0.015)


def test_noise_is_flat_and_no_tone() -> None:
    assert column(noise(), COLUMN.tone) < 0.2
    assert column(noise(), COLUMN.flat) > -6 > column(tone((1000.0, 0.3)), COLUMN.flat)


def test_two_tones_of_a_telephone_key_are_two_and_no_harmonics() -> None:
    key = tone((770.0, 0.3), (1336.0, 0.3))
    assert column(key, COLUMN.second) > 0.3 and column(key, COLUMN.off) > 0.2
    harmonics = tone((500.0, 0.3), (1500.0, 0.2))
    assert column(harmonics, COLUMN.second) > 0.2 and column(harmonics, COLUMN.off) < 0.05


@pytest.mark.parametrize("hz", [95.0, 140.0, 240.0, 370.0])
def test_a_voices_pitch_is_found_without_its_fundamental(hz: float) -> None:
    frame = tone(*((hz * n, 1 / n) for n in range(3, 9)))  # as over a telephone
    assert hertz(column(frame, COLUMN.voice)) == pytest.approx(hz, rel=0.03)
    assert column(frame, COLUMN.periodic) > 0.8


def test_bands_are_shares() -> None:
    bands = describe(noise())[0, COLUMN.bands : WIDTH]
    assert bands.sum() == pytest.approx(1.0, abs=1e-3) and len(bands) == 6


def test_frames_that_are_alike_have_the_same_shape() -> None:
    shapes = describe(np.concatenate([tone((500.0, 0.3)), tone((500.0, 0.1)), tone((900.0, 0.3))]))
    shapes = shapes[:, WIDTH:]
    assert shapes.shape == (3, SHAPE)
    assert shapes[0] @ shapes[1] > 0.99
    assert shapes[0] @ shapes[2] < 0.3


def test_silence_is_described_without_complaint() -> None:
    assert np.isfinite(describe(np.zeros((2, FRAME), np.float32))).all()


def test_many_frames_at_once_are_described_as_one_by_one() -> None:
    frames = np.concatenate([tone((500.0, 0.3)), noise(1), np.zeros((1, FRAME), np.float32)])
    one_by_one = np.concatenate([describe(frame[None]) for frame in frames])
    np.testing.assert_allclose(describe(frames), one_by_one, rtol=1e-5, atol=1e-5)


def test_block_powers_are_mean_squares() -> None:
    samples = np.full((1, 2 * BLOCK), 0.5, np.float32)
    samples[:, BLOCK:] = 0.0
    np.testing.assert_allclose(block_powers(samples), [[0.25, 0.0]])


def test_a_summary_has_a_number_for_each_name_and_tells_pitch_and_rise() -> None:
    described = describe(np.concatenate([tone((1000.0, 0.3))] * 6))
    blocks = np.array([-70.0] * 12 + [-13.0] * 24)
    summary = summarise(described, np.full(6, -13.0), blocks, -70.0, 0.0, -70.0)
    named = dict(zip(NAMES, summary, strict=True))
    assert np.isfinite(summary).all() and summary.dtype == np.float32
    assert hertz(named["pitch"] * 12) == pytest.approx(1000, rel=0.01)
    assert named["rise"] == pytest.approx(np.log1p(1)) and named["pitch wide"] < 0.01
    assert named["alike least"] > 0.99


def test_a_sound_of_one_frame_has_a_summary() -> None:
    summary = summarise(describe(noise()), np.array([-20.0]), np.array([-20.0]), -30.0, 0.5, -60.0)
    assert np.isfinite(summary).all()
