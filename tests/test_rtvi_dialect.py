"""RTVI on a data channel, from the first message to the last."""

from __future__ import annotations

import json
from typing import Any

import pytest

from visavis.runtime import messages
from visavis.runtime.errors import BadInput
from visavis.transports.dialects import Dialect, Received, Refused
from visavis.transports.rtvi import PROTOCOL_VERSION, RtviDialect

CREATED = messages.session_created({"id": "sess_1"})


def text(kind: str, message_id: str = "c1", **data: object) -> str:
    return json.dumps({"label": "rtvi-ai", "type": kind, "id": message_id, "data": data})


def read(texts: Any) -> list[dict[str, Any]]:
    return [json.loads(one) for one in texts]


def test_the_client_is_answered_when_the_session_is_there() -> None:
    for is_late in (True, False):
        dialect: Dialect = RtviDialect({"library": "visavis"}, notice="this is a new one")
        told: list[dict[str, Any]] = []
        if is_late:
            assert dialect.receive(text("client-ready", version="2.1.0"), 1000).replies == ()
            told = read(dialect.send(CREATED))
        else:
            assert dialect.send(CREATED) == []
            told = read(dialect.receive(text("client-ready", version="2.1.0"), 1000).replies)
        ready, notice = told
        assert (ready["type"], ready["id"]) == ("bot-ready", "c1")
        assert ready["data"] == {"version": PROTOCOL_VERSION, "about": {"library": "visavis"}}
        assert (notice["type"], notice["data"]["fatal"]) == ("error", False)
        again = read(dialect.receive(text("client-ready", "c2"), 1000).replies)
        assert [one["id"] for one in again] == ["c2"]


def test_signs_of_life_are_no_messages() -> None:
    assert RtviDialect().receive("ping: 1700000000000", 1000) == Received()


def test_a_request_gets_one_answer() -> None:
    dialect = RtviDialect()
    asked = dialect.receive(text("client-message", t="session.update", d={"session": {}}), 1000)
    assert asked.events == ({"session": {}, "type": "session.update", "event_id": "c1"},)
    (told,) = read(dialect.send(messages.session_updated({"id": "sess_1"})))
    assert (told["type"], told["id"]) == ("server-response", "c1")
    assert told["data"] == {"t": "session.update", "d": {"session": {"id": "sess_1"}}}
    assert dialect.send(messages.session_updated({})) == []


def test_an_error_goes_to_the_message_that_caused_it_and_once() -> None:
    dialect = RtviDialect()
    dialect.receive(text("client-message", t="response.cancel"), 1000)
    wrong = messages.error("nothing to cancel", code="not_active", event_id="c1")
    (told,) = read(dialect.send(wrong))
    assert (told["type"], told["id"]) == ("error-response", "c1")
    assert told["data"] == {"error": "nothing to cancel", "code": "not_active"}
    assert dialect.send(wrong) == []
    assert dialect.send({"type": "response.done", "response": {}}) == []
    (told,) = read(dialect.send(messages.error("trouble")))
    assert told["type"] == "error"


def test_what_can_not_be_used_is_refused() -> None:
    dialect = RtviDialect()
    with pytest.raises(Refused) as caught:
        dialect.receive(text("ui-event", event="x"), 1000)
    (told,) = read(dialect.refuse(caught.value, caught.value.event_id))
    assert (told["type"], told["id"]) == ("error-response", "c1")
    for data in ("[]", "{", text("send-text", content=1000 * "x"), b"\xff"):
        with pytest.raises(BadInput) as broken:
            dialect.receive(data, 1000)
        (told,) = read(dialect.refuse(broken.value, None))
        assert told["type"] == "error"


def test_who_sends_the_agent_away_is_told_that_it_left() -> None:
    asked = RtviDialect().receive(text("disconnect-bot"), 1000)
    assert asked.hang_up and asked.events == ()
    assert read(asked.replies) == [{"type": "signalling", "message": {"type": "peerLeft"}}]


def test_a_function_call_is_answered_by_its_result() -> None:
    dialect = RtviDialect()
    item = {
        "type": "function_call",
        "name": "weather",
        "call_id": "call_1",
        "status": "completed",
        "arguments": "{}",
    }
    dialect.send({"type": "response.created", "response": {}})
    dialect.send({"type": "response.output_item.done", "item": item})
    result = text("llm-function-call-result", tool_call_id="call_1", result="sun")
    asked = dialect.receive(result, 1000)
    assert [event["type"] for event in asked.events] == [
        "conversation.item.create",
        "response.create",
    ]
    assert read(asked.replies)[0]["type"] == "llm-function-call-stopped"
