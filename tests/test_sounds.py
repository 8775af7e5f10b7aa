"""What sounds are called, and which of them count."""

from __future__ import annotations

import pytest

from visavis.runtime.sounds import GAP, MARGIN, MOST, Loudness, Pitch, Refusal, Sound, SoundKind
from visavis.runtime.sounds import SoundRules as Rules

SECOND = 16_000


def beep(start_s: float, length_s: float = 0.2) -> Sound:
    start = round(start_s * SECOND)
    end = start + round(length_s * SECOND)
    return Sound(SoundKind.BEEP, Loudness.LOUD, Pitch.HIGH, start, end)


@pytest.mark.parametrize(
    ("kind", "level", "pitch", "words"),
    [
        (SoundKind.BEEP, Loudness.LOUD, Pitch.HIGH, "loud high beep"),
        (SoundKind.HUM, Loudness.LOUD, Pitch.LOW, "loud low hum"),
        (SoundKind.WHISTLE, Loudness.SOFT, Pitch.LOW, "soft low whistle"),
        (SoundKind.CLAP, Loudness.SOFT, None, "soft clap"),
    ],
)
def test_words_come_as_level_pitch_kind(
    kind: SoundKind, level: Loudness, pitch: Pitch | None, words: str
) -> None:
    assert Sound(kind, level, pitch, 0, 1).words == words


def test_a_sound_in_silence_counts() -> None:
    assert Rules().judge(beep(1), None, is_playing=False) is None


def test_what_may_be_our_own_voice_does_not() -> None:
    assert Rules().judge(beep(1), None, is_playing=True) is Refusal.OWN_VOICE


def test_a_sound_over_speech_does_not_and_one_in_a_pause_does() -> None:
    rules = Rules()
    assert rules.judge(beep(1), (0, 2 * SECOND), is_playing=False) is Refusal.SPEECH
    # Speech from 0 to 0.9 s, then a pause in which it beeps.
    assert rules.judge(beep(1), (0, round(0.9 * SECOND)), is_playing=False) is None


def test_what_the_vad_takes_for_speech_may_be_the_sound_itself() -> None:
    rules = Rules()
    voice = (SECOND, round(1.2 * SECOND) + MARGIN)
    assert rules.judge(beep(1), voice, is_playing=False) is None
    assert rules.is_only_sound(*voice)
    assert not rules.is_only_sound(SECOND, voice[1] + 1)  # somebody went on
    assert not rules.is_only_sound(SECOND - MARGIN - 1, voice[1])  # somebody spoke before


def test_sounds_in_a_row_may_be_one_stretch_of_voice() -> None:
    rules = Rules()
    for at in (1.0, 1.5, 2.0):
        voice = (SECOND, round((at + 0.2) * SECOND))
        assert rules.judge(beep(at), voice, is_playing=False) is None
    assert rules.is_only_sound(SECOND, round(2.2 * SECOND))
    late = beep(2.2 + GAP / SECOND + 0.1)
    assert rules.judge(late, (SECOND, late.end_pts), is_playing=False) is Refusal.SPEECH


def test_an_alarm_is_told_so_often_a_minute_and_no_more() -> None:
    rules = Rules()
    told = [rules.judge(beep(at), None, is_playing=False) for at in range(MOST + 4)]
    assert told == [None] * MOST + [Refusal.TOO_MANY] * 4
    assert rules.judge(beep(60.0), None, is_playing=False) is None
    assert rules.judge(beep(60.5), None, is_playing=False) is Refusal.TOO_MANY


def test_without_any_sound_speech_is_speech() -> None:
    assert not Rules().is_only_sound(0, SECOND)
