"""Which windows the encoder hears."""

from __future__ import annotations

import numpy as np

from visavis.models.hearing import NOTHING, Hear, HearingGate, HearingSettings
from visavis.models.windows import Window
from visavis.runtime.frames import WINDOW

SETTINGS = HearingSettings(preroll=3, hangover=4)
SILENCE, MAYBE, SPEECH = 0.05, 0.4, 0.9


def window(number: int) -> Window:
    return Window(np.zeros(WINDOW, np.float32), (number + 1) * WINDOW, 0.0, 0.0)


class Track:
    """Feeds a gate window after window."""

    def __init__(self) -> None:
        self.gate = HearingGate(SETTINGS)
        self.number = 0
        self.has_shadow = False

    def hear(self, *levels: float) -> list[Hear]:
        out: list[Hear] = []
        for level in levels:
            out.append(self.gate.add(window(self.number), level, self.has_shadow))
            self.number += 1
        return out

    def numbers(self, *levels: float) -> list[int]:
        return [n for hear in self.hear(*levels) for n in numbers(hear)]


def numbers(hear: Hear) -> list[int]:
    return [w.end // WINDOW - 1 for w in hear.windows]


def test_silence_is_not_encoded() -> None:
    assert Track().hear(*[SILENCE] * 20) == [NOTHING] * 20


def test_an_onset_opens_an_utterance_with_what_came_just_before() -> None:
    track = Track()
    track.hear(*[SILENCE] * 10)
    (onset,) = track.hear(MAYBE)
    assert onset.opens
    assert numbers(onset) == [7, 8, 9, 10]
    assert track.numbers(SPEECH, SILENCE) == [11, 12]


def test_a_pause_within_the_hangover_is_encoded_and_a_longer_one_ends_it() -> None:
    track = Track()
    assert track.numbers(SPEECH, *[SILENCE] * 4, SPEECH) == [0, 1, 2, 3, 4, 5]
    assert track.numbers(*[SILENCE] * 9) == [6, 7, 8, 9]


def test_speech_after_a_pause_goes_on_in_the_same_utterance_and_nothing_is_heard_twice() -> None:
    track = Track()
    track.numbers(SPEECH, *[SILENCE] * 6)
    (again,) = track.hear(SPEECH)
    assert not again.opens
    assert numbers(again) == [5, 6, 7]


def test_a_shadow_keeps_the_encoder_listening() -> None:
    track = Track()
    track.hear(SPEECH)
    track.has_shadow = True
    track.gate.begin()
    assert track.numbers(*[SILENCE] * 10) == list(range(1, 11))
    track.has_shadow = False
    track.gate.retract()
    assert track.numbers(SILENCE) == []


def test_after_a_commit_the_next_onset_opens_and_does_not_reach_into_the_question() -> None:
    track = Track()
    track.hear(SPEECH, SPEECH)
    track.gate.begin()
    track.hear(SILENCE)
    assert track.gate.close_utterance() == NOTHING
    (onset,) = track.hear(SPEECH)
    assert onset.opens
    assert numbers(onset) == [2, 3]


def test_speech_under_way_at_the_commit_opens_at_once() -> None:
    track = Track()
    track.hear(SPEECH, SPEECH, SILENCE)
    track.gate.begin()
    track.hear(SPEECH, SPEECH)
    hear = track.gate.close_utterance()
    assert hear.opens
    assert numbers(hear) == [3, 4]
    assert track.numbers(SPEECH) == [5]


def test_the_tail_of_the_question_itself_opens_nothing() -> None:
    track = Track()
    track.hear(SPEECH, SPEECH)
    track.gate.begin()
    assert track.gate.close_utterance() == NOTHING


def test_what_was_retracted_stays_with_the_utterance() -> None:
    track = Track()
    track.hear(SPEECH)
    track.gate.begin()
    track.hear(SPEECH)
    track.gate.retract()
    track.hear(SILENCE)
    track.gate.begin()
    assert track.gate.close_utterance() == NOTHING


def test_speech_under_way_when_noise_is_forgotten_is_not_lost() -> None:
    track = Track()
    track.hear(MAYBE, MAYBE, SPEECH)
    hear = track.gate.close_utterance()
    assert hear.opens
    assert numbers(hear) == [0, 1, 2]


def test_what_never_surely_was_speech_is_forgotten_by_itself() -> None:
    track = Track()
    heard = track.hear(MAYBE, *[SILENCE] * 5)
    assert heard[-1] == Hear(forgets=True, pts=6 * WINDOW)
    (onset,) = track.hear(SPEECH)
    assert onset.opens


def test_a_question_may_be_over_when_silence_just_began() -> None:
    track = Track()
    track.hear(SPEECH)
    assert not track.gate.may_be_over
    track.hear(SILENCE)
    assert track.gate.may_be_over
    track.hear(*[SILENCE] * 5)
    assert not track.gate.may_be_over
    noise = Track()
    noise.hear(MAYBE, SILENCE)
    assert not noise.gate.may_be_over


def test_one_sure_window_is_enough_to_keep_it() -> None:
    track = Track()
    assert not any(hear.forgets for hear in track.hear(MAYBE, SPEECH, *[SILENCE] * 9))
    assert track.gate.has_utterance
