"""A person on a virtual clock, with an agent that counts instead of thinking."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.latency_bench.clips import Clip, clip
from visavis.latency_bench.endless import LoudnessVad
from visavis.latency_bench.observed import Observed
from visavis.latency_bench.script import Kind, Turn
from visavis.latency_bench.virtual import Said, VirtualCall, VirtualPerson
from visavis.models.echo import EchoStepper
from visavis.runtime.frames import SPEAKING_RATE, Pcm
from visavis.runtime.settings import Settings, TurnSettings

VOICE = "a tone"
LONG, SHORT = "a long question", "mhm"
SECONDS = {LONG: 1.4, SHORT: 0.4}


def tone(seconds: float) -> Pcm:
    at = np.arange(round(seconds * SPEAKING_RATE)) / SPEAKING_RATE
    return (8_000 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)


def clips(turns: list[Turn]) -> dict[Said, Clip]:
    found: dict[Said, Clip] = {}
    for turn in turns:
        for parts, pauses in ((turn.parts, turn.pauses_ms), (turn.opener, ())):
            if parts:
                made = clip([tone(SECONDS[part]) for part in parts], pauses)
                found[VOICE, parts, pauses] = made
    return found


def observed(*turns: Turn, settings: TurnSettings | None = None) -> list[Observed]:
    call = VirtualCall(EchoStepper(1), LoudnessVad, Settings(turn=settings or TurnSettings()))
    done: list[int] = []
    record = VirtualPerson(call, turns, clips(list(turns))).talk(done.append)
    assert record.problems == [] and len(done) == len(turns)
    return record.turns


def turn(kind: Kind, *parts: str, pauses: tuple[int, ...] = (), noise: str = "") -> Turn:
    opener = (LONG,) if kind in (Kind.BARGE_IN, Kind.BACK_CHANNEL, Kind.NOISE) else ()
    return Turn(
        kind=kind,
        parts=parts,
        pauses_ms=pauses,
        opener=opener,
        after_ms=400,
        noise=noise,
        voice=VOICE,
    )


def test_a_question_is_answered_after_the_silence_the_rules_ask_for() -> None:
    eager = TurnSettings().eager_silence_ms
    (seen,) = observed(turn(Kind.PLAIN, LONG))
    assert seen.is_answered and not seen.is_cut_in
    assert seen.fto_ms is not None and eager <= seen.fto_ms <= eager + 3 * 32 + 10


def test_who_is_always_sure_cuts_into_pauses_that_a_patient_agent_waits_for() -> None:
    asked = turn(Kind.PAUSED, LONG, LONG, pauses=(350,))
    assert observed(asked)[0].is_cut_in
    patient = TurnSettings(eager_silence_ms=480, unsure_silence_ms=640)
    (seen,) = observed(asked, settings=patient)
    assert not seen.is_cut_in and seen.is_answered


def test_a_barge_in_stops_the_sound_at_once_and_is_answered() -> None:
    (seen,) = observed(turn(Kind.BARGE_IN, LONG))
    assert seen.is_answered and not seen.is_missed_stop and not seen.is_void
    assert seen.stop_ms is not None and 0 < seen.stop_ms <= 150


@pytest.mark.parametrize("kind", [Kind.BACK_CHANNEL, Kind.NOISE])
def test_what_is_no_interruption_stops_the_sound_and_it_goes_on(kind: Kind) -> None:
    asked = turn(kind, SHORT) if kind is Kind.BACK_CHANNEL else turn(kind, noise="throat")
    (seen,) = observed(asked)
    assert not seen.is_false_stop and not seen.is_void
    silence = TurnSettings().resume_silence_ms
    assert seen.resume_ms is not None and silence - 64 <= seen.resume_ms <= silence + 3 * 32


def test_the_same_turns_are_the_same_figures() -> None:
    turns = (turn(Kind.PLAIN, LONG), turn(Kind.BACK_CHANNEL, SHORT), turn(Kind.BARGE_IN, LONG))
    assert observed(*turns) == observed(*turns)
