"""What is spoken on a message channel."""

from __future__ import annotations

import json

import pytest

from visavis.runtime.errors import BadInput
from visavis.transports.dialects import Dialect, NoDialect, RealtimeDialect


def test_the_realtime_api_needs_no_translation() -> None:
    dialect: Dialect = RealtimeDialect()
    received = dialect.receive('{"type": "response.cancel"}', 1000)
    assert received.events == ({"type": "response.cancel"},)
    assert (received.replies, received.hang_up) == ((), None)
    (text,) = dialect.send({"type": "session.created"})
    assert json.loads(text)["event_id"].startswith("event_")
    (text,) = dialect.refuse(BadInput("no", code="bad"), "mine")
    assert json.loads(text)["error"] == {
        "type": "invalid_request_error",
        "code": "bad",
        "message": "no",
        "param": None,
        "event_id": "mine",
    }
    with pytest.raises(BadInput):
        dialect.receive("ping: 1", 1000)


def test_who_has_no_channel_is_told_nothing() -> None:
    dialect: Dialect = NoDialect()
    assert dialect.send({"type": "session.created"}) == ()
    assert dialect.refuse(BadInput("no"), None) == ()
    assert dialect.receive("{}", 10).events == ()
