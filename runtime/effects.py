"""Everything a conversation may want done. Carried out by the `SessionRunner`, decided by `Session`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .audio_path import AudioFormat
from .frames import Pcm


@dataclass(frozen=True, slots=True)
class StartShadow:
    """Begin an answer nobody hears yet. `text` is a typed question, None for the spoken one.

    `tail_pts` is one past the last voiced sample of the utterance: the answer needs the audio up to
    there (None for a typed question).
    """

    turn: int
    text: str | None = None
    tail_pts: int | None = None


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The shadow becomes the turn: from now on its words and voice go out."""

    turn: int


@dataclass(frozen=True, slots=True)
class RetractShadow:
    """Drop a shadow; what was heard of the person stays in the cache."""

    turn: int


@dataclass(frozen=True, slots=True)
class CancelTurn:
    """Cut a committed turn. `heard` is the text the person heard: the context keeps only that."""

    turn: int
    heard: str


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The turn was said to its end; `heard` is its whole text."""

    turn: int
    heard: str


@dataclass(frozen=True, slots=True)
class ForgetUtterance:
    """What was heard since the last turn was nothing (noise): drop its latents."""


@dataclass(frozen=True, slots=True)
class Speak:
    """Synthesise this phrase of a turn (also for a shadow, so that its first audio is ready)."""

    turn: int
    phrase: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class Play:
    """Queue voiced audio of a committed turn for playout."""

    turn: int
    pcm: Pcm
    text: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Send voiced audio inside messages, at once and in order with them. `message` is a
    response.output_audio.delta that lacks its `delta`; `pcm` mono at SPEAKING_RATE."""

    message: Mapping[str, object]
    pcm: Pcm
    kind: AudioFormat
    is_last: bool


@dataclass(frozen=True, slots=True)
class FlushPlayout:
    """Stop what is playing now; nothing of the turn is sent after the packet in flight."""

    turn: int


@dataclass(frozen=True, slots=True)
class SetCamera:
    """From now on the model knows whether there is a picture to look at."""

    is_on: bool


@dataclass(frozen=True, slots=True)
class Emit:
    """Send a protocol message to the client (OpenAI Realtime event shape; `event_id` added later)."""

    message: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class EndSession:
    """Close the conversation; `why` is told to the person."""

    why: str


Effect = (
    StartShadow
    | CommitTurn
    | RetractShadow
    | CancelTurn
    | EndTurn
    | ForgetUtterance
    | Speak
    | Play
    | SendAudio
    | FlushPlayout
    | SetCamera
    | Emit
    | EndSession
)
