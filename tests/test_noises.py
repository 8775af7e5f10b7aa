"""Noises and babble: as long as asked, heard, and the same from the same seed."""

import numpy as np
import pytest

from visavis.models.training.dsp import RATE, Pcm
from visavis.models.training.noises import NOISES, babble, noise


@pytest.mark.parametrize("kind", NOISES)
def test_each_kind_sounds_and_repeats(kind: str) -> None:
    first = noise(np.random.default_rng(5), RATE, kind)
    assert first.shape == (RATE,)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.std() > 1e-4
    assert np.array_equal(first, noise(np.random.default_rng(5), RATE, kind))


def low_share(audio: Pcm) -> float:
    power = np.square(np.abs(np.fft.rfft(audio)))
    return float(power[: power.size // 16].sum() / power.sum())


def test_pink_is_darker_than_white_and_brown_than_pink() -> None:
    white, pink, brown = (
        low_share(noise(np.random.default_rng(1), RATE * 2, kind))
        for kind in ("white", "pink", "brown")
    )
    assert white < pink < brown


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="'purple' is not one of white, pink"):
        noise(np.random.default_rng(0), 100, "purple")


def test_babble_is_a_mixture_that_follows_no_single_talker() -> None:
    random = np.random.default_rng(2)
    talkers = [random.standard_normal(RATE).astype(np.float32) for _ in range(6)]
    mixed = babble(np.random.default_rng(3), RATE * 2, talkers)
    assert mixed.shape == (RATE * 2,)
    for talker in talkers:
        spectrum = np.fft.rfft(mixed, RATE * 4) * np.conj(np.fft.rfft(talker, RATE * 4))
        likeness = np.abs(np.fft.irfft(spectrum)).max()
        assert likeness < 0.9 * np.linalg.norm(mixed) * np.linalg.norm(talker)


def test_silent_talkers_add_nothing() -> None:
    silent = [np.zeros(100, dtype=np.float32), np.zeros(0, dtype=np.float32)]
    assert not babble(np.random.default_rng(0), RATE, silent).any()
