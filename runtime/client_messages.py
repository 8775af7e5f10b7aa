"""What the client's messages mean: JSON objects in, events for the session and replies out.

Pure but for the session's configuration, which it merges updates into. Anything it can't use raises
`BadInput`, which the runner turns into an `error` message that names the client's event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from . import messages
from .errors import BadInput
from .events import (
    AnswerRequested,
    AudioCleared,
    AudioCommitted,
    CameraChanged,
    CancelRequested,
    Event,
    ItemCreated,
    ItemDeleted,
    ItemRequested,
    ItemTruncated,
    SessionUpdated,
)

MAX_TEXT = 8_000
"""Characters of one typed text or of the instructions."""
MAX_CONFIG_DEPTH = 8
MAX_METADATA = 16
"""Entries of a response's metadata (the published API's limit)."""


@dataclass(frozen=True, slots=True)
class Translated:
    """Events go to the session in order; then the replies go out."""

    events: tuple[Event, ...] = ()
    replies: tuple[messages.Message, ...] = ()


def default_config(session_id: str, *, model: str, voice: str) -> dict[str, object]:
    """The `session` object of session.created."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "instructions": "",
        "output_modalities": ["audio"],
        "tools": [],
        "tool_choice": "auto",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": model},
                "turn_detection": {
                    "type": "semantic_vad",
                    "eagerness": "auto",
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": voice},
        },
    }


def merged(config: Mapping[str, object], update: Mapping[str, object]) -> dict[str, object]:
    """`config` with `update` laid over it, object by object; null and lists replace."""
    return _merge(config, update, depth=0)


def _merge(
    config: Mapping[str, object], update: Mapping[str, object], depth: int
) -> dict[str, object]:
    if depth >= MAX_CONFIG_DEPTH:
        raise BadInput(f"session is nested deeper than {MAX_CONFIG_DEPTH} levels", param="session")
    result = dict(config)
    for name, value in update.items():
        old = result.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[name] = _merge(
                cast(Mapping[str, object], old), cast(Mapping[str, object], value), depth + 1
            )
        else:
            result[name] = value
    return result


@dataclass(slots=True)
class ClientMessages:
    """Translates one client's messages."""

    config: dict[str, object] = field(default_factory=dict[str, object])
    """The session's configuration as the client sees it."""

    def translate(self, message: Mapping[str, object]) -> Translated:
        """Raises `BadInput` for what can't be used; the session goes on."""
        kind = _text(message, "type")
        event_id = _optional_text(message, "event_id")
        match kind:
            case "session.update":
                return self._update(_mapping(message, "session"))
            case "conversation.item.create":
                return Translated((self._item_created(message, event_id),))
            case "conversation.item.retrieve":
                return Translated((ItemRequested(_text(message, "item_id"), event_id),))
            case "conversation.item.delete":
                return Translated((ItemDeleted(_text(message, "item_id"), event_id),))
            case "conversation.item.truncate":
                end_ms = _number(message, "audio_end_ms")
                return Translated((ItemTruncated(_text(message, "item_id"), end_ms, event_id),))
            case "response.create":
                return Translated((self._answer_requested(message, event_id),))
            case "response.cancel":
                return Translated((CancelRequested(event_id),))
            case "output_audio_buffer.clear":
                return Translated((CancelRequested(event_id, is_quiet=True),))
            case "input_audio_buffer.commit":
                return Translated((AudioCommitted(event_id),))
            case "input_audio_buffer.clear":
                return Translated((AudioCleared(),))
            case "input_audio_buffer.append":
                raise BadInput(
                    "audio comes over the media track of this connection, not in messages",
                    code="audio_over_track",
                    param="type",
                )
            case "visavis.camera":
                is_on = message.get("is_on")
                if not isinstance(is_on, bool):
                    raise BadInput(f"is_on is {is_on!r}: true or false is needed", param="is_on")
                return Translated((CameraChanged(is_on),))
            case _:
                raise BadInput(
                    f"message type {kind[:80]!r} is not known here",
                    code="unknown_type",
                    param="type",
                )

    def _update(self, update: Mapping[str, object]) -> Translated:
        kind = update.get("type", "realtime")
        if kind != "realtime":
            raise BadInput(
                f"session.type is {kind!r}: this server has 'realtime'", param="session.type"
            )
        own = ("id", "object", "model")  # ours to say
        config = merged(self.config, {k: v for k, v in update.items() if k not in own})
        instructions = config.get("instructions") or ""
        if not isinstance(instructions, str) or len(instructions) > MAX_TEXT:
            raise BadInput(
                f"instructions must be a text of at most {MAX_TEXT} characters",
                param="session.instructions",
            )
        event = SessionUpdated(instructions, _has_turn_detection(config))
        self.config = config
        return Translated((event,), (messages.session_updated(config),))

    def _item_created(self, message: Mapping[str, object], event_id: str | None) -> ItemCreated:
        item = _mapping(message, "item")
        kind, role = item.get("type", "message"), item.get("role", "user")
        if kind != "message" or role != "user":
            raise BadInput(
                f"an item of type {kind!r} and role {role!r} can't be used: "
                "only the user's messages can be added",
                code="unsupported_item",
                param="item",
            )
        parts = item.get("content")
        if not isinstance(parts, list) or not parts:
            raise BadInput("item.content is empty: a text is needed", param="item.content")
        texts: list[str] = []
        for index, part in enumerate(cast(list[object], parts)):
            where = f"item.content[{index}]"
            fields: Mapping[str, object] = {}
            if isinstance(part, Mapping):
                fields = cast(Mapping[str, object], part)
            text = fields.get("text")
            if fields.get("type") != "input_text" or not isinstance(text, str):
                raise BadInput(
                    f"{where} is not an input_text: audio and pictures come over media tracks",
                    code="unsupported_content",
                    param=where,
                )
            texts.append(text)
        text = "\n".join(texts).strip()
        if not text:
            raise BadInput("item.content has no text in it", param="item.content")
        if len(text) > MAX_TEXT:
            raise BadInput(
                f"the text has {len(text)} characters: {MAX_TEXT} is the most",
                code="string_above_max_length",
                param="item.content",
            )
        item_id = _optional_text(item, "id")
        return ItemCreated(text, item_id, event_id)

    @staticmethod
    def _answer_requested(message: Mapping[str, object], event_id: str | None) -> AnswerRequested:
        options = message.get("response")
        metadata: object = None
        if isinstance(options, Mapping):
            metadata = cast(Mapping[str, object], options).get("metadata")
        elif options is not None:
            raise BadInput("response is not an object", param="response")
        if metadata is None:
            return AnswerRequested(None, event_id)
        if not isinstance(metadata, Mapping):
            raise BadInput("response.metadata is not an object", param="response.metadata")
        entries = cast(Mapping[str, object], metadata)
        if len(entries) > MAX_METADATA or any(
            not isinstance(value, str) or len(value) > 512 for value in entries.values()
        ):
            raise BadInput(
                f"response.metadata takes {MAX_METADATA} texts of at most 512 characters",
                param="response.metadata",
            )
        return AnswerRequested(dict(entries), event_id)


def _has_turn_detection(config: Mapping[str, object]) -> bool:
    audio = config.get("audio")
    if not isinstance(audio, Mapping):
        raise BadInput("session.audio is not an object", param="session.audio")
    source = cast(Mapping[str, object], audio).get("input")
    if not isinstance(source, Mapping):
        raise BadInput("session.audio.input is not an object", param="session.audio.input")
    detection = cast(Mapping[str, object], source).get("turn_detection")
    if detection is not None and not isinstance(detection, Mapping):
        raise BadInput(
            "turn_detection is neither null nor an object",
            param="session.audio.input.turn_detection",
        )
    return detection is not None


def _text(message: Mapping[str, object], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{name} is missing or not a text", code="missing_field", param=name)
    if len(value) > 512:
        raise BadInput(f"{name} is longer than 512 characters", param=name)
    return value


def _optional_text(message: Mapping[str, object], name: str) -> str | None:
    return None if message.get(name) is None else _text(message, name)


def _mapping(message: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = message.get(name)
    if not isinstance(value, Mapping):
        raise BadInput(f"{name} is missing or not an object", code="missing_field", param=name)
    return cast(Mapping[str, object], value)


def _number(message: Mapping[str, object], name: str) -> int:
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(f"{name} is {value!r}: a whole number from 0 on is needed", param=name)
    return value
