"""Virtual speakers: what is asked to change changes, and the rest stays."""

import numpy as np
import pytest

from visavis.models.training.dsp import RATE, Pcm
from visavis.models.training.speakers import Speaker, analyse, resynthesise
from visavis.models.training.speech import flite

SENTENCE = "where is the big yellow star"


@pytest.fixture(scope="module")
def voice() -> Pcm:
    return flite(SENTENCE, "slt")


def pitch_of(audio: Pcm) -> float:
    pitch = analyse(audio).pitch
    return float(pitch[pitch > 0].mean())


def brightness(audio: Pcm) -> float:
    """Where the middle of the energy lies, in hertz."""
    power = np.square(np.abs(np.fft.rfft(audio)))
    return float(np.sum(power * np.fft.rfftfreq(audio.size, 1 / RATE)) / np.sum(power))


def test_pitch_moves_without_length(voice: Pcm) -> None:
    higher = resynthesise(analyse(voice), Speaker(pitch=1.5))
    assert pitch_of(higher) == pytest.approx(1.5 * pitch_of(voice), rel=0.1)
    assert higher.size == pytest.approx(voice.size, rel=0.02)


def test_tempo_moves_without_pitch(voice: Pcm) -> None:
    faster = resynthesise(analyse(voice), Speaker(tempo=1.25))
    assert faster.size == pytest.approx(voice.size / 1.25, rel=0.02)
    assert pitch_of(faster) == pytest.approx(pitch_of(voice), rel=0.1)


def test_formants_move_without_pitch(voice: Pcm) -> None:
    parts = analyse(voice)
    longer, shorter = (resynthesise(parts, Speaker(formants=by)) for by in (0.8, 1.25))
    assert brightness(shorter) > 1.15 * brightness(longer)
    assert pitch_of(shorter) == pytest.approx(pitch_of(longer), rel=0.1)


def test_breath_makes_voiced_sounds_less_regular(voice: Pcm) -> None:
    parts = analyse(voice)
    voiced = parts.pitch > 0
    breathy = analyse(resynthesise(parts, Speaker(breath=0.5)))
    both = voiced[: breathy.pitch.size] & (breathy.pitch[: voiced.size] > 0)
    assert (
        breathy.aperiodicity[: both.size][both].mean()
        > parts.aperiodicity[: both.size][both].mean()
    )


def test_wobble_follows_its_seed(voice: Pcm) -> None:
    parts = analyse(voice)
    first, again, other = (
        resynthesise(parts, Speaker(wobble=0.05, seed=seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
