"""The limits of time end a conversation with a reason, and the reason is counted by its code."""

from __future__ import annotations

import pytest

from visavis.pipelines.calls import ending
from visavis.runtime.effects import EndSession
from visavis.runtime.session import Session
from visavis.runtime.settings import SessionSettings


@pytest.mark.parametrize(
    ("limits", "at", "code"),
    [
        (SessionSettings(idle_s=5), 5.0, "idle"),
        (SessionSettings(max_minutes=1, idle_s=600), 60.0, "max_minutes"),
    ],
)
def test_why_it_ended_has_a_code(limits: SessionSettings, at: float, code: str) -> None:
    session = Session("sess_1", limits=limits)
    assert session.deadline() == at and session.on_deadline(at - 0.1) == []
    (end,) = [effect for effect in session.on_deadline(at) if isinstance(effect, EndSession)]
    assert ending(end.why) == code
    assert ending("the client hung up") == "other"
