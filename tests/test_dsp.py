"""Signal arithmetic: lengths, pitches and levels come out as asked."""

import numpy as np
import pytest

from visavis.models.training.dsp import (
    RATE,
    Pcm,
    convolve,
    from_int16,
    level,
    resample,
    shape,
    to_int16,
)


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 0.5) -> Pcm:
    times = np.arange(int(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def pitch_of(audio: Pcm) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(audio.size)))
    return float(np.argmax(spectrum)) * RATE / audio.size


@pytest.mark.parametrize("ratio", [0.5, 16000 / 22050, 0.85, 1.18, 2.0])
def test_resampling_moves_length_and_pitch_together(ratio: float) -> None:
    stretched = resample(tone(1000), ratio)
    assert stretched.size == pytest.approx(RATE * ratio, rel=0.005)
    assert pitch_of(stretched) == pytest.approx(1000 / ratio, rel=0.01)


def test_resampling_down_keeps_out_what_the_lower_rate_cannot_hold() -> None:
    assert level(resample(tone(7000), 0.5)[2000:-2000]) < 0.001


def test_resampling_nothing_gives_nothing() -> None:
    assert resample(np.zeros(0, dtype=np.float32), 0.7).size == 0


def test_convolution_agrees_with_the_direct_sum_and_keeps_the_length() -> None:
    random = np.random.default_rng(0)
    audio = random.standard_normal(3000).astype(np.float32)
    response = random.standard_normal(700).astype(np.float32)
    slow = np.convolve(audio, response)[:3000]
    np.testing.assert_allclose(convolve(audio, response), slow, atol=1e-3)


def test_shaping_lowers_only_the_band_it_names() -> None:
    points, gains = [0.0, 2000.0, 2500.0, 8000.0], [0.0, 0.0, -60.0, -60.0]
    assert level(shape(tone(500), points, gains)) == pytest.approx(level(tone(500)), rel=0.02)
    assert level(shape(tone(5000), points, gains)) < 0.01


def test_level_is_that_of_the_part_that_sounds() -> None:
    quiet = np.zeros(RATE * 3, dtype=np.float32)
    assert level(np.concatenate([quiet, tone(440), quiet])) == pytest.approx(0.5 / 2**0.5, rel=0.02)
    assert level(quiet) == 0.0
    assert level(np.zeros(0, dtype=np.float32)) == 0.0


def test_int16_clips_and_returns() -> None:
    audio = np.array([0.0, 0.5, -0.5, 2.0, -2.0], dtype=np.float32)
    assert to_int16(audio).tolist() == [0, 16384, -16384, 32767, -32768]
    np.testing.assert_allclose(from_int16(to_int16(audio))[:3], audio[:3], atol=1e-4)
