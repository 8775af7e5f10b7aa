"""The synthesisers speak: each is heard, obeys its manner, and explains its refusals."""

import ctypes
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.models.training import speech
from visavis.models.training.dsp import RATE, Pcm
from visavis.models.training.speakers import analyse
from visavis.models.training.speech import (
    EngineError,
    FestivalLine,
    Manner,
    espeak,
    espeak_pcm,
    festival,
    flite,
    flite_pcm,
    spell_for_engines,
)

QUESTION = "what colour is the circle on the left"


def mean_pitch(audio: Pcm) -> float:
    pitch = analyse(audio).pitch
    return float(pitch[pitch > 0].mean())


def assert_is_speech(audio: NDArray[np.int16]) -> None:
    assert audio.dtype == np.int16
    assert 1.0 < audio.size / RATE < 4.0
    assert np.abs(audio.astype(np.int32)).max() > 3000


@pytest.mark.parametrize("voice", ["en-us", "en", "en-gb-scotland+f3", "en-029+klatt2"])
def test_espeak_speaks(voice: str) -> None:
    assert_is_speech(espeak_pcm(QUESTION, voice))


def test_espeak_says_the_same_twice() -> None:
    first = espeak_pcm(QUESTION, "en-us+klatt4", 160, 40)
    espeak_pcm("something else in between", "en-gb-x-rp+f2", 220, 70)
    assert np.array_equal(first, espeak_pcm(QUESTION, "en-us+klatt4", 160, 40))


def test_espeak_obeys_rate_and_pitch() -> None:
    assert espeak_pcm(QUESTION, rate=240).size < 0.8 * espeak_pcm(QUESTION, rate=140).size
    assert mean_pitch(espeak(QUESTION, pitch=80)) > 1.2 * mean_pitch(espeak(QUESTION, pitch=20))


def test_every_accent_and_variant_is_known() -> None:
    for accent in speech.ESPEAK_ACCENTS:
        assert espeak_pcm("yes", accent).size > RATE / 10
    for variant in speech.ESPEAK_VARIANTS:
        assert espeak("yes", f"en-us+{variant}").size > RATE / 10


def test_espeak_names_the_voice_it_does_not_have() -> None:
    with pytest.raises(EngineError, match="no voice 'tlh-moon'.*'en-us'"):
        espeak_pcm("hello", "tlh-moon")


@pytest.mark.parametrize("voice", [*speech.FLITE_VOICES, speech.UNSEEN_FLITE_VOICE])
def test_flite_speaks(voice: str) -> None:
    assert_is_speech(flite_pcm(QUESTION, voice))


def test_flite_obeys_its_manner() -> None:
    plain = flite(QUESTION, "slt")
    higher = flite(QUESTION, "slt", Manner(pitch=1.3))
    faster = flite(QUESTION, "slt", Manner(tempo=1.3))
    shorter_throat = flite(QUESTION, "slt", Manner(warp=1.2))
    assert mean_pitch(higher) == pytest.approx(1.3 * mean_pitch(plain), rel=0.05)
    assert faster.size == pytest.approx(plain.size / 1.3, rel=0.05)
    assert shorter_throat.size == pytest.approx(plain.size, rel=0.05)
    assert mean_pitch(shorter_throat) == pytest.approx(mean_pitch(plain), rel=0.05)
    assert np.array_equal(plain, flite(QUESTION, "slt"))  # nothing of a manner stays behind


def test_flite_names_the_voice_it_does_not_have() -> None:
    with pytest.raises(EngineError, match="no voice 'hal': use one of kal, kal16, awb, slt, rms"):
        flite_pcm("hello", "hal")


def test_without_flite_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *_: Any, **__: Any) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(EngineError, match="apt-get install flite"):
        speech._Flite()  # pyright: ignore[reportPrivateUsage]


def test_festival_speaks_in_the_order_asked_and_obeys() -> None:
    lines = [
        FestivalLine(QUESTION, "ked_diphone"),
        FestivalLine("yes", "kal_diphone"),
        FestivalLine(QUESTION, "cmu_us_slt_arctic_hts", Manner(tempo=1.25)),
        FestivalLine(QUESTION, "ked_diphone", Manner(pitch=1.3)),
        FestivalLine(QUESTION, "cmu_us_slt_arctic_hts"),
        FestivalLine('she said "stop" \\ twice', "kal_diphone"),
    ]
    plain, short, fast, high, unhurried, quoted = festival(lines)
    assert short.size < plain.size / 2
    assert mean_pitch(high) == pytest.approx(1.3 * mean_pitch(plain), rel=0.05)
    assert fast.size == pytest.approx(unhurried.size / 1.25, rel=0.05)
    assert quoted.size > short.size


def test_festival_says_nothing_when_asked_nothing() -> None:
    assert festival([]) == []


def test_festival_names_the_voice_it_does_not_have() -> None:
    with pytest.raises(EngineError, match=r"'hal' is not one of kal_diphone"):
        festival([FestivalLine("hello", "hal")])


def test_without_festival_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match="apt-get install festival"):
        festival([FestivalLine("hello", "kal_diphone")])


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("is this the letter a", "is this the letter A"),
        ("is there a b on a card", "is there a B on a card"),
        ("what number am i holding", "what number am I holding"),
    ],
)
def test_letters_are_read_by_their_names(text: str, spoken: str) -> None:
    assert spell_for_engines(text) == spoken
