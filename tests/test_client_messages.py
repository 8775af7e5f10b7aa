"""What a client may send, and what is said about the rest."""

from __future__ import annotations

import pytest

from visavis.runtime.client_messages import ClientMessages, Translated, default_config, merged
from visavis.runtime.errors import BadInput
from visavis.runtime.events import (
    AnswerRequested,
    AudioCleared,
    AudioCommitted,
    CameraChanged,
    CancelRequested,
    Event,
    ItemCreated,
    ItemDeleted,
    ItemRequested,
    ItemTruncated,
    SessionUpdated,
)


def client() -> ClientMessages:
    return ClientMessages(default_config("sess_1", model="nano", voice="en-us"))


def text_item(text: object, kind: str = "input_text") -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [{"type": kind, "text": text}]}


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "response.cancel", "event_id": "e"}, CancelRequested("e")),
        ({"type": "output_audio_buffer.clear"}, CancelRequested(is_quiet=True)),
        ({"type": "input_audio_buffer.commit"}, AudioCommitted()),
        ({"type": "input_audio_buffer.clear"}, AudioCleared()),
        ({"type": "visavis.camera", "is_on": False}, CameraChanged(False)),
        ({"type": "conversation.item.retrieve", "item_id": "i"}, ItemRequested("i")),
        ({"type": "conversation.item.delete", "item_id": "i"}, ItemDeleted("i")),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": 5},
            ItemTruncated("i", 5),
        ),
        ({"type": "response.create"}, AnswerRequested()),
        (
            {"type": "response.create", "response": {"metadata": {"client_event_id": "1"}}},
            AnswerRequested({"client_event_id": "1"}),
        ),
        (
            {"type": "conversation.item.create", "item": {"id": "mine", **text_item("hello")}},
            ItemCreated("hello", "mine"),
        ),
    ],
)
def test_a_message_becomes_an_event(message: dict[str, object], event: Event) -> None:
    assert client().translate(message) == Translated((event,))


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({}, "type"),
        ({"type": 3}, "type"),
        ({"type": "x" * 1000}, "type"),
        ({"type": "what.is.this"}, "type"),
        ({"type": "input_audio_buffer.append", "audio": ""}, "type"),
        ({"type": "visavis.camera", "is_on": 1}, "is_on"),
        ({"type": "conversation.item.retrieve"}, "item_id"),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": -1},
            "audio_end_ms",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": True},
            "audio_end_ms",
        ),
        ({"type": "conversation.item.create"}, "item"),
        ({"type": "conversation.item.create", "item": {"role": "system"}}, "item"),
        ({"type": "conversation.item.create", "item": {"content": []}}, "item.content"),
        ({"type": "conversation.item.create", "item": {"content": ["x"]}}, "item.content[0]"),
        ({"type": "conversation.item.create", "item": text_item(3)}, "item.content[0]"),
        ({"type": "conversation.item.create", "item": text_item("  ")}, "item.content"),
        ({"type": "conversation.item.create", "item": text_item("x" * 9000)}, "item.content"),
        (
            {"type": "conversation.item.create", "item": text_item("x", "input_image")},
            "item.content[0]",
        ),
        ({"type": "response.create", "response": 3}, "response"),
        ({"type": "response.create", "response": {"metadata": 3}}, "response.metadata"),
        ({"type": "response.create", "response": {"metadata": {"a": 3}}}, "response.metadata"),
        ({"type": "session.update"}, "session"),
        ({"type": "session.update", "session": {"type": "transcription"}}, "session.type"),
        ({"type": "session.update", "session": {"audio": 3}}, "session.audio"),
        ({"type": "session.update", "session": {"audio": {"input": 3}}}, "session.audio.input"),
        ({"type": "session.update", "session": {"instructions": 3}}, "session.instructions"),
    ],
)
def test_what_cannot_be_used_is_named(message: dict[str, object], param: str) -> None:
    subject = client()
    before = dict(subject.config)
    with pytest.raises(BadInput) as caught:
        subject.translate(message)
    assert caught.value.param == param
    assert subject.config == before


def test_updates_are_merged_and_answered() -> None:
    subject = client()
    translated = subject.translate(
        {
            "type": "session.update",
            "session": {
                "type": "realtime",
                "id": "stolen",
                "instructions": "Be brief.",
                "tracing": "auto",
                "audio": {"input": {"turn_detection": None}},
            },
        }
    )
    assert translated.events == (SessionUpdated("Be brief.", turn_detection=False),)
    session = translated.replies[0]["session"]
    assert isinstance(session, dict)
    assert session["id"] == "sess_1"
    assert session["tracing"] == "auto"
    assert session["audio"]["output"]["voice"] == "en-us"
    again = subject.translate({"type": "session.update", "session": {}})
    assert again.events == (SessionUpdated("Be brief.", turn_detection=False),)


def test_merging_replaces_lists_and_null_and_refuses_depth() -> None:
    assert merged({"a": {"b": 1, "c": [1]}}, {"a": {"b": None, "c": []}}) == {
        "a": {"b": None, "c": []}
    }
    deep: dict[str, object] = {}
    for _ in range(20):
        deep = {"a": deep}
    with pytest.raises(BadInput, match="nested"):
        merged(deep, deep)
