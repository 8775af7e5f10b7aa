"""A session's events, told as RTVI tells them."""

from __future__ import annotations

import json
from typing import Any

from visavis.runtime import messages
from visavis.transports.rtvi.narration import MAX_PARTIALS, Narration

NOW = "2030-01-01T00:00:00.000+00:00"


class Client:
    """Keeps what it was told: types, or types with their data."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []
        self.narration = Narration(lambda: NOW, self._was_called)

    def _was_called(self, call_id: str, name: str) -> None:
        self.called.append((call_id, name))

    def tell(self, *events: dict[str, object]) -> list[dict[str, Any]]:
        return [json.loads(text) for event in events for text in self.narration.tell(event)]

    def types(self, *events: dict[str, object]) -> list[str]:
        return [told["type"] for told in self.tell(*events)]


def delta(words: str, kind: str = "output_audio_transcript") -> dict[str, object]:
    return {"type": f"response.{kind}.delta", "item_id": "i", "delta": words}


def end(kind: str = "output_audio_transcript") -> dict[str, object]:
    return {"type": f"response.{kind}.done", "item_id": "i"}


def done(status: str = "completed") -> dict[str, object]:
    return {"type": "response.done", "response": {"id": "r", "status": status}}


CREATED: dict[str, object] = {"type": "response.created", "response": {"id": "r"}}
STARTED: dict[str, object] = {"type": "output_audio_buffer.started", "response_id": "r"}
STOPPED: dict[str, object] = {"type": "output_audio_buffer.stopped", "response_id": "r"}
CLEARED: dict[str, object] = {"type": "output_audio_buffer.cleared", "response_id": "r"}


def test_what_the_person_says() -> None:
    client = Client()
    partial = messages.transcript_partial
    told = client.tell(
        messages.speech_started("i", 0),
        partial("i", "what"),
        partial("i", "what"),
        partial("i", "what colour"),
        messages.speech_stopped("i", 900),
        messages.transcription_delta("i", "what colour"),
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "i",
            "transcript": "what colour is this",
        },
    )
    assert [one["type"] for one in told] == [
        "user-started-speaking",
        "user-transcription",
        "user-transcription",
        "user-stopped-speaking",
        "user-transcription",
        "user-llm-text",
    ]
    words = [one["data"] for one in told if one["type"] == "user-transcription"]
    assert [(one["text"], one["final"]) for one in words] == [
        ("what", False),
        ("what colour", False),
        ("what colour is this", True),
    ]
    assert {(one["timestamp"], one["user_id"]) for one in words} == {(NOW, "user")}


def test_a_transcript_in_pieces_is_told_whole() -> None:
    client = Client()
    pieces = [messages.transcription_delta("i", piece) for piece in ("what ", "is ", "this")]
    assert [one["data"]["text"] for one in client.tell(*pieces)] == [
        "what ",
        "what is ",
        "what is this",
    ]
    for number in range(MAX_PARTIALS + 1):
        client.tell(messages.transcript_partial(f"other_{number}", "x"))
    assert len(client.narration._partials) == MAX_PARTIALS  # pyright: ignore[reportPrivateUsage]


def test_typed_words_are_what_the_model_gets() -> None:
    client = Client()
    typed = messages.typed_item("i", "hello")
    assert [one["data"] for one in client.tell(messages.item_added(typed, None))] == [
        {"text": "hello"}
    ]
    spoken = messages.spoken_item("i", "hello")
    assert client.tell(messages.item_added(spoken, None)) == []


def test_a_spoken_answer() -> None:
    client = Client()
    told = client.tell(
        CREATED, delta("It is red."), delta(" And"), STARTED, delta(" round."), end()
    )
    assert [one["type"] for one in told] == [
        "bot-llm-started",
        "bot-llm-text",
        "bot-llm-text",
        "bot-output",
        "bot-tts-started",
        "bot-started-speaking",
        "bot-tts-text",
        "bot-llm-text",
        "bot-output",
        "bot-tts-text",
    ]
    outputs = [one["data"] for one in told if one["type"] == "bot-output"]
    assert [(one["text"], one["segment_id"], one["spoken_status"]) for one in outputs] == [
        ("It is red.", 1, "new"),
        ("And round.", 2, "new"),
    ]
    assert client.types(done()) == ["bot-llm-stopped", "bot-tts-stopped"]
    told = client.tell(STOPPED)
    assert [(one["type"], one.get("data", {}).get("segment_id")) for one in told] == [
        ("bot-output", 1),
        ("bot-output", 2),
        ("bot-stopped-speaking", None),
    ]
    assert client.tell(STOPPED) == []
    assert client.types(CREATED) == ["bot-llm-started"]


def test_a_cut_answer_is_not_told_to_have_been_spoken() -> None:
    client = Client()
    client.tell(CREATED, delta("A long answer. Very"), STARTED)
    assert client.types(CLEARED, done("cancelled")) == [
        "bot-tts-stopped",
        "bot-stopped-speaking",
        "bot-llm-stopped",
    ]
    client.tell(CREATED, STARTED)
    assert client.types(CREATED) == [
        "bot-llm-stopped",
        "bot-tts-stopped",
        "bot-stopped-speaking",
        "bot-llm-started",
    ]


def test_a_written_answer_is_never_spoken() -> None:
    client = Client()
    told = client.tell(CREATED, delta("Yes.", "output_text"), end("output_text"), done())
    assert [one["type"] for one in told] == [
        "bot-llm-started",
        "bot-llm-text",
        "bot-output",
        "bot-llm-stopped",
    ]
    assert told[2]["data"]["will_be_spoken"] is False


def call(status: str, arguments: str) -> dict[str, object]:
    return {
        "type": "function_call",
        "name": "weather",
        "call_id": "call_1",
        "status": status,
        "arguments": arguments,
    }


def test_function_calls() -> None:
    client = Client()
    begun: dict[str, object] = {
        "type": "response.output_item.added",
        "item": call("in_progress", ""),
    }
    whole: dict[str, object] = {
        "type": "response.output_item.done",
        "item": call("completed", '{"city": "Paris"}'),
    }
    told = client.tell(CREATED, begun, whole)
    assert [one["type"] for one in told[1:]] == [
        "llm-function-call-started",
        "llm-function-call-in-progress",
    ]
    assert told[2]["data"] == {
        "function_name": "weather",
        "tool_call_id": "call_1",
        "arguments": {"city": "Paris"},
    }
    assert client.called == [("call_1", "weather")]
    assert client.types(done()) == ["bot-llm-stopped"]
    told = client.tell(CREATED, {**whole, "item": call("completed", "not JSON")})
    assert told[1]["data"]["arguments"] == "not JSON"
    assert client.types(done("cancelled")) == ["bot-llm-stopped", "llm-function-call-stopped"]
    cut: dict[str, object] = {**whole, "item": call("incomplete", '{"ci')}
    assert client.tell(cut) == []


def test_errors_and_the_end() -> None:
    client = Client()
    mine = messages.error("it broke", kind="server_error", code="stage_failed")
    ended = messages.session_ended("it broke")
    told = client.tell(mine, ended)
    assert [one["type"] for one in told] == ["error", "server-message", "error", "signalling"]
    assert [one["data"]["fatal"] for one in told if one["type"] == "error"] == [False, True]
    assert told[3]["message"] == {"type": "peerLeft"}
    assert client.types(messages.session_ended("nobody spoke")) == ["server-message", "signalling"]
    assert client.types(mine, messages.state("listening"), ended)[-2:] == [
        "server-message",
        "signalling",
    ]


def test_what_is_ours_comes_as_server_messages() -> None:
    client = Client()
    (told,) = client.tell({**messages.state("thinking"), "event_id": "e"})
    assert told["data"] == {"type": "visavis.state", "state": "thinking"}
    ledger = messages.turn_ledger(1, "r", {"fusion": 2.0, "commit": 40.0, "fto": 9.0}, {}, {})
    metrics, told = client.tell(ledger)
    assert told["data"]["type"] == "visavis.ledger"
    assert metrics["data"] == {
        "ttfb": [{"processor": "visavis.fusion", "value": 0.002}],
        "processing": [{"processor": "visavis.commit", "value": 0.04}],
    }
    (told,) = client.tell({"type": "visavis.renegotiate"})
    assert told == {"type": "signalling", "message": {"type": "renegotiate"}}
    assert client.tell({"type": "rate_limits.updated"}, {"type": "session.updated"}, {}) == []
