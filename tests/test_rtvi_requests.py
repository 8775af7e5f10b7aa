"""What a client of RTVI may send, and what is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from visavis.runtime.client_messages import ClientMessages, default_config
from visavis.transports.dialects import Refused
from visavis.transports.rtvi.requests import (
    ANSWERED_BY,
    MAX_OPEN,
    MAX_RESULT,
    Asked,
    Event,
    Requests,
)


def ask(kind: str, data: object = None, requests: Requests | None = None) -> Asked:
    message = {"label": "rtvi-ai", "type": kind, "id": "c1", "data": data}
    return (requests or Requests()).translate(message)


def signal(**message: object) -> Asked:
    return Requests().translate({"type": "signalling", "message": message})


def item(text: str) -> Event:
    content = [{"type": "input_text", "text": text}]
    return {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": content},
        "event_id": "c1",
    }


CLEAR: Event = {"type": "output_audio_buffer.clear", "event_id": "c1"}


def answer(**response: object) -> Event:
    return {"type": "response.create", "response": response, "event_id": "c1"}


def test_text_is_answered_at_once_unless_told_otherwise() -> None:
    assert ask("send-text", {"content": "hi"}).events == (CLEAR, item("hi"), answer())
    later = {"content": "hi", "options": {"run_immediately": False}}
    assert ask("send-text", later).events == (item("hi"),)
    silent = {"content": "hi", "options": {"audio_response": False, "run_immediately": True}}
    wanted = answer(output_modalities=["text"])
    assert ask("send-text", silent).events == (CLEAR, item("hi"), wanted)
    assert ask("append-to-context", {"role": "user", "content": "hi"}).events == (item("hi"),)
    keys = ask("dtmf", {"buttons": ["1", "*", "#"]}).events
    assert keys == (CLEAR, item("1*#"), answer())
    assert ask("dtmf", {"button": "5"}).events[1] == item("5")


def test_the_session_understands_what_is_asked() -> None:
    client = ClientMessages(default_config("sess_1", model="nano", voice="default"))
    for event in (
        *ask("send-text", {"content": "hi"}).events,
        *ask("client-message", {"t": "session.update", "d": {"session": {}}}).events,
        *signal(type="trackStatus", receiver_index=1, enabled=False).events,
    ):
        assert client.translate(event).events


def test_ready_and_leaving() -> None:
    assert ask("client-ready", {"version": "2.1.0", "about": {}}) == Asked(ready_id="c1")
    assert ask("disconnect-bot", {}).hang_up is not None


def test_track_status() -> None:
    assert signal(type="trackStatus", receiver_index=0, enabled=False) == Asked()
    for is_on in (True, False):
        (camera,) = signal(type="trackStatus", receiver_index=1, enabled=is_on).events
        assert camera == {"type": "visavis.camera", "is_on": is_on}
    assert signal(type="trackStatus", receiver_index=2, enabled=False) == Asked()
    with pytest.raises(Refused, match="shared screen"):
        signal(type="trackStatus", receiver_index=2, enabled=True)


def test_a_client_message_is_an_event_of_the_realtime_api() -> None:
    requests = Requests()
    (event,) = ask("client-message", {"t": "response.cancel"}, requests).events
    assert event == {"type": "response.cancel", "event_id": "c1"}
    assert requests.answered("response.created") is None
    waiting = requests.answered("response.done")
    assert waiting is not None and (waiting.message_id, waiting.kind) == ("c1", "response.cancel")
    assert requests.answered("response.done") is None
    ask("client-message", {"t": "response.cancel"}, requests)
    requests.forget("c1")
    assert requests.answered("response.done") is None


def test_requests_without_an_answer_are_bounded() -> None:
    requests = Requests()
    for _ in range(MAX_OPEN):
        ask("client-message", {"t": "response.cancel"}, requests)
    with pytest.raises(Refused, match="wait for an answer"):
        ask("client-message", {"t": "response.cancel"}, requests)
    for number in range(MAX_OPEN + 1):
        requests.call(f"call_{number}", "f")
    assert len(requests.calls) == MAX_OPEN and "call_0" not in requests.calls


def test_the_result_of_a_function_call() -> None:
    requests = Requests()
    requests.call("call_1", "weather")
    result = {"tool_call_id": "call_1", "function_name": "weather", "result": {"sun": True}}
    asked = ask("llm-function-call-result", result, requests)
    created, wanted = asked.events
    assert created["item"] == {
        "type": "function_call_output",
        "call_id": "call_1",
        "output": '{"sun":true}',
    }
    assert wanted["type"] == "response.create"
    (told,) = map(json.loads, asked.replies)
    assert told["type"] == "llm-function-call-stopped"
    assert told["data"] == {
        "function_name": "weather",
        "tool_call_id": "call_1",
        "cancelled": False,
        "result": {"sun": True},
    }
    with pytest.raises(Refused, match="waits for a result"):
        ask("llm-function-call-result", result, requests)
    requests.call("call_1", "weather")
    with pytest.raises(Refused, match="characters"):
        ask("llm-function-call-result", {**result, "result": "x" * (MAX_RESULT + 1)}, requests)


BAD: list[tuple[str, Any]] = [
    ("ui-event", {"event": "x"}),
    ("ui-snapshot", {}),
    ("send-file", {}),
    ("raw-audio", {}),
    ("no-such-type", None),
    ("send-text", []),
    ("send-text", {}),
    ("send-text", {"content": "  "}),
    ("send-text", {"content": "x", "options": 1}),
    ("send-text", {"content": "x", "options": {"run_immediately": "yes"}}),
    ("append-to-context", {"role": "assistant", "content": "x"}),
    ("client-message", {"t": "no.such"}),
    ("client-message", {"t": ["x"]}),
    ("client-message", {"t": "response.cancel", "d": 1}),
    ("llm-function-call-result", {"tool_call_id": 7}),
    ("dtmf", {}),
    ("dtmf", {"buttons": []}),
    ("dtmf", {"buttons": ["1"] * 65}),
    ("dtmf", {"buttons": ["A"]}),
    ("dtmf", {"buttons": ["12"]}),
    ("dtmf", {"buttons": [["1"]]}),
]


@pytest.mark.parametrize(("kind", "data"), BAD)
def test_what_can_not_be_used_is_refused_by_its_id(kind: str, data: object) -> None:
    with pytest.raises(Refused) as caught:
        ask(kind, data)
    assert caught.value.event_id == "c1" and str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "send-text", "id": "c1"},
        {"label": "rtvi-ai", "type": "send-text"},
        {"label": "rtvi-ai", "type": "send-text", "id": 7},
        {"label": "rtvi-ai", "type": "send-text", "id": "x" * 129},
        {"type": "signalling"},
        {"type": "signalling", "message": {"type": "renegotiate"}},
        {"type": "signalling", "message": {"type": "trackStatus", "receiver_index": True}},
    ],
)
def test_what_has_no_name_is_refused_without(message: dict[str, object]) -> None:
    with pytest.raises(Refused) as caught:
        Requests().translate(message)
    assert caught.value.event_id is None


def test_every_request_has_an_answer() -> None:
    assert all(kind != answer for kind, answer in ANSWERED_BY.items())
