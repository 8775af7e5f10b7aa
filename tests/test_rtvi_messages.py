"""The shapes of RTVI's messages."""

from __future__ import annotations

import json
from typing import Any

from visavis.transports.rtvi import messages


def read(text: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(text)
    return message


def test_only_an_answer_has_an_id() -> None:
    assert read(messages.encode("bot-llm-started")) == {
        "label": "rtvi-ai",
        "type": "bot-llm-started",
    }
    assert read(messages.bot_ready("c1", {"library": "visavis"})) == {
        "label": "rtvi-ai",
        "type": "bot-ready",
        "id": "c1",
        "data": {"version": messages.PROTOCOL_VERSION, "about": {"library": "visavis"}},
    }
    assert read(messages.server_response("c2", "x", {"y": 1}))["data"] == {"t": "x", "d": {"y": 1}}
    assert read(messages.error_response("c3", "no", "bad"))["data"]["error"] == "no"
    assert messages.PROTOCOL_VERSION.startswith("2.")


def test_signalling_is_not_labelled() -> None:
    assert read(messages.signalling("peerLeft")) == {
        "type": "signalling",
        "message": {"type": "peerLeft"},
    }


def test_output_is_told_to_old_and_new_clients() -> None:
    new = read(messages.bot_output("Hello.", 3, "new"))["data"]
    assert (new["spoken"], new["spoken_status"], new["will_be_spoken"]) == (False, "new", True)
    assert new["spoken_progress"] == {"accumulated_text": "", "remaining_text": "Hello."}
    done = read(messages.bot_output("Hello.", 3, "completed"))["data"]
    assert (done["spoken"], done["spoken_status"]) == (True, "completed")
    assert done["spoken_progress"] == {"accumulated_text": "Hello.", "remaining_text": ""}
    shown = read(messages.bot_output("Hello.", 4, "unspoken"))["data"]
    assert (shown["will_be_spoken"], "spoken_progress" in shown) == (False, False)


def test_a_call_that_was_cancelled_has_no_result() -> None:
    assert "result" not in read(messages.call_stopped("f", "c", cancelled=True, result=1))["data"]
    assert read(messages.call_stopped("f", "c", cancelled=False, result={}))["data"]["result"] == {}
