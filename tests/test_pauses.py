"""Voice activity of one utterance: where somebody spoke last, and whether they have paused."""

from __future__ import annotations

import numpy as np

from visavis.models.transcribers.pauses import Pauses, Samples
from visavis.runtime.frames import WINDOW


def loud(window: Samples) -> float:
    return float(np.abs(window).mean())


def level(value: float, windows: float) -> Samples:
    return np.full(round(WINDOW * windows), value, np.float32)


def test_a_pause_is_silence_after_speech() -> None:
    pauses = Pauses(1000, loud, pause=3 * WINDOW)
    pauses.push(level(0.0, 5))
    assert not pauses.has_voice and not pauses.is_pause_after(1000)
    pauses.push(level(0.9, 4))
    assert pauses.voiced_end == 1000 + 9 * WINDOW
    pauses.push(level(0.0, 2))
    assert not pauses.is_pause_after(1000)
    pauses.push(level(0.0, 1))
    assert pauses.is_pause_after(1000)
    assert not pauses.is_pause_after(pauses.voiced_end)


def test_speech_goes_on_down_to_the_lower_threshold() -> None:
    pauses = Pauses(0, loud, pause=WINDOW)
    pauses.push(level(0.4, 2))
    assert not pauses.has_voice
    pauses.push(level(0.6, 1))
    pauses.push(level(0.4, 2))
    assert pauses.voiced_end == 5 * WINDOW
    pauses.push(level(0.2, 1))
    pauses.push(level(0.4, 1))
    assert pauses.voiced_end == 5 * WINDOW


def test_the_size_of_the_parts_does_not_matter() -> None:
    audio = np.concatenate([level(0.0, 2), level(0.9, 3), level(0.0, 4.5)])
    whole, parts = (Pauses(0, loud, pause=4 * WINDOW) for _ in range(2))
    whole.push(audio)
    for at in range(0, len(audio), 160):
        parts.push(audio[at : at + 160])
    assert parts.voiced_end == whole.voiced_end == 5 * WINDOW
    assert parts.is_pause_after(0) and whole.is_pause_after(0)
