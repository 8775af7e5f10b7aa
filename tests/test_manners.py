"""When a person takes the floor again."""

from __future__ import annotations

import numpy as np

from visavis.latency_bench.ears import Ears
from visavis.latency_bench.manners import QUIET_S, SECOND_THOUGHT_S, is_answered, is_silent
from visavis.latency_bench.observed import Told
from visavis.runtime.frames import AudioChunk


def heard(until: float) -> Ears:
    ears = Ears()
    ears.hear(AudioChunk(np.full(320, 3000, np.int16), 0, until - 0.02))
    return ears


def answered(created: float, over: float | None) -> Told:
    told = Told()
    told.take({"type": "response.created", "response": {"id": "r"}}, created)
    if over is not None:
        told.take({"type": "output_audio_buffer.stopped", "response_id": "r"}, over)
    return told


def test_an_answer_is_waited_for_to_its_end_and_a_little_quiet() -> None:
    assert not is_answered(Told(), Ears(), 1.0, 2.0, 3.0)
    assert not is_answered(answered(2.2, None), heard(3.0), 1.0, 2.0, 9.0)
    told = answered(2.2, 3.0)
    assert not is_answered(told, heard(3.0), 1.0, 2.0, 3.0 + QUIET_S - 0.01)
    assert is_answered(told, heard(3.0), 1.0, 2.0, 3.0 + QUIET_S)


def test_an_answer_to_half_a_question_may_be_followed_by_another() -> None:
    told = answered(1.5, 1.8)
    assert not is_answered(told, heard(1.8), 1.0, 2.0, 2.0 + SECOND_THOUGHT_S - 0.1)
    assert is_answered(told, heard(1.8), 1.0, 2.0, 2.0 + SECOND_THOUGHT_S)


def test_silence_is_after_every_answer() -> None:
    assert is_silent(Told(), Ears(), 1.0)
    assert not is_silent(answered(1.0, None), Ears(), 9.0)
    assert not is_silent(answered(1.0, 2.0), heard(2.0), 2.1)
    assert is_silent(answered(1.0, 2.0), heard(2.0), 2.0 + QUIET_S)
