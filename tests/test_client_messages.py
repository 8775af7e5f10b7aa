"""What a client may send, and what is said about the rest."""

from __future__ import annotations

import pytest

from visavis.runtime.audio_path import AudioPath
from visavis.runtime.client_messages import ClientMessages, Translated, default_config, merged
from visavis.runtime.errors import BadInput
from visavis.runtime.events import (
    AnswerRequested,
    AudioCleared,
    AudioCommitted,
    CameraChanged,
    CancelRequested,
    ConversationRequested,
    Event,
    ItemAudioBegun,
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
        ({"type": "visavis.conversation.replay"}, ConversationRequested()),
        ({"type": "conversation.item.retrieve", "item_id": "i"}, ItemRequested("i")),
        ({"type": "conversation.item.delete", "item_id": "i"}, ItemDeleted("i")),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": 5},
            ItemTruncated("i", 5),
        ),
        ({"type": "response.create"}, AnswerRequested()),
        (
            {"type": "response.cancel", "response_id": "resp_1"},
            CancelRequested(response_id="resp_1"),
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
        ({"type": "conversation.item.create", "item": {"role": "nobody"}}, "item.role"),
        ({"type": "conversation.item.create", "item": {"content": []}}, "item.content"),
        ({"type": "conversation.item.create", "item": {"content": ["x"]}}, "item.content[0]"),
        ({"type": "conversation.item.create", "item": text_item(3)}, "item.content[0].text"),
        ({"type": "conversation.item.create", "item": text_item("  ")}, "item.content"),
        (
            {"type": "conversation.item.create", "item": text_item("x" * 9000)},
            "item.content[0].text",
        ),
        ({"type": "response.create", "response": 3}, "response"),
        ({"type": "response.create", "response": {"metadata": 3}}, "response.metadata"),
        ({"type": "response.create", "response": {"metadata": {"a": 3}}}, "response.metadata"),
        ({"type": "visavis.playback", "item_id": "i", "audio_ms": 3}, "type"),
        ({"type": "session.update"}, "session"),
        ({"type": "session.update", "session": {"type": "transcription"}}, "session.type"),
        ({"type": "session.update", "session": {"audio": 3}}, "session.audio"),
        ({"type": "session.update", "session": {"audio": {"input": 3}}}, "session.audio.input"),
        ({"type": "session.update", "session": {"instructions": 3}}, "session.instructions"),
        (
            {"type": "session.update", "session": {"tool_choice": "required"}},
            "session.tool_choice",
        ),
        (
            {"type": "session.update", "session": {"audio": {"output": {"speed": 1.2}}}},
            "session.audio.output.speed",
        ),
        (
            {"type": "session.update", "session": {"audio": {"output": {"voice": "nobody"}}}},
            "session.audio.output.voice",
        ),
    ],
)
def test_what_cannot_be_used_is_named(message: dict[str, object], param: str) -> None:
    subject = client()
    before = dict(subject.config)
    with pytest.raises(BadInput) as caught:
        subject.translate(message)
    assert caught.value.param == param
    assert subject.config == before


def test_an_item_is_taken_as_it_is() -> None:
    message = {
        "type": "conversation.item.create",
        "event_id": "e",
        "previous_item_id": "root",
        "item": {"id": "mine", **text_item("hello")},
    }
    (event,) = client().translate(message).events
    assert isinstance(event, ItemCreated)
    assert (event.text, event.item_id, event.event_id) == ("hello", "mine", "e")
    assert event.previous_item_id == "root"


def test_a_response_carries_its_metadata() -> None:
    wish = {"metadata": {"client_event_id": "1"}, "output_modalities": ["text"]}
    (event,) = client().translate({"type": "response.create", "response": wish}).events
    assert isinstance(event, AnswerRequested)
    assert event.options is not None
    assert event.options.metadata == {"client_event_id": "1"}
    assert not event.options.has_voice


def test_recorded_audio_is_taken_where_audio_comes_in_messages() -> None:
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "audio": "AA=="}],
    }
    message: dict[str, object] = {"type": "conversation.item.create", "item": item}
    with pytest.raises(BadInput) as caught:
        client().translate(message)
    assert caught.value.code == "unsupported_content"
    subject = client()
    subject.path = AudioPath.MESSAGES
    translated = subject.translate(message)
    assert translated.audio == "AA=="
    assert [type(event) for event in translated.events] == [ItemAudioBegun, AudioCommitted]
    with pytest.raises(BadInput, match="output audio buffer"):
        subject.translate({"type": "output_audio_buffer.clear"})


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
    (event,) = translated.events
    assert isinstance(event, SessionUpdated)
    assert event.config.instructions == "Be brief."
    assert event.config.turn_detection is None
    session = translated.replies[0]["session"]
    assert isinstance(session, dict)
    assert session["id"] == "sess_1"
    assert session["tracing"] == "auto"
    assert session["audio"]["output"]["voice"] == "en-us"
    again = subject.translate({"type": "session.update", "session": {}})
    assert again.events == translated.events


def test_merging_replaces_lists_and_null_and_refuses_depth() -> None:
    assert merged({"a": {"b": 1, "c": [1]}}, {"a": {"b": None, "c": []}}) == {
        "a": {"b": None, "c": []}
    }
    deep: dict[str, object] = {}
    for _ in range(20):
        deep = {"a": deep}
    with pytest.raises(BadInput, match="nested"):
        merged(deep, deep)
