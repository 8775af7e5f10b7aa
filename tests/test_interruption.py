"""What speech during an answer is taken for."""

from __future__ import annotations

import pytest

from visavis.runtime.interruption import Verdict, stopping_ms, verdict
from visavis.runtime.settings import TurnSettings

TURNS = TurnSettings(confirm_ms=700, resume_silence_ms=200)


@pytest.mark.parametrize(
    "text", ["what colour", "stop", "No.", "wait", "Mhm, what is that", "你好"]
)
def test_words_that_say_something_are_a_turn_at_once(text: str) -> None:
    assert verdict(text, 200, 0, TURNS) is Verdict.TURN


@pytest.mark.parametrize(
    "text", ["", "mhm", "Uh-huh.", "yeah, right", "I see", "r", "at the", "of heart"]
)
def test_a_nod_or_what_noise_is_taken_for_waits_and_is_nothing(text: str) -> None:
    assert verdict(text, 400, 0, TURNS) is Verdict.OPEN
    assert verdict(text, 400, 199, TURNS) is Verdict.OPEN
    assert verdict(text, 400, 200, TURNS) is Verdict.NOTHING


def test_a_long_voice_is_a_turn_and_a_long_nod_has_twice_as_long() -> None:
    assert verdict("", 700, 0, TURNS) is Verdict.TURN
    assert verdict("the", 700, 0, TURNS) is Verdict.TURN
    assert verdict("mhm", 700, 0, TURNS) is Verdict.OPEN
    assert verdict("mhm", 1400, 0, TURNS) is Verdict.TURN


def test_what_a_listener_says_is_a_setting() -> None:
    german = TurnSettings(back_channels=("genau",), telling_letters=6)
    assert verdict("genau", 200, 0, german) is Verdict.OPEN
    assert verdict("exactly", 200, 0, german) is Verdict.TURN


def test_how_many_letters_tell_is_a_setting() -> None:
    assert verdict("home", 200, 0, TurnSettings(telling_letters=4)) is Verdict.TURN


def test_after_stops_for_nothing_more_voice_is_needed() -> None:
    assert [stopping_ms(TURNS, stops) for stops in range(6)] == [64, 64, 128, 256, 256, 256]
