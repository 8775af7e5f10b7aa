"""The Realtime API from the client's side: what it asks, what it is told, judged by the SDK's models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest
from published_models import MODELS, fields_of
from realtime_fakes import ABLE, Client, error_of, kinds, response_of
from runtime_fakes import Talk, acts, config_with, told, turn_detection

from visavis.runtime.abilities import Abilities
from visavis.runtime.audio_path import AudioPath
from visavis.runtime.effects import (
    BeginTranscript,
    CancelTurn,
    CommitTurn,
    Configure,
    DropTranscript,
    EndAside,
    EndTranscript,
    EndTurn,
    EraseItem,
    FlushPlayout,
    InsertItem,
    LookAt,
    NameItems,
    Prepare,
    RetractShadow,
    ReviseTurn,
    RunTool,
    SendAudio,
    Speak,
    StartAside,
    StartShadow,
    StopDecoding,
    TellLimits,
)
from visavis.runtime.events import (
    AnswerRequested,
    AsideFailed,
    AudioCleared,
    AudioCommitted,
    Head,
    HeadReady,
    PeerGone,
    PictureSeen,
    Played,
    StageFailed,
    TokensTaken,
    ToolCalled,
    ToolFinished,
    Transcribed,
    TranscriptionFailed,
)

PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LOOK_UP = {"type": "function", "name": "look_up", "parameters": {"type": "object"}}


# Audio inside messages


def test_a_spoken_turn_over_messages_has_its_audio_inside() -> None:
    talk = Talk(path=AudioPath.MESSAGES)
    talk.answering()
    answer = kinds(talk.effects)
    assert answer[answer.index("response.created") :] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert "FlushPlayout" not in [type(effect).__name__ for effect in talk.effects]


def test_what_was_played_is_reckoned_by_the_clock() -> None:
    talk = Talk(path=AudioPath.MESSAGES)
    turn = talk.answering(" It is red.")  # one second of voice
    assert talk.session.state == "answering"
    talk.pause(12)  # 384 ms of it, and 60 ms are still on their way
    cut = talk.speech(2)
    assert acts(cut) == []  # the client may say better
    assert kinds(cut) == ["input_audio_buffer.speech_started"]  # its response was done already
    talk.speech(5)
    assert acts(talk.pause(3))[0] == CancelTurn(turn, " It")
    talk = Talk(path=AudioPath.MESSAGES)
    turn = talk.answering(" It is red.")
    assert acts(talk.wait(1.2)) == [EndTurn(turn, " It is red.")]


def test_a_response_in_progress_is_cancelled_by_speech() -> None:
    talk = Talk(path=AudioPath.MESSAGES)
    talk.speech()
    talk.pause(3)
    talk.head(1)
    talk.pause(3)
    talk.words(1, " I can see a cat and", is_last=False)
    talk.voice(1, "I can see a cat", is_last=False)
    cut = talk.speech(3)
    assert response_of(cut)["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert kinds(cut)[0] == "response.output_audio_transcript.done"
    assert "response.output_audio.done" in kinds(cut)


def test_the_client_knows_better_what_was_played() -> None:
    client = Client()
    turn = client.talk.answering(" It is red.")
    item = "item_test_3"
    client.talk.wait(0.1)
    truncated = client.send(
        "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=500
    )
    assert acts(truncated) == [CancelTurn(turn, " It")]
    assert kinds(truncated) == ["conversation.item.truncated"]
    retrieved = client.send("conversation.item.retrieve", item_id=item)
    shown = told(retrieved)[0]["item"]
    assert isinstance(shown, dict)
    assert shown["content"] == [{"type": "output_audio", "transcript": "It"}]
    assert client.talk.session.state == "listening"


def test_playback_can_be_reported() -> None:
    client = Client()
    turn = client.talk.answering(" It is red.")
    assert client.send("visavis.playback", item_id="item_test_3", audio_ms=0) == []
    client.talk.speech(2)  # 64 ms later, and 60 are on their way
    assert acts(client.talk.give(PeerGone("bye")))[0] == CancelTurn(turn, "")


def test_what_was_heard_of_a_cut_answer_may_be_told_after_the_cut() -> None:
    client = Client()
    turn = client.talk.answering(" It is red.")
    client.talk.pause(3)
    assert acts(client.talk.speech(5)) == []
    fields = {"item_id": "item_test_3", "content_index": 0, "audio_end_ms": 600}
    truncated = client.send("conversation.item.truncate", **fields)
    assert acts(truncated) == [CancelTurn(turn, " It is")]
    assert acts(client.talk.pause(3)) == [StartShadow(turn + 1, tail_pts=client.talk.pts - 3 * 512)]


def test_an_answer_that_is_over_is_revised_where_the_model_can() -> None:
    client = Client(abilities=Abilities(revises=True))
    turn = client.talk.answering(" It is red.")
    client.talk.wait(2)
    fields = {"item_id": "item_test_3", "content_index": 0, "audio_end_ms": 500}
    assert acts(client.send("conversation.item.truncate", **fields)) == [ReviseTurn(turn, " It")]
    deleted = client.send("conversation.item.delete", item_id="item_test_1")
    assert acts(deleted) == [ReviseTurn(turn, None)]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"item_id": "item_test_3", "audio_end_ms": 9_000}, "audio_end_ms"),
        ({"item_id": "item_test_3", "audio_end_ms": 0, "content_index": 1}, "content_index"),
        ({"item_id": "item_test_1", "audio_end_ms": 0}, "item_id"),
        ({"item_id": "nope", "audio_end_ms": 0}, "item_id"),
    ],
)
def test_a_truncation_that_makes_no_sense_is_told(fields: dict[str, object], param: str) -> None:
    client = Client()
    client.talk.answering()
    error = error_of(client.send("conversation.item.truncate", **fields))
    assert (error["param"], error["event_id"]) == (param, "evt")


# Manual turns


def test_a_committed_buffer_is_answered_on_request() -> None:
    client = Client(audio={"input": {"turn_detection": None}})
    client.talk.speech(10)
    client.talk.text("what colour")
    committed = client.send("input_audio_buffer.commit")
    assert acts(committed) == [StartShadow(1, tail_pts=10 * 512)]
    assert kinds(committed) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    client.talk.text("what colour is it")  # its last words, understood a little later
    heard = client.talk.head(1)
    assert kinds(heard) == [
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert told(heard)[1]["transcript"] == "what colour is it"
    live = client.send("response.create")
    assert acts(live) == [CommitTurn(1)]
    assert kinds(live)[0] == "response.created"
    assert acts(client.talk.words(1, " Red.")) == [Speak(1, "Red.", True)]


def test_an_answer_may_be_asked_for_before_the_model_has_judged() -> None:
    client = Client(audio={"input": {"turn_detection": None}})
    client.talk.speech(10)
    client.send("input_audio_buffer.commit")
    assert acts(client.send("response.create")) == [CommitTurn(1)]
    late = client.talk.text("what colour is it")
    assert late == []
    assert "conversation.item.input_audio_transcription.completed" in kinds(client.talk.head(1))


def test_two_committed_buffers_are_two_items_of_one_question() -> None:
    client = Client(audio={"input": {"turn_detection": None}})
    client.talk.speech(10)
    client.talk.text("what colour")
    client.send("input_audio_buffer.commit")
    client.talk.head(1)
    again = client.talk.speech(10)
    assert acts(again) == [RetractShadow(1)]
    assert kinds(again) == []
    client.talk.text("what colour is the ball")
    assert acts(client.send("input_audio_buffer.commit"))[-1] == StartShadow(
        2, tail_pts=client.talk.pts
    )
    heard = told(client.talk.head(2))
    assert heard[-1]["transcript"] == "is the ball"
    assert acts(client.send("response.create")) == [CommitTurn(2)]


def test_silence_can_be_committed_but_not_nothing() -> None:
    client = Client(audio={"input": {"turn_detection": None}})
    client.talk.pause(3)
    error = error_of(client.send("input_audio_buffer.commit"))
    assert error["code"] == "input_audio_buffer_commit_empty"
    client.talk.pause(1)
    assert "input_audio_buffer.committed" in kinds(client.send("input_audio_buffer.commit"))


def test_a_cleared_buffer_is_gone() -> None:
    client = Client(audio={"input": {"turn_detection": None}})
    client.talk.speech(10)
    assert kinds(client.talk.give(AudioCleared())) == ["input_audio_buffer.cleared"]
    error = error_of(client.talk.give(AudioCommitted()))
    assert error["code"] == "input_audio_buffer_commit_empty"


def test_a_recorded_message_is_heard_and_answered_on_request() -> None:
    client = Client()
    part = {"type": "input_audio", "audio": "AAAA"}
    message = {"type": "message", "role": "user", "content": [part], "id": "mine"}
    translated = client.messages.translate(
        {"type": "conversation.item.create", "item": message, "event_id": "evt"}
    )
    begun, committed = translated.events
    assert client.talk.give(begun) == []
    assert client.talk.session.is_taking_item_audio
    assert kinds(client.talk.speech(10) + client.talk.pause(50)) == []  # no turn of its own
    client.talk.text("hello there")
    effects = client.talk.give(committed)
    assert kinds(effects)[0] == "input_audio_buffer.committed"
    assert told(client.talk.head(1))[-1]["item_id"] == "mine"
    assert acts(client.send("response.create")) == [CommitTurn(1)]
    assert client.talk.session.rules.listens
    assert error_of(client.talk.give(begun))["code"] == "item_create_duplicate_item_id"
    assert client.talk.give(committed) == []


# Turn detection


def test_server_vad_ends_a_turn_by_its_silence_alone() -> None:
    talk = Talk()
    talk.give(turn_detection({"type": "server_vad", "silence_duration_ms": 320}))
    started = talk.speech(10)
    assert told(started)[0]["audio_start_ms"] == 0
    talk.text("what colour")
    assert acts(talk.pause(3)) == [StartShadow(1, tail_pts=10 * 512)]
    talk.head(1, Head.WAIT)
    assert acts(talk.pause(6)) == []
    assert acts(talk.pause(1)) == [CommitTurn(1)]


def test_the_padding_before_speech_belongs_to_it() -> None:
    talk = Talk()
    talk.give(turn_detection({"type": "server_vad", "prefix_padding_ms": 96}))
    talk.pause(10)
    assert told(talk.speech(2))[0]["audio_start_ms"] == 320 - 96


def test_the_threshold_is_what_counts_as_speech() -> None:
    talk = Talk()
    talk.give(turn_detection({"type": "server_vad", "threshold": 0.8}))
    assert talk.hear(0.7, 20) == []
    talk.give(turn_detection({"type": "server_vad", "threshold": 0.2}))
    assert kinds(talk.hear(0.3, 20)) == ["input_audio_buffer.speech_started"]


@pytest.mark.parametrize(("eagerness", "windows"), [("high", 12), ("auto", 20), ("low", 50)])
def test_eagerness_moves_the_patience(eagerness: str, windows: int) -> None:
    talk = Talk()
    talk.give(turn_detection({"type": "semantic_vad", "eagerness": eagerness}))
    talk.speech(10)
    talk.pause(3)
    talk.head(1, confidence=0.8)
    assert acts(talk.pause(windows - 4)) == []
    assert acts(talk.pause(2)) == [CommitTurn(1)]


def test_without_create_response_a_turn_waits_for_the_request() -> None:
    client = Client()
    client.talk.give(turn_detection({"type": "server_vad", "create_response": False}))
    client.talk.speech(10)
    client.talk.text("what colour")
    client.talk.pause(3)
    client.talk.head(1)
    kept = client.talk.pause(20)
    assert acts(kept) == []
    assert kinds(kept)[:2] == ["input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]
    assert "conversation.item.input_audio_transcription.completed" in kinds(kept)
    assert acts(client.send("response.create")) == [CommitTurn(1)]  # it was ready


def test_without_interrupt_response_an_answer_is_said_to_its_end() -> None:
    talk = Talk()
    talk.give(turn_detection({"type": "server_vad", "interrupt_response": False}))
    talk.speech(10)
    talk.pause(3)
    talk.head(1)
    talk.words(1, " It is red.")
    talk.voice(1, "It is red.")
    talk.pause(14)
    during = talk.speech(10)
    assert kinds(during) == ["input_audio_buffer.speech_started"]
    assert acts(during + talk.pause(20)) == []
    ended = talk.played(1, 48_000, is_done=True)
    assert acts(ended) == [EndTurn(1, " It is red.")]
    assert [type(effect) for effect in acts(talk.pause(1))] == [StartShadow]
    assert acts(talk.head(2)) == [CommitTurn(2)]


def test_long_silence_after_an_answer_is_answered() -> None:
    talk = Talk()
    talk.give(turn_detection({"type": "server_vad", "idle_timeout_ms": 5000}))
    talk.speech(10)
    talk.pause(3)
    talk.head(1)
    talk.words(1, " Red.")
    talk.voice(1, "Red.")
    talk.pause(14)
    talk.played(1, 48_000, is_done=True)
    assert acts(talk.wait(4.9)) == []
    late = talk.wait(0.2)
    assert acts(late)[0] == StartShadow(2, tail_pts=talk.pts)
    assert kinds(late)[:3] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
    ]
    assert "response.created" in kinds(late)


# Responses


def test_a_text_answer_has_no_voice() -> None:
    client = Client(output_modalities=["text"])
    client.text("how many?")
    assert acts(client.send("response.create"))[0] == StartShadow(1, "how many?")
    said = client.talk.words(1, " Three.")
    assert acts(said) == [EndTurn(1, " Three.")]
    assert kinds(said)[0] == "response.output_text.delta"
    assert response_of(said)["output_modalities"] == ["text"]


def test_a_response_may_be_text_in_a_session_that_speaks() -> None:
    client = Client()
    client.text("how many?")
    client.respond(output_modalities=["text"], metadata={"client_event_id": "x"})
    said = client.talk.words(1, " Three.")
    response = response_of(said)
    assert response["metadata"] == {"client_event_id": "x"}
    assert not [effect for effect in said if isinstance(effect, Speak)]


def test_an_answer_has_as_many_tokens_as_it_may() -> None:
    client = Client(max_output_tokens=2)
    client.text("how many?")
    client.send("response.create")
    client.talk.words(1, " One", is_last=False)
    client.talk.words(1, " two", is_last=False)
    stopped = client.talk.words(1, " three", is_last=False)
    assert StopDecoding(1, " One two") in stopped
    ended = client.talk.voice(1, "One two")
    response = response_of(ended)
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}


def test_usage_is_what_was_taken_in_and_given_out() -> None:
    client = Client()
    client.text("how many things?")
    client.send("response.create")
    client.talk.give(HeadReady(1, Head.ANSWER, 1.0, TokensTaken(text=3, audio=0, image=16)))
    client.talk.words(1, " Three", is_last=False)
    client.talk.words(1, " things.")
    usage = response_of(client.talk.voice(1, "Three things."))["usage"]
    assert usage == {
        "total_tokens": 41,
        "input_tokens": 19,
        "output_tokens": 22,
        "input_token_details": {
            "text_tokens": 3,
            "audio_tokens": 0,
            "image_tokens": 16,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 2, "audio_tokens": 20},
    }


def test_an_engine_that_does_not_count_is_counted_for() -> None:
    talk = Talk()
    talk.answering()
    usage = response_of(talk.effects)["usage"]
    assert isinstance(usage, dict)
    assert (usage["input_tokens"], usage["output_tokens"]) == (4, 21)


def test_a_second_response_is_refused_while_one_is_active() -> None:
    client = Client()
    client.text("one")
    client.send("response.create")
    client.text("two")
    error = error_of(client.send("response.create"))
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "evt"


@pytest.mark.parametrize("path", list(AudioPath))
def test_a_response_may_follow_one_that_is_still_being_played(path: AudioPath) -> None:
    client = Client(path)
    turn = client.talk.answering(" It is red.")
    client.text("and now?")
    effects = client.send("response.create")
    assert acts(effects) == [
        EndTurn(turn, " It is red."),
        StartShadow(turn + 1, "and now?"),
        CommitTurn(turn + 1),
    ]
    client.talk.words(turn + 1, " Blue.")
    cut = client.talk.speech(3)  # over the rest of the first, before any voice of the second
    assert acts(cut)[0] == CancelTurn(turn + 1, "")
    assert client.talk.session.handle(Played(turn, 48_000, True), client.talk.now) == []


def test_a_response_is_cancelled_by_its_id() -> None:
    client = Client()
    client.text("one")
    client.send("response.create")
    error = error_of(client.send("response.cancel", response_id="resp_other"))
    assert error["code"] == "response_cancel_not_active"
    cancelled = client.send("response.cancel", response_id="resp_test_2")
    assert response_of(cancelled)["status_details"] == {
        "type": "cancelled",
        "reason": "client_cancelled",
    }
    assert FlushPlayout(1) not in cancelled
    assert error_of(client.send("response.cancel"))["code"] == "response_cancel_not_active"


def test_a_response_that_is_done_cannot_be_cancelled_over_messages() -> None:
    client = Client()
    client.talk.answering()
    assert error_of(client.send("response.cancel"))["code"] == "response_cancel_not_active"


def test_a_failed_response_says_so() -> None:
    client = Client()
    client.text("hello")
    client.send("response.create")
    client.talk.words(1, " Good", is_last=False)
    failed = client.talk.wait(9)
    assert response_of(failed)["status"] == "failed"


def test_limits_are_told_when_a_response_begins() -> None:
    client = Client()
    client.text("one")
    asked = client.send("response.create")
    began = [effect for effect in asked if isinstance(effect, TellLimits)]
    assert len(began) == 1
    assert kinds(asked[: asked.index(began[0])])[0] == "response.created"


# Outside of the conversation


def test_an_answer_outside_of_the_conversation() -> None:
    client = Client()
    turn = client.talk.answering()
    item = {"type": "message", "role": "user"}
    asked = client.respond(
        conversation="none",
        output_modalities=["text"],
        metadata={"topic": "x"},
        input=[
            {**item, "content": [{"type": "input_text", "text": "what colour?"}]},
            {"type": "item_reference", "id": "item_test_1"},
        ],
    )
    (aside,) = [effect for effect in asked if isinstance(effect, StartAside)]
    assert aside.text == "what colour?\nwhat colour is this"
    created = response_of(asked, "response.created")
    assert (created["conversation_id"], created["metadata"]) == (None, {"topic": "x"})
    assert client.talk.session.state == "answering"  # the other answer is not touched
    client.talk.give(HeadReady(aside.turn, Head.ANSWER, 1.0, TokensTaken(text=9)))
    said = client.talk.words(aside.turn, " Red.")
    assert acts(said) == [EndAside(aside.turn)]
    response = response_of(said)
    assert response["status"] == "completed"
    details = fields_of(fields_of(response, "usage"), "input_token_details")
    assert (details["text_tokens"], details["cached_tokens"]) == (9, 0)
    assert not [kind for kind in kinds(asked + said) if kind.startswith("conversation.")]
    assert client.talk.session.state == "answering"
    assert acts(client.talk.wait(3)) == [EndTurn(turn, " It is red.")]


def test_an_answer_outside_of_the_conversation_may_be_spoken_in_messages() -> None:
    client = Client()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a?"}]}
    client.respond(conversation="none", input=[item])
    assert acts(client.talk.words(1, " Red.")) == [Speak(1, "Red.", True)]
    said = client.talk.voice(1, "Red.")
    assert [type(effect) for effect in acts(said)] == [SendAudio, EndAside]
    assert kinds(said)[0] == "response.output_audio.delta"


def test_an_answer_outside_that_fails_or_is_cancelled() -> None:
    client = Client()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a?"}]}
    wish = {"conversation": "none", "input": [item]}
    client.respond(**wish)
    failed = client.talk.give(AsideFailed(1, "no place is free", "engine_full"))
    assert error_of(failed)["code"] == "engine_full"
    assert response_of(failed)["status"] == "failed"
    client.respond(**wish)
    cancelled = client.send("response.cancel", response_id="resp_test_3")
    assert response_of(cancelled)["status"] == "cancelled"
    client.respond(**wish)
    late = client.talk.wait(9)
    assert response_of(late)["status"] == "failed"
    for _ in range(4):
        client.respond(**wish)
    assert error_of(client.respond(**wish))["code"] == "too_many_responses"


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"conversation": "none"}, "response.conversation"),
        ({"input": []}, "response.input"),
        ({"conversation": "none", "input": []}, "response.input"),
        ({"conversation": "none", "input": [3]}, "response.input[0]"),
        (
            {"conversation": "none", "input": [{"type": "item_reference", "id": "nope"}]},
            "response.input[0].id",
        ),
        (
            {
                "conversation": "none",
                "input": [
                    {
                        "type": "message",
                        "role": "system",
                        "content": [{"type": "input_text", "text": "Be brief."}],
                    }
                ],
            },
            "response.input[0]",
        ),
        ({"tool_choice": "required"}, "response.tool_choice"),
        ({"output_modalities": ["text", "audio"]}, "response.output_modalities"),
        ({"audio": {"output": {"voice": "nobody"}}}, "response.audio.output.voice"),
        ({"max_output_tokens": 0}, "response.max_output_tokens"),
        ({"nonsense": 1}, "response.nonsense"),
        ({"prompt": {"id": "x"}}, "response.prompt"),
    ],
)
def test_what_a_response_cannot_be_is_named(wish: dict[str, object], param: str) -> None:
    client = Client()
    client.text("hello")
    error = error_of(client.respond(**wish))
    assert error["param"] == param
    assert error["event_id"] == "evt"


def test_over_a_track_an_answer_outside_is_text() -> None:
    client = Client(AudioPath.TRACK)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a?"}]}
    error = error_of(client.respond(conversation="none", input=[item]))
    assert error["param"] == "response.output_modalities"


# Items and pictures


def test_a_picture_is_seen_before_it_is_asked_about() -> None:
    client = Client()
    image = {"type": "input_image", "image_url": PNG}
    created = client.item({"type": "input_text", "text": "what is this?"}, image)
    (look,) = [effect for effect in created if isinstance(effect, LookAt)]
    assert (look.picture.mime, look.picture.width) == ("image/png", 1)
    assert client.send("response.create") == []
    assert error_of(client.send("response.create"))["code"] == (
        "conversation_already_has_active_response"
    )
    seen = client.talk.give(PictureSeen(look.pts, True))
    assert acts(seen) == [StartShadow(1, "what is this?"), CommitTurn(1)]
    shown = told(client.send("conversation.item.retrieve", item_id="item_test_1"))[0]["item"]
    assert isinstance(shown, dict)
    assert shown["content"][1] == image


def test_a_picture_that_cannot_be_seen_is_told() -> None:
    client = Client()
    client.item({"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": PNG})
    client.send("response.create")
    failed = client.talk.give(StageFailed("camera", "it is damaged", is_fatal=False))
    assert error_of(failed)["code"] == "invalid_image"
    assert "response.created" in kinds(failed)
    client.send("response.cancel")
    client.item({"type": "input_image", "image_url": PNG})
    late = client.talk.wait(6)
    assert error_of(late)["code"] == "invalid_image"


def test_items_of_other_roles_need_a_model_that_takes_them() -> None:
    client = Client()
    content = {"type": "input_text", "text": "Be brief."}
    error = error_of(client.item(content, role="system"))
    assert (error["code"], error["param"]) == ("unsupported_item", "item")
    able = Client(abilities=ABLE)
    created = able.item(content, role="system", id="sys")
    (inserted,) = [effect for effect in created if isinstance(effect, InsertItem)]
    assert (inserted.item["id"], inserted.previous_item_id) == ("sys", None)
    assert acts(able.send("conversation.item.delete", item_id="sys")) == [EraseItem("sys")]


def test_a_deleted_text_is_not_asked() -> None:
    client = Client()
    client.text("one", id="a")
    client.text("two", id="b")
    client.send("conversation.item.delete", item_id="a")
    assert acts(client.send("response.create"))[0] == StartShadow(1, "two")


def test_texts_are_asked_in_the_order_of_their_items() -> None:
    client = Client()
    client.text("two", id="b")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}]}
    client.send("conversation.item.create", item={**item, "id": "a"}, previous_item_id="root")
    assert acts(client.send("response.create"))[0] == StartShadow(1, "one\ntwo")
    client.talk.words(1, "")
    error = error_of(client.send("conversation.item.create", item=item, previous_item_id="root"))
    assert error["code"] == "unsupported_position"
    error = error_of(client.send("conversation.item.create", item=item, previous_item_id="nope"))
    assert error["code"] == "invalid_previous_item_id"


def test_an_item_that_is_being_said_cannot_be_deleted() -> None:
    client = Client()
    client.text("one")
    client.send("response.create")
    error = error_of(client.send("conversation.item.delete", item_id="item_test_3"))
    assert error["code"] == "item_delete_in_progress"


# Functions


def calling(own_tools: frozenset[str] = frozenset(), **update: object) -> Client:
    update.setdefault("tools", [LOOK_UP])
    client = Client(AudioPath.MESSAGES, ABLE, own_tools, **update)
    client.text("look it up")
    client.send("response.create")
    return client


def test_a_clients_function_is_called_and_its_output_answered() -> None:
    client = calling()
    started = acts(client.talk.effects)
    assert isinstance(started[1], Prepare)
    assert [tool.name for tool in started[1].options.tools] == ["look_up"]
    called = client.talk.give(ToolCalled(1, "call_1", "look_up", '{"q": 1}'))
    assert kinds(called) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
    ]
    done = client.talk.words(1, "")
    response = response_of(done)
    (output,) = cast(list[Mapping[str, object]], response["output"])
    assert output["type"] == "function_call"
    given = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
    assert kinds(client.send("conversation.item.create", item=given)) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    again = client.send("conversation.item.create", item=given)
    assert error_of(again)["param"] == "item.call_id"
    assert CommitTurn(2) in client.send("response.create")
    unknown = {**given, "call_id": "call_9"}
    error = error_of(client.send("conversation.item.create", item=unknown))
    assert error["code"] == "invalid_function_call_output"


def test_a_shadows_functions_wait_for_the_commit() -> None:
    talk = Talk(abilities=ABLE, own_tools=frozenset({"time"}))
    talk.speech()
    talk.pause(3)
    talk.head(1)
    assert talk.give(ToolCalled(1, "call_1", "time", "{}")) == []
    assert acts(talk.speech(1)) == [RetractShadow(1)]  # never run
    talk.pause(3)
    talk.head(2)
    talk.give(ToolCalled(2, "call_2", "time", "{}"))
    committed = talk.pause(3)
    assert RunTool("call_2", "time", "{}") in committed


def test_a_function_of_ours_runs_and_the_model_goes_on() -> None:
    client = calling(frozenset({"time"}))
    called = client.talk.give(ToolCalled(1, "call_1", "time", "{}"))
    assert RunTool("call_1", "time", "{}") in called
    assert kinds(called) == ["conversation.item.added", "conversation.item.done"]
    assert response_of(client.talk.words(1, ""))["output"] == []
    went_on = client.talk.give(ToolFinished("call_1", "12:30"))
    (inserted,) = [effect for effect in went_on if isinstance(effect, InsertItem)]
    assert inserted.item["output"] == "12:30"
    assert CommitTurn(2) in went_on
    assert kinds(went_on)[:3] == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert client.talk.give(ToolFinished("call_1", "again")) == []


def test_functions_do_not_go_round_for_ever() -> None:
    client = calling(frozenset({"time"}))
    for turn in range(1, 9):
        client.talk.give(ToolCalled(turn, f"call_{turn}", "time", "{}"))
        client.talk.words(turn, "")
        went_on = client.talk.give(ToolFinished(f"call_{turn}", "x"))
        (prepared,) = [effect for effect in went_on if isinstance(effect, Prepare)]
        assert prepared.options.tool_choice == ("none" if turn == 8 else "auto")
    refused = client.talk.give(ToolCalled(9, "call_9", "time", "{}"))
    assert error_of(refused)["code"] == "tool_not_allowed" and acts(refused) == []


def test_a_forbidden_function_is_not_called() -> None:
    client = calling(tool_choice="none")
    called = client.talk.give(ToolCalled(1, "call_1", "look_up", "{}"))
    assert error_of(called)["code"] == "tool_not_allowed"


def test_a_model_of_items_knows_their_names_and_its_settings() -> None:
    client = Client(abilities=ABLE)
    changed = client.send("session.update", session={"instructions": "Be brief."})
    (configure,) = acts(changed)
    assert isinstance(configure, Configure)
    assert configure.config.instructions == "Be brief."
    client.text("hello", id="mine")
    assert NameItems(1, "mine", "item_test_2") in client.send("response.create")


# Transcripts of another model


def test_a_chosen_transcriber_writes_the_transcript() -> None:
    able = Abilities(transcribers=frozenset({"whisper-1"}))
    client = Client(abilities=able, audio={"input": {"transcription": {"model": "whisper-1"}}})
    talk = client.talk
    assert BeginTranscript("item_test_1", 0) in talk.speech(10)
    talk.text("wat colour")
    partial = talk.give(Transcribed("item_test_1", "What", " color", (), "en", 5120, 0.3, False))
    assert kinds(partial) == []
    talk.pause(3)
    talk.head(1)
    committed = talk.pause(3)
    assert EndTranscript("item_test_1", 10 * 512) in committed
    assert not [kind for kind in kinds(committed) if "transcription" in kind]
    more = talk.give(Transcribed("item_test_1", "What colour", "", (), "en", 5120, 0.3, False))
    assert told(more)[0]["delta"] == "What colour"
    final = talk.give(Transcribed("item_test_1", "What colour?", "", (), "en", 5120, 0.32, True))
    assert kinds(final) == [
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert told(final)[1]["usage"] == {"type": "duration", "seconds": 0.32}
    failed = talk.give(TranscriptionFailed("item_test_1", "no memory"))
    assert kinds(failed) == ["conversation.item.input_audio_transcription.failed"]


def test_noise_needs_no_transcript() -> None:
    able = Abilities(transcribers=frozenset({"whisper-1"}))
    client = Client(abilities=able, audio={"input": {"transcription": {"model": "whisper-1"}}})
    client.talk.speech(3)
    client.talk.pause(3)
    client.talk.head(1, Head.SILENT)
    assert DropTranscript("item_test_1") in client.talk.pause(30)


def test_no_transcript_is_told_to_who_wants_none() -> None:
    client = Client(audio={"input": {"transcription": None}})
    client.talk.answering()
    assert not [kind for kind in kinds(client.talk.effects) if "transcription" in kind]


# Ours


def test_messages_of_ours_are_kept_from_who_wants_none() -> None:
    talk = Talk(config=config_with(visavis={"events": False}))
    talk.answering()
    assert not [m for m in told(talk.effects) if str(m["type"]).startswith("visavis.")]


def test_every_published_server_event_but_those_of_remote_tools_has_a_model_here() -> None:
    ours = {kind for kind in MODELS if "mcp" not in kind}
    assert len(ours) == 38


def test_answers_may_be_asked_for_at_any_time_of_a_model_with_instructions() -> None:
    client = Client(abilities=ABLE)
    effects = client.respond(instructions="Greet the caller.")
    prepare = acts(effects)[0]
    assert isinstance(prepare, Prepare)
    assert prepare.options.instructions == "Greet the caller."
    assert StartShadow(1, None, 0) in effects
    assert client.talk.give(AnswerRequested()) != []
