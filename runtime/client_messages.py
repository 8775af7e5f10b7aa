"""What the client's messages mean: JSON objects in, events for the session and replies out.

Pure but for the session's configuration, which it merges updates into. Anything it can't use raises
`BadInput`, which the runner turns into an `error` message that names the client's event. Audio
(`input_audio_buffer.append`, and `input_audio` of an item) is not decoded here: the runner sees to
it before it asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from . import messages
from .abilities import Abilities
from .audio_path import AudioPath
from .errors import BadInput
from .events import (
    AnswerRequested,
    AudioCleared,
    AudioCommitted,
    CameraChanged,
    CancelRequested,
    ConversationRequested,
    Event,
    ItemAudioBegun,
    ItemCreated,
    ItemDeleted,
    ItemRequested,
    ItemTruncated,
    PlaybackReported,
    SessionUpdated,
)
from .item_input import read_item
from .realtime_config import SessionConfig, VoiceId, default_config, merged, parsed, updated
from .response_options import read_options

__all__ = ["ClientMessages", "Translated", "default_config", "merged"]

MAX_NAME = 512
"""Characters of a type or an id."""


@dataclass(frozen=True, slots=True)
class Translated:
    """Events go to the session in order; then the replies go out."""

    events: tuple[Event, ...] = ()
    replies: tuple[messages.Message, ...] = ()
    audio: str | None = None
    """Base64 of an item's own audio: it is fed between the events, which begin and commit it."""


@dataclass(slots=True)
class ClientMessages:
    """Translates one client's messages."""

    config: dict[str, object] = field(default_factory=dict[str, object])
    """The session's configuration as the client sees it."""
    abilities: Abilities = field(default_factory=Abilities)
    path: AudioPath = AudioPath.TRACK
    own_voice: str = ""
    """The voice the session began with, which can always be had; read from `config` when empty."""
    count: int = 0
    """Items that were given a name here."""

    def __post_init__(self) -> None:
        if self.config and not self.own_voice:
            voice = self.checked.audio.output.voice
            self.own_voice = voice.id if isinstance(voice, VoiceId) else voice

    @property
    def checked(self) -> SessionConfig:
        """The configuration in its checked form."""
        return parsed(self.config)

    def configure(self, update: Mapping[str, object]) -> SessionConfig:
        """Lay `update` over the configuration. Raises `BadInput` and changes nothing."""
        config = updated(self.config, update)
        checked = parsed(config)
        self.abilities.check(checked, self.own_voice)
        self.config = config
        return checked

    def translate(self, message: Mapping[str, object]) -> Translated:
        """Raises `BadInput` for what can't be used; the session goes on."""
        kind = _text(message, "type")
        event_id = _optional_text(message, "event_id")
        match kind:
            case "session.update":
                checked = self.configure(_mapping(message, "session"))
                reply = messages.session_updated(self.config)
                return Translated((SessionUpdated(checked),), (reply,))
            case "conversation.item.create":
                return self._item_created(message, event_id)
            case "conversation.item.retrieve":
                return Translated((ItemRequested(_text(message, "item_id"), event_id),))
            case "conversation.item.delete":
                return Translated((ItemDeleted(_text(message, "item_id"), event_id),))
            case "conversation.item.truncate":
                end_ms = _number(message, "audio_end_ms")
                index = _number(message, "content_index") if "content_index" in message else 0
                item_id = _text(message, "item_id")
                return Translated((ItemTruncated(item_id, end_ms, event_id, index),))
            case "response.create":
                return Translated((self._answer_requested(message, event_id),))
            case "response.cancel":
                response_id = _optional_text(message, "response_id")
                return Translated((CancelRequested(event_id, response_id=response_id),))
            case "output_audio_buffer.clear":
                if self.path is AudioPath.MESSAGES:
                    raise BadInput(
                        "there is no output audio buffer where audio comes in messages: stop "
                        "playing, and send conversation.item.truncate",
                        code="webrtc_only",
                        param="type",
                    )
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
            case "visavis.conversation.replay":
                return Translated((ConversationRequested(),))
            case "visavis.playback":
                if self.path is AudioPath.TRACK:
                    raise BadInput(
                        "what was played is known from the media track: send nothing", param="type"
                    )
                played_ms = _number(message, "audio_ms")
                return Translated((PlaybackReported(_text(message, "item_id"), played_ms),))
            case _:
                raise BadInput(
                    f"message type {kind[:80]!r} is not known here",
                    code="unknown_type",
                    param="type",
                )

    def _item_created(self, message: Mapping[str, object], event_id: str | None) -> Translated:
        fields = _mapping(message, "item")
        new = read_item(fields)
        item_id = _optional_text(fields, "id", "item.id")
        previous = _optional_text(message, "previous_item_id")
        if new.audio is None:
            return Translated((ItemCreated(new.text, item_id, event_id, previous, new),))
        if self.path is AudioPath.TRACK:
            raise BadInput(
                "audio comes over the media track of this connection, not in items",
                code="unsupported_content",
                param="item.content",
            )
        if new.text or new.pictures:
            raise BadInput(
                "item.content has audio and something else: send them as two items",
                code="unsupported_content",
                param="item.content",
            )
        if item_id is None:
            self.count += 1
            item_id = f"item_audio_{self.count}"
        begun = ItemAudioBegun(item_id, event_id, previous)
        return Translated((begun, AudioCommitted(event_id, item_id)), audio=new.audio)

    def _answer_requested(
        self, message: Mapping[str, object], event_id: str | None
    ) -> AnswerRequested:
        fields = message.get("response")
        if fields is None:
            return AnswerRequested(event_id=event_id)
        if not isinstance(fields, Mapping):
            raise BadInput("response is not an object", param="response")
        wish = cast(Mapping[str, object], fields)
        return AnswerRequested(event_id=event_id, options=read_options(wish, self.checked))


def _text(message: Mapping[str, object], name: str, where: str | None = None) -> str:
    value = message.get(name)
    where = where or name
    if not isinstance(value, str) or not value:
        raise BadInput(f"{where} is missing or not a text", code="missing_field", param=where)
    if len(value) > MAX_NAME:
        raise BadInput(f"{where} is longer than {MAX_NAME} characters", param=where)
    return value


def _optional_text(
    message: Mapping[str, object], name: str, where: str | None = None
) -> str | None:
    return None if message.get(name) is None else _text(message, name, where)


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
