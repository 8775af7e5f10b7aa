"""The call's line: in step with what went in, and silent only where packets were lost."""

from itertools import pairwise

import numpy as np
import pytest

from visavis.models.training.codec import (
    PACKET,
    burst_loss,
    opus_round_trip,
    telephone_round_trip,
)
from visavis.models.training.dsp import Pcm, level
from visavis.models.training.speech import flite


@pytest.fixture(scope="module")
def sentence() -> Pcm:
    return flite("how many green squares are there", "awb")


@pytest.mark.parametrize("bits_per_second", [8_000, 16_000, 32_000])
def test_what_comes_out_is_in_step_with_what_went_in(sentence: Pcm, bits_per_second: int) -> None:
    heard = opus_round_trip(sentence, bits_per_second)
    assert heard.shape == sentence.shape
    likeness = np.correlate(heard, sentence, "full")
    shift = int(np.argmax(likeness)) - sentence.size + 1
    assert abs(shift) <= 16  # a millisecond
    assert level(heard) == pytest.approx(level(sentence), rel=0.2)


def test_a_long_gap_fades_to_silence_and_the_rest_is_heard(sentence: Pcm) -> None:
    lost = [40 <= packet < 60 for packet in range(200)]
    heard = opus_round_trip(sentence, 24_000, lost)
    assert heard.shape == sentence.shape
    assert not np.abs(heard[45 * PACKET : 58 * PACKET]).max() > 1e-3
    assert level(heard[: 38 * PACKET]) > 0.5 * level(sentence[: 38 * PACKET])
    assert level(heard[64 * PACKET :]) > 0.5 * level(sentence[64 * PACKET :])


def test_losses_come_in_bursts_at_the_rate_asked() -> None:
    lost = burst_loss(np.random.default_rng(0), 100_000, 0.05)
    assert np.mean(lost) == pytest.approx(0.05, rel=0.1)
    bursts = sum(now and not before for before, now in pairwise(lost))
    assert sum(lost) / bursts == pytest.approx(2.0, rel=0.1)


def test_a_clean_line_loses_nothing() -> None:
    assert not any(burst_loss(np.random.default_rng(0), 1000, 0.0))


def test_a_telephone_line_is_in_step_narrow_and_a_little_coarse(sentence: Pcm) -> None:
    heard = telephone_round_trip(sentence)
    assert heard.shape == sentence.shape
    likeness = np.correlate(heard, sentence, "full")
    assert abs(int(np.argmax(likeness)) - sentence.size + 1) <= 16
    spectrum = np.abs(np.fft.rfft(heard)) ** 2
    hertz = np.fft.rfftfreq(heard.size, 1 / 16_000)
    assert spectrum[hertz > 4000].sum() < 1e-4 * spectrum.sum()
    assert spectrum[hertz < 150].sum() < 1e-2 * spectrum.sum()
    lost = [20 <= packet < 40 for packet in range(60)]
    broken = telephone_round_trip(sentence, lost)
    assert np.abs(broken[22 * PACKET : 38 * PACKET]).max() < 1e-2
    assert np.abs(broken[: 18 * PACKET] - heard[: 18 * PACKET]).max() < 1e-2
