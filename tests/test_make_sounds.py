"""Sounds made from seeds are what they say they are."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.models.training import make_sounds
from visavis.models.training.dsp import RATE, Pcm
from visavis.models.training.make_sounds import (
    DISTRACTIONS,
    HERTZ,
    LEVEL_DB,
    Line,
    distraction,
    in_a_row,
    loudest,
    sound,
)
from visavis.runtime.sounds import Loudness, Pitch, SoundKind


def strongest_hertz(pcm: Pcm) -> float:
    power = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size)))
    return float(power.argmax() * RATE / pcm.size)


@pytest.mark.parametrize("pitch", Pitch)
@pytest.mark.parametrize("kind", [SoundKind.BEEP, SoundKind.WHISTLE])
def test_a_tone_has_the_pitch_it_says(kind: SoundKind, pitch: Pitch) -> None:
    random = np.random.default_rng(1)
    low, high = HERTZ[kind, pitch]
    for _ in range(5):
        hertz = strongest_hertz(sound(random, kind, Loudness.LOUD, pitch))
        assert low * 0.8 < hertz < high * 1.25


@pytest.mark.parametrize("level", Loudness)
@pytest.mark.parametrize("kind", SoundKind)
def test_a_sound_is_as_loud_as_it_says(kind: SoundKind, level: Loudness) -> None:
    random = np.random.default_rng(2)
    low, high = LEVEL_DB[level]
    pitch = None if kind is SoundKind.CLAP else Pitch.LOW
    made = [sound(random, kind, level, pitch) for _ in range(5)]
    found = [20 * np.log10(loudest(pcm)) for pcm in made]
    assert all(low - 12 < db < high + 0.5 for db in found) and max(found) > low
    assert all(np.abs(pcm).max() <= 0.981 for pcm in made)


def test_a_row_says_where_its_sounds_are() -> None:
    clip = in_a_row(np.random.default_rng(3), SoundKind.CLAP, 4, Line())
    assert len(clip.sounds) == 4 and {one.kind for one in clip.sounds} == {SoundKind.CLAP}
    assert all(one.pitch is None for one in clip.sounds)
    for one, following in zip(clip.sounds, clip.sounds[1:], strict=False):
        assert following.start_pts - one.end_pts >= 0.15 * RATE
    inside = np.concatenate([clip.pcm[one.start_pts : one.end_pts] for one in clip.sounds])
    assert np.square(inside).sum() > 0.99 * np.square(clip.pcm).sum()


def test_the_same_seed_makes_the_same() -> None:
    line = Line(snr_db=10.0, room_s=0.3, telephone=True)
    one, other = (in_a_row(np.random.default_rng(4), SoundKind.HUM, 2, line) for _ in range(2))
    np.testing.assert_array_equal(one.pcm, other.pcm)
    assert one.sounds == other.sounds


def test_noise_is_as_far_below_as_it_says() -> None:
    tone = (0.3 * np.sin(np.arange(3 * RATE) * 0.3)).astype(np.float32)
    power = float(np.sqrt(np.mean(np.square(tone))))
    noisy = make_sounds.through(np.random.default_rng(5), tone, Line(snr_db=10.0), power)
    rest = float(np.sqrt(np.mean(np.square(noisy - tone))))
    assert 20 * np.log10(power / rest) == pytest.approx(10.0, abs=0.3)


@pytest.mark.parametrize("kind", DISTRACTIONS)
def test_distractions_sound(kind: str) -> None:
    made = distraction(np.random.default_rng(6), kind, 3.0)
    assert made.size == 3 * RATE and made.dtype == np.float32
    assert 0 < np.abs(made).max() <= 0.981


def test_an_unknown_distraction_is_refused() -> None:
    with pytest.raises(ValueError, match="'bagpipe' is not one of music, keys"):
        distraction(np.random.default_rng(0), "bagpipe", 1.0)
