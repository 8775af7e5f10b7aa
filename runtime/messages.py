"""The server's messages, in the shapes of the OpenAI Realtime API (GA); ours begin with `visavis.`.

Pure functions from values to JSON objects. `event_id` is added by the transport. Field by field
after the published client types: a user's `input_audio` part always has a `transcript` key (null is
fine, a missing one kills a client), `item.status` is never null. What a response says is in
`response_messages.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .events import Energy, RateLimit
from .items import Item

Message = dict[str, object]


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


def timeout_triggered(item_id: str, audio_start_ms: int, audio_end_ms: int) -> Message:
    """Nobody spoke from `audio_start_ms` to `audio_end_ms`: that silence becomes the item."""
    return {
        "type": "input_audio_buffer.timeout_triggered",
        "item_id": item_id,
        "audio_start_ms": audio_start_ms,
        "audio_end_ms": audio_end_ms,
    }


def transcription_delta(item_id: str, delta: str) -> Message:
    return {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": item_id,
        "content_index": 0,
        "delta": delta,
    }


def transcription_failed(item_id: str, why: str) -> Message:
    return {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": item_id,
        "content_index": 0,
        "error": {"type": "server_error", "code": "transcription_failed", "message": why},
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


def answer_item(item_id: str, words: str | None, status: str, *, has_voice: bool = True) -> Item:
    """`words` None while nothing has been said. `status`: in_progress|completed|incomplete."""
    content: list[object] = []
    if words is not None:
        kind, name = ("output_audio", "transcript") if has_voice else ("output_text", "text")
        content = [{"type": kind, name: words}]
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def call_item(item_id: str, call_id: str, name: str, arguments: str, status: str) -> Item:
    """A function call. `status`: in_progress|completed|incomplete."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def output_item(item_id: str, call_id: str, output: str) -> Item:
    """What a function gave."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call_output",
        "status": "completed",
        "call_id": call_id,
        "output": output,
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


def rate_limits(limits: Sequence[RateLimit]) -> Message:
    return {
        "type": "rate_limits.updated",
        "rate_limits": [
            {
                "name": limit.name,
                "limit": limit.limit,
                "remaining": limit.remaining,
                "reset_seconds": limit.reset_seconds,
            }
            for limit in limits
        ],
    }


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


def playout_paused(response_id: str, audio_ms: int) -> Message:
    """Somebody speaks into the answer, which stopped after `audio_ms` of its sound: it will be cut, or
    go on from there (`playout_resumed`)."""
    return {"type": "visavis.playout.paused", "response_id": response_id, "audio_ms": audio_ms}


def playout_resumed(response_id: str, audio_ms: int) -> Message:
    """What was heard was no interruption: the answer goes on where it stopped."""
    return {"type": "visavis.playout.resumed", "response_id": response_id, "audio_ms": audio_ms}


def picture_seen(pts: int, changed: bool) -> Message:
    """A picture was looked at; `pts` in 90 kHz ticks of the sender's clock."""
    return {"type": "visavis.picture.seen", "pts": pts, "changed": changed}


def sound(kind: str, level: str, pitch: str | None, audio_end_ms: int) -> Message:
    """A sound that is no speech was heard, and the model knows of it. `pitch` None: it has none."""
    return {
        "type": "visavis.sound",
        "kind": kind,
        "level": level,
        "pitch": pitch,
        "audio_end_ms": audio_end_ms,
    }


def camera(is_on: bool) -> Message:
    return {"type": "visavis.camera", "is_on": is_on}


def conversation_items(items: Sequence[Item], state: str, *, is_last: bool) -> Message:
    """A part of the conversation so far, in its order, on the client's wish; `state` as in `state`."""
    return {
        "type": "visavis.conversation.items",
        "items": list(items),
        "state": state,
        "is_last": is_last,
    }


def sampler_hint(max_fps: int, max_width: int) -> Message:
    """More than this is not looked at: sending it is a waste."""
    return {"type": "visavis.sampler.hint", "max_fps": max_fps, "max_width": max_width}


def load(step: int, name: str, reason: str, what: str) -> Message:
    """The server does less for everybody (step 1 to 4), or all of it again (0), and why."""
    return {"type": "visavis.load", "step": step, "name": name, "reason": reason, "what": what}


def turn_ledger(
    turn: int,
    response_id: str,
    latencies: Mapping[str, float],
    stages: Mapping[str, float],
    counts: Mapping[str, int],
    energy: Energy | None = None,
) -> Message:
    """`ms`: the latencies of the turn; `stages_ms`: every stage, from the first stamp on; `energy`:
    an estimate with its basis, or null."""
    estimate = None
    if energy is not None:
        estimate = {"joules": energy.joules, "basis": energy.basis, "is_estimate": True}
    return {
        "type": "visavis.ledger",
        "turn": turn,
        "response_id": response_id,
        "ms": dict(latencies),
        "stages_ms": dict(stages),
        "counts": dict(counts),
        "energy": estimate,
    }


def abilities(can: Mapping[str, object]) -> Message:
    """What the model and the voice of this session can do; the rest is refused in words."""
    return {"type": "visavis.abilities", **can}


def session_ended(why: str) -> Message:
    return {"type": "visavis.session.ended", "why": why}
