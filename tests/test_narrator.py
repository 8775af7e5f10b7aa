"""Messages about items that exist, in the order the protocol wants."""

from __future__ import annotations

from typing import cast

import pytest
from runtime_fakes import told

from visavis.runtime.effects import Effect, Emit
from visavis.runtime.errors import BadInput
from visavis.runtime.items import KEPT_ITEMS
from visavis.runtime.narrator import Narrator


def kinds(effects: list[Effect]) -> list[object]:
    return [message["type"] for message in told(effects)]


def test_a_state_is_told_when_it_changes() -> None:
    narrator = Narrator("sess_1")
    assert narrator.state("listening") == []
    assert len(narrator.state("hearing")) == 1
    assert narrator.state("hearing") == []


def test_items_follow_each_other_and_old_ones_are_forgotten() -> None:
    narrator = Narrator("sess_1")
    one = told(narrator.typed("a", "x"))[0]
    two = told(narrator.typed(None, "y"))[0]
    assert (one["previous_item_id"], two["previous_item_id"]) == (None, "a")
    assert kinds(narrator.item("a", None)) == ["conversation.item.retrieved"]
    for _ in range(KEPT_ITEMS):
        narrator.typed(None, "z")
    assert not narrator.has_item("a")
    assert kinds(narrator.item("a", None)) == ["error"]


def test_a_deleted_item_is_gone_and_the_one_before_is_last() -> None:
    narrator = Narrator("sess_1")
    narrator.typed("a", "x")
    narrator.typed("b", "y")
    assert kinds(narrator.deleted("b")) == ["conversation.item.deleted"]
    assert told(narrator.typed("c", "z"))[0]["previous_item_id"] == "a"


def test_an_item_goes_where_the_client_says() -> None:
    narrator = Narrator("sess_1")
    narrator.typed("a", "x")
    narrator.typed("c", "y")
    item: dict[str, object] = {"type": "message", "role": "user", "status": "completed"}
    assert told(narrator.created("b", item, "a"))[0]["previous_item_id"] == "a"
    assert told(narrator.created("first", item, "root"))[0]["previous_item_id"] is None
    with pytest.raises(BadInput, match="nowhere"):
        narrator.created("d", item, "nowhere")


def test_an_id_that_a_client_chose_is_not_made_again() -> None:
    narrator = Narrator("sess_1")
    narrator.typed("item_1_1", "x")
    assert narrator.new_id("item") == "item_1_2"


def test_a_transcript_that_nobody_wants_is_not_told() -> None:
    narrator = Narrator("sess_1")
    narrator.is_transcribing = False
    whole = narrator.utterance("u", 0, 16_000, "hello")
    assert [str(kind) for kind in kinds(whole) if "transcription" in str(kind)] == []
    kept = narrator.items.get("u")
    assert kept is not None
    assert kept.item["content"] == [{"type": "input_audio", "transcript": "hello"}]


def test_a_spoken_utterance_is_told_in_order() -> None:
    narrator = Narrator("sess_1")
    assert kinds(narrator.utterance("u", 0, 16_000, "hello")) == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert kinds(narrator.not_transcribed("u", "no memory")) == [
        "conversation.item.input_audio_transcription.failed"
    ]


def test_the_conversation_is_told_again_in_parts_without_its_pictures() -> None:
    narrator = Narrator("sess_1")
    narrator.typed("a", "x" * 40_000)
    narrator.created(
        "b",
        {
            "type": "message",
            "content": [
                {"type": "input_text", "text": "y" * 40_000},
                {"type": "input_image", "image_url": "data:..."},
            ],
        },
    )
    first, last = (cast(Emit, effect).message for effect in narrator.replay())
    assert [first["type"], last["type"]] == 2 * ["visavis.conversation.items"]
    assert (first["is_last"], last["is_last"], last["state"]) == (False, True, "listening")
    (told,) = cast(list[dict[str, object]], first["items"])
    assert told["id"] == "a"
    (told,) = cast(list[dict[str, object]], last["items"])
    assert cast(list[object], told["content"])[1] == {"type": "input_image"}
    kept = narrator.items.get("b")
    assert kept is not None and "data:" in str(kept.item)


def test_an_empty_conversation_is_told_as_such() -> None:
    (told,) = Narrator("sess_1").replay()
    assert isinstance(told, Emit) and told.message["items"] == [] and told.message["is_last"]
