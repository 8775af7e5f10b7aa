"""When a silence ends a turn: scores that agree, late words, and what unheard answers waste."""

from __future__ import annotations

from runtime_fakes import Talk, acts, turn_settings

from visavis.runtime.effects import CommitTurn, RetractShadow, StartShadow
from visavis.runtime.events import ToolCalled


def test_two_scores_in_a_row_have_to_agree_that_the_question_is_over() -> None:
    talk = Talk()
    talk.speech()
    talk.text("what colour")
    talk.pause(3)
    talk.head(1)
    assert acts(talk.pause(2)) == []
    began = [e for e in acts(talk.text("what colour is this")) if isinstance(e, StartShadow)]
    talk.head(began[0].turn)
    # The silence is long enough; of what is understood now there is one score.
    assert acts(talk.pause(1))[0] == CommitTurn(began[0].turn)


def test_late_words_just_before_the_commit_wait_for_a_second_score() -> None:
    talk = Talk(turn=turn_settings(eager_silence_ms=96))
    talk.speech()
    talk.pause(3)
    assert acts(talk.head(1)) == []  # one score
    assert acts(talk.pause(1))[0] == CommitTurn(1)
    talk = Talk(turn=turn_settings(eager_silence_ms=96))
    talk.speech()
    talk.text("what")
    talk.pause(3)
    talk.head(1)
    talk.text("what colour")
    assert acts(talk.head(2)) == []
    assert acts(talk.pause(1))[0] == CommitTurn(2)


def test_waste_is_counted() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    talk.head(1)
    talk.words(1, " It is red.")
    talk.voice(1, "It is red.", samples=4_800)
    talk.give(ToolCalled(1, "call_1", "lamp", "{}"))
    talk.speech(2)
    counts = talk.session.totals.counts
    assert counts["shadows"] == counts["shadows_retracted"] == 1
    assert (counts["wasted_voice_ms"], counts["wasted_calls"]) == (100, 1)
    talk.pause(3)
    talk.head(2)
    talk.pause(3)
    assert (counts["shadows"], counts["shadows_committed"]) == (2, 1)


def test_what_a_retracted_answer_called_never_runs() -> None:
    talk = Talk(own_tools=frozenset({"lamp"}))
    talk.speech()
    talk.pause(3)
    talk.head(1)
    assert talk.give(ToolCalled(1, "call_1", "lamp", "{}")) == []
    assert talk.speech(1) == [RetractShadow(1)]
    assert talk.give(ToolCalled(1, "call_2", "lamp", "{}")) == []


def test_words_that_come_late_may_do_so_again_after_a_pause() -> None:
    talk = Talk(turn=turn_settings(max_restarts=1))
    talk.speech()
    for number in (1, 2):  # in each silence of the utterance
        started = [e for e in talk.pause(3) if isinstance(e, StartShadow)]
        talk.head(started[0].turn)
        again = [e for e in talk.text(f"some words {number}") if isinstance(e, StartShadow)]
        assert len(again) == 1
        talk.head(again[0].turn)
        assert talk.text(f"some more words {number}") != []  # only a partial transcript
        talk.speech(2)
