"""The messages of one response, in the shapes of the OpenAI Realtime API (GA).

Pure functions. Content part fields are absent rather than null: clients check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .items import Item
from .messages import Message


@dataclass(frozen=True, slots=True)
class Part:
    """Where a content part is, and of which kind."""

    response_id: str
    item_id: str
    output_index: int
    has_voice: bool

    @property
    def place(self) -> Message:
        """The fields every message about it has."""
        return {
            "response_id": self.response_id,
            "item_id": self.item_id,
            "output_index": self.output_index,
            "content_index": 0,
        }

    def content(self, words: str) -> Message:
        """The part as it is shown."""
        if self.has_voice:
            return {"type": "audio", "transcript": words}
        return {"type": "text", "text": words}


def created(response: Mapping[str, object]) -> Message:
    return {"type": "response.created", "response": dict(response)}


def done(response: Mapping[str, object]) -> Message:
    return {"type": "response.done", "response": dict(response)}


def item_added(response_id: str, output_index: int, item: Item) -> Message:
    return {
        "type": "response.output_item.added",
        "response_id": response_id,
        "output_index": output_index,
        "item": item,
    }


def item_done(response_id: str, output_index: int, item: Item) -> Message:
    return {
        "type": "response.output_item.done",
        "response_id": response_id,
        "output_index": output_index,
        "item": item,
    }


def part_added(part: Part) -> Message:
    return {"type": "response.content_part.added", **part.place, "part": part.content("")}


def part_done(part: Part, words: str) -> Message:
    return {"type": "response.content_part.done", **part.place, "part": part.content(words)}


def words_delta(part: Part, delta: str) -> Message:
    kind = "output_audio_transcript" if part.has_voice else "output_text"
    return {"type": f"response.{kind}.delta", **part.place, "delta": delta}


def words_done(part: Part, words: str) -> Message:
    if part.has_voice:
        kind, name = "output_audio_transcript", "transcript"
    else:
        kind, name = "output_text", "text"
    return {"type": f"response.{kind}.done", **part.place, name: words}


def audio_delta(part: Part) -> Message:
    """All but the `delta` itself, which the transport encodes."""
    return {"type": "response.output_audio.delta", **part.place}


def audio_done(part: Part) -> Message:
    return {"type": "response.output_audio.done", **part.place}


def arguments_delta(part: Part, call_id: str, delta: str) -> Message:
    return {
        "type": "response.function_call_arguments.delta",
        "response_id": part.response_id,
        "item_id": part.item_id,
        "output_index": part.output_index,
        "call_id": call_id,
        "delta": delta,
    }


def arguments_done(part: Part, call_id: str, name: str, arguments: str) -> Message:
    return {
        "type": "response.function_call_arguments.done",
        "response_id": part.response_id,
        "item_id": part.item_id,
        "output_index": part.output_index,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def playout_started(response_id: str) -> Message:
    return {"type": "output_audio_buffer.started", "response_id": response_id}


def playout_stopped(response_id: str) -> Message:
    return {"type": "output_audio_buffer.stopped", "response_id": response_id}


def playout_cleared(response_id: str) -> Message:
    return {"type": "output_audio_buffer.cleared", "response_id": response_id}


def cancelled(reason: str) -> Message:
    """status_details of an answer that was stopped: turn_detected | client_cancelled."""
    return {"type": "cancelled", "reason": reason}


def incomplete(reason: str) -> Message:
    """status_details of one that had no more room: max_output_tokens."""
    return {"type": "incomplete", "reason": reason}


def failed(why: str) -> Message:
    """status_details of one that could not go on."""
    return {
        "type": "failed",
        "error": {"type": "server_error", "code": "answer_failed", "message": why},
    }


def snapshot(
    response_id: str,
    status: str,
    output: Sequence[Item],
    *,
    conversation_id: str | None,
    shape: Mapping[str, object],
    details: Mapping[str, object] | None = None,
    usage: Mapping[str, object] | None = None,
) -> Message:
    """The `response` object; `shape` are the fields that stay as they were asked for."""
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": None if details is None else dict(details),
        "output": list(output),
        "conversation_id": conversation_id,
        **shape,
        "usage": None if usage is None else dict(usage),
    }
