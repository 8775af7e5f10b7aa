"""RTVI's messages to a client: pure functions from values to the texts that go out.

Everything carries the label `rtvi-ai`, except signalling, which has a shape of its own. `id` is that
of the client's message which is answered; what answers nothing has none.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

LABEL = "rtvi-ai"
PROTOCOL_VERSION = "2.1.0"
"""What `bot-ready` says: from 2.1 on a client sends its DTMF keys in one message."""


def encode(kind: str, data: object = None, message_id: str | None = None) -> str:
    """Any message: its type, its data where it has some, and whose answer it is."""
    message: dict[str, object] = {"label": LABEL, "type": kind}
    if message_id is not None:
        message["id"] = message_id
    if data is not None:
        message["data"] = data
    return msgspec.json.encode(message).decode()


def signalling(kind: str) -> str:
    """renegotiate: the client offers again; peerLeft: the agent is gone."""
    return msgspec.json.encode({"type": "signalling", "message": {"type": kind}}).decode()


def bot_ready(message_id: str, about: Mapping[str, object]) -> str:
    """`connect()` of the client waits for it; `about` names the server's software."""
    return encode("bot-ready", {"version": PROTOCOL_VERSION, "about": dict(about)}, message_id)


def error(why: str, *, fatal: bool = False) -> str:
    """Something went wrong that no message of the client asked for. `fatal` ends its call."""
    return encode("error", {"error": why, "message": why, "fatal": fatal})


def error_response(message_id: str, why: str, code: str | None = None) -> str:
    """The client's message can't be used."""
    return encode("error-response", {"error": why, "code": code}, message_id)


def server_response(message_id: str, kind: str, data: object) -> str:
    """The answer to a `client-message` of type `kind`."""
    return encode("server-response", {"t": kind, "d": data}, message_id)


def server_message(data: Mapping[str, object]) -> str:
    """Something RTVI has no message for."""
    return encode("server-message", dict(data))


# The person


def user_transcription(text: str, *, final: bool, timestamp: str) -> str:
    """What was understood so far, whole. `timestamp`: ISO 8601."""
    return encode(
        "user-transcription",
        {"text": text, "final": final, "timestamp": timestamp, "user_id": "user"},
    )


# The answer


def text(kind: str, words: str) -> str:
    """bot-llm-text | bot-tts-text | user-llm-text"""
    return encode(kind, {"text": words})


def bot_output(words: str, segment: int, status: str) -> str:
    """A sentence of the answer. `status`: new | completed for one that is spoken, "unspoken" for
    one that is shown only. Clients of protocol 1 read `spoken`, later ones the other fields."""
    data: dict[str, object] = {
        "text": words,
        "aggregated_by": "sentence",
        "output_type": "sentence",
        "segment_id": segment,
        "spoken": status == "completed",
        "will_be_spoken": status != "unspoken",
        "spoken_status": "completed" if status == "completed" else "new",
    }
    if status != "unspoken":
        is_said = status == "completed"
        data["spoken_progress"] = {
            "accumulated_text": words if is_said else "",
            "remaining_text": "" if is_said else words,
        }
    return encode("bot-output", data)


# Function calls


def call_started(name: str) -> str:
    return encode("llm-function-call-started", {"function_name": name})


def call_in_progress(name: str, call_id: str, arguments: object) -> str:
    """`arguments`: a JSON object, or the text that was meant to be one."""
    return encode(
        "llm-function-call-in-progress",
        {"function_name": name, "tool_call_id": call_id, "arguments": arguments},
    )


def call_stopped(name: str, call_id: str, *, cancelled: bool, result: object = None) -> str:
    data: dict[str, object] = {
        "function_name": name,
        "tool_call_id": call_id,
        "cancelled": cancelled,
    }
    if not cancelled:
        data["result"] = result
    return encode("llm-function-call-stopped", data)
