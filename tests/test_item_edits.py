"""Items deleted and answers shortened: carried out, or answered by an error where the model can't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from realtime_fakes import ABLE, Client, error_of, kinds
from runtime_fakes import acts, told

from visavis.runtime.audio_path import AudioPath
from visavis.runtime.effects import CancelTurn, EraseItem, ForgetUtterance, RetractShadow
from visavis.runtime.events import ToolCalled, ToolFinished


def spoken() -> tuple[Client, str]:
    """A conversation whose first answer is over, and the id of that answer."""
    client = Client(AudioPath.TRACK)
    turn = client.talk.answering()
    client.talk.played(turn, 48_000, is_done=True)
    answers = [m for m in told(client.talk.effects) if m["type"] == "response.output_item.added"]
    return client, str(cast(dict[str, object], answers[-1]["item"])["id"])


def test_only_the_newest_answer_can_be_shortened_afterwards() -> None:
    client, answer = spoken()
    client.talk.speech(20)
    client.talk.pause(3)  # another answer has begun: the one before lies deep in the context
    refused = client.send(
        "conversation.item.truncate", item_id=answer, content_index=0, audio_end_ms=200
    )
    assert error_of(refused)["code"] == "unsupported_item_edit" and acts(refused) == []
    whole = client.send(
        "conversation.item.truncate", item_id=answer, content_index=0, audio_end_ms=1000
    )
    assert kinds(whole) == ["conversation.item.truncated"] and acts(whole) == []


def test_the_newest_answer_is_shortened_though_it_is_over() -> None:
    client, answer = spoken()
    cut = client.send(
        "conversation.item.truncate", item_id=answer, content_index=0, audio_end_ms=200
    )
    assert [type(effect) for effect in acts(cut)] == [CancelTurn]
    assert kinds(cut) == ["conversation.item.truncated"]


def test_what_the_model_took_in_cannot_be_deleted() -> None:
    client, answer = spoken()
    for item_id in ("item_test_1", answer):
        refused = client.send("conversation.item.delete", item_id=item_id)
        assert error_of(refused)["code"] == "unsupported_item_edit"
        assert kinds(client.send("conversation.item.retrieve", item_id=item_id)) == [
            "conversation.item.retrieved"
        ]


def test_an_answered_text_is_part_of_its_turn() -> None:
    client = Client()
    client.text("hello", id="mine")
    client.send("response.create")
    client.talk.words(1, "Hello")
    refused = client.send("conversation.item.delete", item_id="mine")
    assert error_of(refused)["code"] == "unsupported_item_edit"


def test_a_text_that_waits_is_taken_out_of_a_history_too() -> None:
    client = Client(abilities=ABLE)
    client.text("hello", id="mine")
    assert acts(client.send("conversation.item.delete", item_id="mine")) == [EraseItem("mine")]


def test_what_was_committed_and_not_answered_is_forgotten() -> None:
    client = Client(audio={"input": {"turn_detection": None}})
    client.talk.speech(10)
    committed = client.send("input_audio_buffer.commit")
    item_id = str(next(m for m in told(committed) if "item_id" in m)["item_id"])
    deleted = client.send("conversation.item.delete", item_id=item_id)
    assert acts(deleted) == [RetractShadow(1), ForgetUtterance()]
    assert error_of(client.send("response.create"))["code"] == "nothing_to_answer"


def test_a_call_stays_with_the_answer_that_made_it_and_its_output_goes() -> None:
    client = Client(AudioPath.MESSAGES, ABLE, frozenset({"time"}))
    client.text("what time is it")
    client.send("response.create")
    called = client.talk.give(ToolCalled(1, "call_1", "time", "{}"))
    client.talk.words(1, "")
    finished = client.talk.give(ToolFinished("call_1", "noon"))
    call, output = (
        next(m for m in told(effects) if m["type"] == "conversation.item.added")
        for effects in (called, finished)
    )
    refused = client.send("conversation.item.delete", item_id=_id(call))
    assert error_of(refused)["code"] == "unsupported_item_edit"
    deleted = client.send("conversation.item.delete", item_id=_id(output))
    assert acts(deleted) == [EraseItem(_id(output))]


def _id(message: Mapping[str, object]) -> str:
    return str(cast(Mapping[str, object], message["item"])["id"])
