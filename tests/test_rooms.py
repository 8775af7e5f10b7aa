"""Recording conditions: rooms decay as named, noise has the named ratio, silence stays labelled."""

import math
from dataclasses import replace

import numpy as np
import pytest

from visavis.models.training.dsp import RATE, Pcm, level
from visavis.models.training.rooms import (
    CLEAN,
    HARD,
    SPEECH_LEVEL,
    Conditions,
    band_limit,
    record,
    room_response,
)
from visavis.models.training.speech import flite

QUIET_LINE = Conditions(room=0, noise=0, codec=0, band=0, clip=0, gain_db=(0, 0))


@pytest.fixture(scope="module")
def sentence() -> Pcm:
    return flite("what do you see at the bottom", "awb")


@pytest.mark.parametrize("rt60_s", [0.2, 0.6])
def test_a_room_starts_with_the_direct_sound_and_decays(rt60_s: float) -> None:
    response = room_response(np.random.default_rng(4), rt60_s)
    assert int(np.argmax(np.abs(response))) == 0
    half = int(rt60_s * RATE / 2)
    early = np.square(response[half // 2 : half]).mean()
    late = np.square(response[half + half // 2 :]).mean()
    fall_db = 10 * math.log10(early / late)  # half of the way down: 30 dB
    assert 20 < fall_db < 40


def test_lead_and_trail_are_added(sentence: Pcm) -> None:
    for seed in range(5):
        made, snr_db = record(np.random.default_rng(seed), sentence, QUIET_LINE, [])
        assert 0.6 <= (made.size - sentence.size) / RATE <= 1.31
        assert snr_db == math.inf
        assert 0 < level(made[: RATE // 12]) < 0.002  # the converter's own noise, never zeros


def test_the_noise_has_the_ratio_it_reports(sentence: Pcm) -> None:
    noisy = replace(QUIET_LINE, noise=1.0, snr_db=(10, 10))
    ratios: list[float] = []
    for seed in range(8):
        clean, _ = record(np.random.default_rng(seed), sentence, QUIET_LINE, [])
        made, snr_db = record(np.random.default_rng(seed), sentence, noisy, [])
        assert snr_db == pytest.approx(10)
        # a peak too high for the converter turns speech and noise down together
        gain = float(np.dot(made, clean) / np.dot(clean, clean))
        left = made / gain - clean
        ratios.append(20 * math.log10(level(clean) / float(np.sqrt(np.mean(np.square(left))))))
    assert np.median(ratios) == pytest.approx(10, abs=1.0)


def test_gain_sets_the_level(sentence: Pcm) -> None:
    quiet = replace(QUIET_LINE, gain_db=(-20, -20))
    levels = [
        level(record(np.random.default_rng(seed), sentence, quiet, [])[0]) for seed in range(9)
    ]
    # a microphone's colour, drawn for some recordings, moves the level a little
    assert np.median(levels) == pytest.approx(SPEECH_LEVEL / 10, rel=0.15)


def test_nothing_clips_unless_clipping_is_meant(sentence: Pcm) -> None:
    loud = replace(QUIET_LINE, gain_db=(30, 30))
    made, _ = record(np.random.default_rng(0), sentence, loud, [])
    assert 0.9 < np.abs(made).max() < 0.99
    clipped, _ = record(np.random.default_rng(0), sentence, replace(loud, clip=1.0), [])
    assert np.mean(np.abs(clipped) > 0.99) > 0.001


def test_without_speech_there_is_noise_and_the_ratio_says_so() -> None:
    nothing = np.zeros(RATE, dtype=np.float32)
    made, snr_db = record(np.random.default_rng(1), nothing, CLEAN, [])
    assert snr_db == -math.inf
    assert made.std() > 1e-4


def test_the_same_seed_gives_the_same_recording(sentence: Pcm) -> None:
    for seed in range(6):
        first, _ = record(np.random.default_rng(seed), sentence, HARD, [sentence])
        again, _ = record(np.random.default_rng(seed), sentence, HARD, [sentence])
        assert np.array_equal(first, again)
        assert np.isfinite(first).all()
        assert np.abs(first).max() < 1.5  # the codec may overshoot a little


def test_a_narrow_line_has_no_high_sounds(sentence: Pcm) -> None:
    random = np.random.default_rng(0)
    for _ in range(6):
        spectrum = np.abs(np.fft.rfft(band_limit(random, sentence)))
        hertz = np.fft.rfftfreq(sentence.size, 1 / RATE)
        assert spectrum[hertz > 7600].max() < 0.01 * spectrum.max()
