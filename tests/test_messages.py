"""The fields that clients break without."""

from __future__ import annotations

from visavis.runtime import messages
from visavis.runtime.events import RateLimit


def test_a_spoken_item_always_has_a_transcript_key() -> None:
    assert messages.spoken_item("i", None)["content"] == [
        {"type": "input_audio", "transcript": None}
    ]


def test_item_status_is_never_null() -> None:
    for item in (
        messages.spoken_item("i", None),
        messages.typed_item("i", "x"),
        messages.answer_item("i", None, "in_progress"),
    ):
        assert isinstance(item["status"], str)


def test_a_transcription_has_usage() -> None:
    message = messages.transcription_completed("i", "hi", 1.23456)
    assert message["usage"] == {"type": "duration", "seconds": 1.235}


def test_a_failed_transcription_says_why() -> None:
    error = messages.transcription_failed("i", "no memory")["error"]
    assert isinstance(error, dict)
    assert error["message"] == "no memory"


def test_an_answer_without_a_voice_is_text() -> None:
    item = messages.answer_item("i", "Red", "completed", has_voice=False)
    assert item["content"] == [{"type": "output_text", "text": "Red"}]


def test_rate_limits_have_the_published_names() -> None:
    told = messages.rate_limits([RateLimit("requests", 10, 9, 1.5)])
    assert told["rate_limits"] == [
        {"name": "requests", "limit": 10, "remaining": 9, "reset_seconds": 1.5}
    ]


def test_an_error_names_the_clients_event() -> None:
    error = messages.error("no", code="c", param="p", event_id="e")["error"]
    assert error == {
        "type": "invalid_request_error",
        "code": "c",
        "message": "no",
        "param": "p",
        "event_id": "e",
    }


def test_ours_are_namespaced() -> None:
    for message in (
        messages.state("listening"),
        messages.transcript_partial("i", "x"),
        messages.utterance_ignored("i", "noise"),
        messages.picture_seen(1, True),
        messages.camera(True),
        messages.sampler_hint(15, 640),
        messages.turn_ledger(1, "r", {}, {}, {}),
        messages.session_ended("bye"),
        messages.abilities({"pictures": 1}),
    ):
        assert str(message["type"]).startswith("visavis.")
