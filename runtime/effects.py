"""Everything a conversation may want done. Carried out by the `SessionRunner`, decided by `Session`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .audio_path import AudioFormat
from .frames import Pcm
from .item_input import EncodedPicture
from .realtime_config import SessionConfig
from .response_options import ResponseOptions
from .sounds import Sound


@dataclass(frozen=True, slots=True)
class StartShadow:
    """Begin an answer nobody hears yet. `text` is a typed question, None for the spoken one; a
    `Recital` is what the answer is to say.

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
class StopDecoding:
    """The turn has as many tokens as it may: decode no more; `said` is what it says."""

    turn: int
    said: str


@dataclass(frozen=True, slots=True)
class ReviseTurn:
    """Of an answer that is over the context keeps only `heard`; None: neither it nor its question."""

    turn: int
    heard: str | None


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The turn was said to its end; `heard` is its whole text."""

    turn: int
    heard: str


@dataclass(frozen=True, slots=True)
class ForgetUtterance:
    """What was heard since the last turn was nothing (noise): drop its latents."""


@dataclass(frozen=True, slots=True)
class TellSound:
    """The model is told of a sound, in order with what it sees; it asks for no answer."""

    sound: Sound


@dataclass(frozen=True, slots=True)
class Configure:
    """The session's settings, for a model that follows them."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class Prepare:
    """How this turn is to be answered, for a model that can; before its `StartShadow`."""

    turn: int
    options: ResponseOptions


@dataclass(frozen=True, slots=True)
class InsertItem:
    """An item goes into the context after `previous_item_id` (None: first)."""

    item: Mapping[str, object]
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class NameItems:
    """Under which ids the client knows what a committed turn was asked (None: nothing new) and
    answers."""

    turn: int
    asked: str | None
    answer: str


@dataclass(frozen=True, slots=True)
class EraseItem:
    """An item is taken out of the context."""

    item_id: str


@dataclass(frozen=True, slots=True)
class LookAt:
    """Look at a picture of a message; answered by a `PictureSeen` with this `pts`."""

    picture: EncodedPicture
    pts: int


@dataclass(frozen=True, slots=True)
class StartAside:
    """Answer `text` about `pictures` in a fresh context of its own, or fail with `AsideFailed`."""

    turn: int
    text: str
    pictures: tuple[EncodedPicture, ...]
    options: ResponseOptions


@dataclass(frozen=True, slots=True)
class EndAside:
    """The answer outside of the conversation is over: its context goes."""

    turn: int


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a function of this process; answered by `ToolFinished`."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class TellLimits:
    """A response begins: the client is told how much it may still send, where that is counted."""


@dataclass(frozen=True, slots=True)
class BeginTranscript:
    """The chosen transcriber follows an utterance from here on."""

    item_id: str
    start_pts: int


@dataclass(frozen=True, slots=True)
class EndTranscript:
    """The utterance is over: its whole transcript is wanted."""

    item_id: str
    end_pts: int


@dataclass(frozen=True, slots=True)
class DropTranscript:
    """It was noise."""

    item_id: str


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
class HoldPlayout:
    """Stop what is playing now, and say by `PlayoutHeld` how far it came: the turn is not over, and
    what was not sent of it may be played again."""

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
    | StopDecoding
    | ReviseTurn
    | EndTurn
    | ForgetUtterance
    | TellSound
    | Configure
    | Prepare
    | InsertItem
    | NameItems
    | EraseItem
    | LookAt
    | StartAside
    | EndAside
    | RunTool
    | TellLimits
    | BeginTranscript
    | EndTranscript
    | DropTranscript
    | Speak
    | Play
    | SendAudio
    | FlushPlayout
    | HoldPlayout
    | SetCamera
    | Emit
    | EndSession
)
