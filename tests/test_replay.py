"""The same log gives the same effects."""

from __future__ import annotations

from runtime_fakes import Talk

from visavis.runtime.replay import replay
from visavis.runtime.session import Session


def test_a_recorded_conversation_happens_again() -> None:
    talk = Talk()
    for _ in range(20):
        turn = talk.answering()
        talk.played(turn, 20_000)
        talk.speech(4)
        talk.wait(12.0)
    again = [effect for call in replay(Session("sess_test"), talk.log) for effect in call]
    assert len(again) > 200
    assert repr(again) == repr(talk.effects)
