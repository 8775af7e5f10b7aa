"""What a message of the session means to a host."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from visavis.pipelines.call_events import (
    CallEvent,
    Heard,
    Hearing,
    Other,
    Problem,
    Said,
    Saying,
    event_of,
)

TRANSCRIPTION = "conversation.item.input_audio_transcription"


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "visavis.transcript.partial", "text": "wh"}, Hearing("wh")),
        ({"type": f"{TRANSCRIPTION}.completed", "transcript": "what"}, Heard("what")),
        ({"type": "response.output_audio_transcript.delta", "delta": " It"}, Saying(" It")),
        ({"type": "response.output_text.delta", "delta": " It"}, Saying(" It")),
        ({"type": "response.output_audio_transcript.done", "transcript": "It is."}, Said("It is.")),
        ({"type": "response.output_text.done", "text": "It is."}, Said("It is.")),
        ({"type": "error", "error": {"code": "c", "message": "m"}}, Problem("c", "m")),
        ({"type": "error"}, Problem("", "")),
        ({"type": "session.created"}, Other({"type": "session.created"})),
        ({}, Other({})),
    ],
)
def test_messages_become_events(message: Mapping[str, object], event: CallEvent) -> None:
    assert event_of(message) == event
