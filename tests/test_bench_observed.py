"""What counts as an answer, a cut-in, a stop: judged from made-up conversations."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.latency_bench.ears import Ears
from visavis.latency_bench.observed import Observed, Told, observe
from visavis.latency_bench.script import Kind, Turn
from visavis.runtime.frames import AudioChunk

SAID = (10.0, 11.0)
"""The person speaks from 10 to 11 s."""


def ears(*spans: tuple[float, float]) -> Ears:
    """The agent is heard in these spans, in packets of 20 ms that come at their time."""
    made = Ears()
    pts = 0
    for start, end in spans:
        for number in range(round((end - start) / 0.02)):
            pcm = np.full(320, 3000, np.int16)
            made.hear(AudioChunk(pcm, pts, start + number * 0.02))
            pts += 320
    return made


def told(*messages: tuple[float, dict[str, object]]) -> Told:
    made = Told()
    for at, message in messages:
        made.take(message, at)
    return made


def created(at: float, name: str = "r1") -> tuple[float, dict[str, object]]:
    return at, {"type": "response.created", "response": {"id": name}}


def said(at: float, text: str, name: str = "r1") -> tuple[float, dict[str, object]]:
    message = {"type": "response.output_audio_transcript.delta", "response_id": name, "delta": text}
    return at, dict[str, object](message)


def done(at: float, name: str = "r1", status: str = "completed") -> tuple[float, dict[str, object]]:
    return at, {"type": "response.done", "response": {"id": name, "status": status}}


def played(at: float, name: str = "r1", how: str = "stopped") -> tuple[float, dict[str, object]]:
    return at, {"type": f"output_audio_buffer.{how}", "response_id": name}


def turn(kind: Kind, *expected: str) -> Turn:
    return Turn(kind=kind, parts=("what colour", "is this"), expected=expected, noise="cough")


def answered(text: str, *expected: str) -> Observed:
    heard = told(created(11.2), said(11.3, text), done(11.4), played(12.0))
    return observe(turn(Kind.PLAIN, *expected), SAID, ears((11.3, 12.0)), heard)


def test_fto_is_from_the_last_sound_said_to_the_first_heard() -> None:
    seen = answered("It is red.")
    assert seen.fto_ms == pytest.approx(300, abs=1)
    assert (seen.is_answered, seen.is_cut_in, seen.is_right) == (True, False, None)


@pytest.mark.parametrize(
    ("text", "is_right"), [("It is red.", True), ("It is reddish.", False), ("", False)]
)
def test_an_answer_is_right_when_it_has_the_word(text: str, is_right: bool) -> None:
    assert answered(text, "red").is_right is is_right


def test_only_audible_sound_counts_and_silence_in_a_packet_is_not_heard() -> None:
    made = Ears()
    pcm = np.zeros(320, np.int16)
    pcm[160:] = 2000
    made.hear(AudioChunk(np.zeros(320, np.int16), 0, 11.0))
    made.hear(AudioChunk(pcm, 320, 11.02))
    assert made.first_after(10.0) == pytest.approx(11.03)


def test_invented_sound_is_not_heard() -> None:
    made = Ears()
    made.hear(AudioChunk(np.full(320, 3000, np.int16), 0, 11.0, concealed=320))
    assert made.first_after(10.0) is None and made.is_silent_for(11.0, 9.0)


def test_packets_that_come_in_one_go_are_heard_one_after_the_other() -> None:
    made = Ears()
    for number in range(5):
        made.hear(AudioChunk(np.full(320, 3000, np.int16), number * 320, 11.0))
    assert made.last_before(99.0) == pytest.approx(11.1)


def test_sound_inside_a_question_is_a_cut_in_and_no_fto() -> None:
    heard = told(created(10.5), done(10.6), played(10.9), created(11.3, "r2"), done(11.4, "r2"))
    seen = observe(turn(Kind.PAUSED), SAID, ears((10.6, 10.9), (11.4, 12.0)), heard)
    assert seen.is_cut_in and seen.fto_ms is None and seen.is_answered


def test_no_answer_is_told() -> None:
    seen = observe(turn(Kind.PLAIN, "red"), SAID, ears(), told())
    assert not seen.is_answered and seen.fto_ms is None and seen.is_right is False


def test_a_barge_in_stops_the_answer_under_way() -> None:
    heard = told(
        created(8.0), done(8.5), played(10.13, how="cleared"), created(11.2, "r2"), done(11.5, "r2")
    )
    seen = observe(turn(Kind.BARGE_IN), SAID, ears((8.2, 10.12), (11.3, 12.0)), heard)
    assert seen.stop_ms == pytest.approx(120, abs=1)
    assert seen.fto_ms == pytest.approx(300, abs=1)
    assert not seen.is_missed_stop and not seen.is_void


def test_an_answer_that_goes_on_is_a_missed_stop() -> None:
    heard = told(created(8.0), done(8.5), played(13.0))
    seen = observe(turn(Kind.BARGE_IN), SAID, ears((8.2, 13.0)), heard)
    assert seen.is_missed_stop and seen.stop_ms is None


def test_an_answer_that_ended_by_itself_proves_nothing() -> None:
    just_over = told(created(8.0), done(8.5), played(10.2))
    seen = observe(turn(Kind.BARGE_IN), SAID, ears((8.2, 10.2)), just_over)
    assert seen.is_void and not seen.is_missed_stop and seen.stop_ms is None
    long_over = told(created(8.0), done(8.5), played(9.0))
    assert observe(turn(Kind.BARGE_IN), SAID, ears((8.2, 9.0)), long_over).is_void


def test_a_cough_that_ends_an_answer_is_a_false_stop() -> None:
    cut = told(created(8.0), done(8.5), played(10.2, how="cleared"))
    assert observe(turn(Kind.NOISE), SAID, ears((8.2, 10.2)), cut).is_false_stop
    whole = told(created(8.0), done(8.5), played(13.0))
    seen = observe(turn(Kind.NOISE), SAID, ears((8.2, 13.0)), whole)
    assert not seen.is_false_stop and not seen.is_void


def test_an_answer_that_goes_on_after_a_nod_says_how_long_that_took() -> None:
    resumed: dict[str, object] = {"type": "visavis.playout.resumed", "response_id": "r1"}
    went_on = told(created(8.0), done(8.5), (11.25, resumed), played(13.0))
    seen = observe(turn(Kind.BACK_CHANNEL), SAID, ears((8.2, 10.1), (11.26, 13.0)), went_on)
    assert not seen.is_false_stop and seen.resume_ms == pytest.approx(260, abs=1)
    never = told(created(8.0), done(8.5), played(13.0))
    assert observe(turn(Kind.NOISE), SAID, ears((8.2, 13.0)), never).resume_ms is None


def test_a_turn_that_found_no_answer_to_interrupt_is_void() -> None:
    assert observe(turn(Kind.BARGE_IN), None, ears(), told()).is_void


def test_a_cancelled_response_is_over() -> None:
    heard = told(created(8.0), done(8.5, status="cancelled"))
    assert heard.responses[0].is_over and heard.responses[0].was_over(9.0)


def test_ledgers_and_problems_are_kept() -> None:
    heard = told(
        (
            1.0,
            {
                "type": "visavis.ledger",
                "ms": {"fusion": 2.0},
                "counts": {"shadows": 2},
                "energy": {"joules": 0.25, "basis": "rapl", "is_estimate": True},
            },
        ),
        (2.0, {"type": "visavis.ledger", "ms": {"fusion": 3.0}, "counts": {"shadows": 1}}),
        (3.0, {"type": "error", "error": {"message": "no"}}),
        (4.0, {"type": "something.new"}),
    )
    assert heard.ledgers == [{"fusion": 2.0}, {"fusion": 3.0}]
    assert heard.counts == {"shadows": 3, "energy_mj_estimate": 250}
    assert heard.problems == ["no"]
