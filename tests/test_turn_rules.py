"""What turn_detection means for our turn-taking."""

from __future__ import annotations

import pytest
from runtime_fakes import turn_settings

from visavis.runtime.events import Head
from visavis.runtime.realtime_config import SemanticVad, ServerVad
from visavis.runtime.settings import AudioSettings
from visavis.runtime.turn_rules import (
    EAGER_FACTOR,
    MAX_TIMEOUT_MS,
    PATIENT_FACTOR,
    TurnRules,
    needed_ms,
    patience_factor,
    patient,
    turn_rules,
)

TURNS, AUDIO = turn_settings(), AudioSettings()


def test_the_operators_patience_is_the_middle() -> None:
    for eagerness in ("auto", "medium"):
        assert turn_rules(TURNS, AUDIO, SemanticVad(eagerness=eagerness)) == TurnRules(TURNS, AUDIO)


def test_more_eager_is_less_patient_within_the_published_limits() -> None:
    high = turn_rules(TURNS, AUDIO, SemanticVad(eagerness="high")).turns
    low = turn_rules(TURNS, AUDIO, SemanticVad(eagerness="low")).turns
    for name in ("eager_silence_ms", "unsure_silence_ms", "patient_silence_ms"):
        assert getattr(high, name) < getattr(TURNS, name) < getattr(low, name)
    slow = turn_settings(patient_silence_ms=9_000)
    for eagerness in ("high", "low"):
        rules = turn_rules(slow, AUDIO, SemanticVad(eagerness=eagerness))
        assert rules.turns.patient_silence_ms <= MAX_TIMEOUT_MS[eagerness]


def test_patience_goes_in_even_ratios_from_eager_to_patient() -> None:
    assert patience_factor(0.0) == EAGER_FACTOR
    assert patience_factor(0.5) == 1.0
    assert patience_factor(1.0) == PATIENT_FACTOR
    factors = [patience_factor(step / 8) for step in range(9)]
    assert factors == sorted(factors)
    assert factors[1] / factors[0] == pytest.approx(factors[2] / factors[1])
    silences = [patient(TURNS, step / 8).patient_silence_ms for step in range(9)]
    assert silences == sorted(silences) and len(set(silences)) == 9


@pytest.mark.parametrize("patience", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_the_silences_keep_their_order_at_every_patience(patience: float) -> None:
    turns = patient(TURNS, patience)
    assert (
        turns.probe_silence_ms
        <= turns.eager_silence_ms
        <= turns.unsure_silence_ms
        <= turns.patient_silence_ms
    )


def test_the_operators_patience_holds_until_a_client_names_another() -> None:
    slow = turn_settings(patience=1.0)
    auto = turn_rules(slow, AUDIO, SemanticVad()).turns
    assert auto.eager_silence_ms == round(TURNS.eager_silence_ms * PATIENT_FACTOR)
    assert turn_rules(slow, AUDIO, SemanticVad(eagerness="medium")).turns == slow
    high = turn_rules(slow, AUDIO, SemanticVad(eagerness="high")).turns
    assert high.eager_silence_ms == round(TURNS.eager_silence_ms * EAGER_FACTOR)


def test_the_silence_that_is_needed_follows_from_what_the_model_makes_of_the_words() -> None:
    assert needed_ms(TURNS, Head.ANSWER, TURNS.sure) == TURNS.eager_silence_ms
    assert needed_ms(TURNS, Head.ANSWER, TURNS.sure - 0.01) == TURNS.unsure_silence_ms
    assert needed_ms(TURNS, Head.WAIT, 0.5) == TURNS.patient_silence_ms
    assert needed_ms(TURNS, Head.SILENT, 1.0) == TURNS.patient_silence_ms


@pytest.mark.parametrize("silence_ms", [0, 32, 200, 500, 5_000])
def test_server_vad_is_silence_alone(silence_ms: int) -> None:
    turns = turn_rules(TURNS, AUDIO, ServerVad(silence_duration_ms=silence_ms)).turns
    assert turns.probe_silence_ms <= turns.eager_silence_ms
    assert turns.eager_silence_ms == turns.unsure_silence_ms == turns.patient_silence_ms
    assert turns.eager_silence_ms == max(32, silence_ms)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.9, 1.0])
def test_the_threshold_keeps_its_hysteresis(threshold: float) -> None:
    audio = turn_rules(TURNS, AUDIO, ServerVad(threshold=threshold)).audio
    assert 0 < audio.vad_off < audio.vad_on <= audio.vad_on_playing < 1


def test_the_rest_is_taken_over() -> None:
    wish = ServerVad(
        create_response=False,
        interrupt_response=False,
        prefix_padding_ms=100,
        idle_timeout_ms=6_000,
    )
    rules = turn_rules(TURNS, AUDIO, wish)
    assert (rules.creates, rules.interrupts, rules.is_semantic) == (False, False, False)
    assert (rules.prefix, rules.idle_s) == (1_600, 6.0)
    assert not turn_rules(TURNS, AUDIO, None).listens
