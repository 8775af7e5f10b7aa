"""The server's messages, in the shapes of the OpenAI Realtime API (GA); ours begin with `visavis.`.

Pure functions from values to JSON objects. `event_id` is added by the transport. Field by field
after the published client types: a user's `input_audio` part always has a `transcript` key (null is
fine, a missing one kills a client), `item.status` is never null, content part fields are absent
rather than null.
"""

from __future__ import annotations

from collections.abc import Mapping

Message = dict[str, object]
Item = dict[str, object]


def session_created(session: Mapping[str, object]) -> Message:
    return {"type": "session.created", "session": dict(session)}


def session_updated(session: Mapping[str, object]) -> Message:
    return {"type": "session.updated", "session": dict(session)}


def error(
    message: str,
    *,
    kind: str = "invalid_request_error",
    code: str | None = None,
    param: str | None = None,
    event_id: str | None = None,
) -> Message:
    """`event_id` is the client's event that caused it."""
    return {
        "type": "error",
        "error": {
            "type": kind,
            "code": code,
            "message": message,
            "param": param,
            "event_id": event_id,
        },
    }


# What the person says


def speech_started(item_id: str, audio_start_ms: int) -> Message:
    return {
        "type": "input_audio_buffer.speech_started",
        "item_id": item_id,
        "audio_start_ms": audio_start_ms,
    }


def speech_stopped(item_id: str, audio_end_ms: int) -> Message:
    return {
        "type": "input_audio_buffer.speech_stopped",
        "item_id": item_id,
        "audio_end_ms": audio_end_ms,
    }


def audio_committed(item_id: str, previous_item_id: str | None) -> Message:
    return {
        "type": "input_audio_buffer.committed",
        "item_id": item_id,
        "previous_item_id": previous_item_id,
    }


def audio_cleared() -> Message:
    return {"type": "input_audio_buffer.cleared"}


def transcription_delta(item_id: str, delta: str) -> Message:
    return {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": item_id,
        "content_index": 0,
        "delta": delta,
    }


def transcription_completed(item_id: str, transcript: str, seconds: float) -> Message:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": transcript,
        "usage": {"type": "duration", "seconds": round(seconds, 3)},
    }


# Items


def spoken_item(item_id: str, transcript: str | None) -> Item:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": transcript}],
    }


def typed_item(item_id: str, text: str) -> Item:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


def answer_item(item_id: str, transcript: str | None, status: str) -> Item:
    """`transcript` None while nothing has been said. `status`: in_progress|completed|incomplete."""
    content: list[object] = []
    if transcript is not None:
        content = [{"type": "output_audio", "transcript": transcript}]
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def item_added(item: Item, previous_item_id: str | None) -> Message:
    return {
        "type": "conversation.item.added",
        "previous_item_id": previous_item_id,
        "item": item,
    }


def item_done(item: Item, previous_item_id: str | None) -> Message:
    return {
        "type": "conversation.item.done",
        "previous_item_id": previous_item_id,
        "item": item,
    }


def item_retrieved(item: Item) -> Message:
    return {"type": "conversation.item.retrieved", "item": item}


def item_deleted(item_id: str) -> Message:
    return {"type": "conversation.item.deleted", "item_id": item_id}


def item_truncated(item_id: str, audio_end_ms: int) -> Message:
    return {
        "type": "conversation.item.truncated",
        "item_id": item_id,
        "content_index": 0,
        "audio_end_ms": audio_end_ms,
    }


# The answer


def response(
    response_id: str,
    *,
    status: str,
    output: list[Item],
    conversation_id: str,
    metadata: Mapping[str, object] | None = None,
    status_details: Mapping[str, object] | None = None,
    has_usage: bool = False,
) -> Message:
    """The `response` object of response.created and response.done."""
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": None if status_details is None else dict(status_details),
        "output": list(output),
        "conversation_id": conversation_id,
        "output_modalities": ["audio"],
        "metadata": None if metadata is None else dict(metadata),
        "usage": {"total_tokens": 0, "input_tokens": 0, "output_tokens": 0} if has_usage else None,
    }


def response_created(body: Message) -> Message:
    return {"type": "response.created", "response": body}


def response_done(body: Message) -> Message:
    return {"type": "response.done", "response": body}


def output_item_added(response_id: str, item: Item) -> Message:
    return {
        "type": "response.output_item.added",
        "response_id": response_id,
        "output_index": 0,
        "item": item,
    }


def output_item_done(response_id: str, item: Item) -> Message:
    return {
        "type": "response.output_item.done",
        "response_id": response_id,
        "output_index": 0,
        "item": item,
    }


def _part(response_id: str, item_id: str) -> Message:
    return {
        "response_id": response_id,
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
    }


def content_part_added(response_id: str, item_id: str) -> Message:
    return {
        "type": "response.content_part.added",
        **_part(response_id, item_id),
        "part": {"type": "audio", "transcript": ""},
    }


def content_part_done(response_id: str, item_id: str, transcript: str) -> Message:
    return {
        "type": "response.content_part.done",
        **_part(response_id, item_id),
        "part": {"type": "audio", "transcript": transcript},
    }


def transcript_delta(response_id: str, item_id: str, delta: str) -> Message:
    return {
        "type": "response.output_audio_transcript.delta",
        **_part(response_id, item_id),
        "delta": delta,
    }


def transcript_done(response_id: str, item_id: str, transcript: str) -> Message:
    return {
        "type": "response.output_audio_transcript.done",
        **_part(response_id, item_id),
        "transcript": transcript,
    }


def playout_started(response_id: str) -> Message:
    return {"type": "output_audio_buffer.started", "response_id": response_id}


def playout_stopped(response_id: str) -> Message:
    return {"type": "output_audio_buffer.stopped", "response_id": response_id}


def playout_cleared(response_id: str) -> Message:
    return {"type": "output_audio_buffer.cleared", "response_id": response_id}


# Ours


def state(name: str) -> Message:
    """listening | hearing | thinking | speaking"""
    return {"type": "visavis.state", "state": name}


def transcript_partial(item_id: str, text: str) -> Message:
    """What was understood so far, whole, while the person speaks."""
    return {"type": "visavis.transcript.partial", "item_id": item_id, "text": text}


def utterance_ignored(item_id: str, why: str) -> Message:
    """What began with speech_started was nothing to answer."""
    return {"type": "visavis.utterance.ignored", "item_id": item_id, "why": why}


def picture_seen(pts: int, changed: bool) -> Message:
    """A picture was looked at; `pts` in 90 kHz ticks of the sender's clock."""
    return {"type": "visavis.picture.seen", "pts": pts, "changed": changed}


def camera(is_on: bool) -> Message:
    return {"type": "visavis.camera", "is_on": is_on}


def sampler_hint(max_fps: int, max_width: int) -> Message:
    """More than this is not looked at: sending it is a waste."""
    return {"type": "visavis.sampler.hint", "max_fps": max_fps, "max_width": max_width}


def load(level: int, what: str) -> Message:
    """The server does less for everybody (level 1 to 4), or all of it again (0)."""
    return {"type": "visavis.load", "level": level, "what": what}


def turn_ledger(
    turn: int,
    response_id: str,
    latencies: Mapping[str, float],
    stages: Mapping[str, float],
    counts: Mapping[str, int],
) -> Message:
    """`ms`: the latencies of the turn; `stages_ms`: every stage, from the first stamp on."""
    return {
        "type": "visavis.ledger",
        "turn": turn,
        "response_id": response_id,
        "ms": dict(latencies),
        "stages_ms": dict(stages),
        "counts": dict(counts),
    }


def session_ended(why: str) -> Message:
    return {"type": "visavis.session.ended", "why": why}
