"""Onset, hysteresis and silence, window by window."""

from __future__ import annotations

from visavis.runtime.frames import WINDOW
from visavis.runtime.settings import AudioSettings
from visavis.runtime.speech_gate import SpeechGate


def feed(gate: SpeechGate, *probabilities: float, is_playing: bool = False) -> list[bool]:
    return [gate.feed(gate.pts + WINDOW, p, is_playing=is_playing) for p in probabilities]


def test_one_voiced_window_is_not_speech() -> None:
    gate = SpeechGate(AudioSettings(onset_windows=3))
    assert feed(gate, 0.9, 0.9, 0.1, 0.9, 0.9, 0.9) == [False] * 5 + [True]
    assert gate.start_pts == 3 * WINDOW
    assert gate.voiced == 3 * WINDOW


def test_a_doubtful_window_does_not_break_an_onset() -> None:
    gate = SpeechGate(AudioSettings())
    assert feed(gate, 0.9, 0.4, 0.9) == [False, False, True]
    assert gate.start_pts == 0


def test_silence_is_counted_from_the_last_voiced_sample() -> None:
    gate = SpeechGate(AudioSettings())
    feed(gate, 0.9, 0.9, 0.4, 0.2, 0.4)
    assert gate.end_pts == 3 * WINDOW  # 0.4 keeps speech going, but does not resume it
    assert gate.silence == 2 * WINDOW
    assert gate.silence_ms == 64
    assert not gate.is_voiced
    feed(gate, 0.9)
    assert gate.silence == 0
    assert gate.is_voiced


def test_lost_windows_count_as_the_time_they_took() -> None:
    gate = SpeechGate(AudioSettings())
    feed(gate, 0.9, 0.9)
    gate.feed(gate.pts + 10 * WINDOW, 0.0)
    assert gate.silence == 10 * WINDOW


def test_an_old_window_is_ignored() -> None:
    gate = SpeechGate(AudioSettings())
    feed(gate, 0.9, 0.9)
    assert not gate.feed(WINDOW, 0.0)
    assert gate.is_voiced


def test_while_playing_more_is_needed() -> None:
    gate = SpeechGate(AudioSettings())
    assert feed(gate, 0.6, 0.6, 0.6, is_playing=True) == [False] * 3
    assert feed(gate, 0.8, 0.8, is_playing=True) == [False, True]


def test_reset_waits_for_the_next_onset() -> None:
    gate = SpeechGate(AudioSettings())
    feed(gate, 0.9, 0.9)
    gate.reset()
    assert gate.silence == 0
    assert feed(gate, 0.9, 0.9) == [False, True]
