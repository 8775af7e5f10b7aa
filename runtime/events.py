"""Everything that can happen to a conversation. Facts, each with what is needed to decide.

An event log is a conversation: the same events at the same times give the same effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .frames import Pcm
from .item_input import NewItem
from .realtime_config import SessionConfig
from .response_options import ResponseOptions
from .sounds import Sound


class Head(StrEnum):
    """What the model makes of the words so far, before it answers."""

    ANSWER = "answer"
    """A finished thing to answer."""
    WAIT = "wait"
    """The person is not finished: keep listening unless the silence gets long."""
    SILENT = "silent"
    """Nothing to answer: noise, or speech that is not for the agent."""


@dataclass(frozen=True, slots=True)
class VoiceActivity:
    """The VAD's judgement of one window. `pts` is the end of the window, in samples."""

    pts: int
    probability: float


@dataclass(frozen=True, slots=True)
class SoundHeard:
    """A sound that is no speech is over. `pts` is the end of the window that showed it."""

    sound: Sound
    pts: int


@dataclass(frozen=True, slots=True)
class TranscriptChanged:
    """What was understood so far of the utterance in progress, whole (not a delta)."""

    text: str
    pts: int


@dataclass(frozen=True, slots=True)
class PictureSeen:
    """A picture's latents are in the cache. `pts` in 90 kHz ticks."""

    pts: int
    changed: bool


@dataclass(frozen=True, slots=True)
class ConversationRequested:
    """The client wants to be told the conversation so far, item by item."""


@dataclass(frozen=True, slots=True)
class CameraChanged:
    """The person switched the camera on or off."""

    is_on: bool


@dataclass(frozen=True, slots=True)
class TextTyped:
    """A typed question; it is a whole turn."""

    text: str
    item_id: str


@dataclass(frozen=True, slots=True)
class ItemCreated:
    """The client put a text into the conversation; it is answered on `AnswerRequested`."""

    text: str
    item_id: str | None = None
    """The client's own name for it; one is made up when None."""
    event_id: str | None = None
    previous_item_id: str | None = None
    """The item it is to follow; None for the last one, "root" to be the first."""
    new: NewItem | None = None
    """All of it, when it is more than the user's text."""


@dataclass(frozen=True, slots=True)
class AnswerRequested:
    """The client wants an answer to what it put in. `metadata` comes back with the response."""

    metadata: Mapping[str, object] | None = None
    event_id: str | None = None
    options: ResponseOptions | None = None
    """What it is to be like; as the session has it when None."""


@dataclass(frozen=True, slots=True)
class ItemRequested:
    """The client wants to see an item of the conversation."""

    item_id: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    """The client took an item out of its list."""

    item_id: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    """The client says how much of a spoken item was played, in milliseconds."""

    item_id: str
    audio_end_ms: int
    event_id: str | None = None
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class PlaybackReported:
    """The client says how much of a spoken item it has played so far, in milliseconds."""

    item_id: str
    audio_ms: int


@dataclass(frozen=True, slots=True)
class AudioAppended:
    """Audio came in a message and is on its way to the engine; `pts` is one past its last sample."""

    pts: int


@dataclass(frozen=True, slots=True)
class ItemAudioBegun:
    """The client puts a recorded message into the conversation: what is heard until the
    `AudioCommitted` of this item is that message."""

    item_id: str
    event_id: str | None = None
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class AudioCommitted:
    """The client says that the utterance is over (push to talk)."""

    event_id: str | None = None
    item_id: str | None = None
    """The item whose own audio this was; None for the input audio buffer."""


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """The client says that what was heard so far is to be forgotten."""


@dataclass(frozen=True, slots=True)
class TokensTaken:
    """Positions of the model's context an answer is based on, by where they come from."""

    text: int = 0
    audio: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        return self.text + self.audio + self.image


@dataclass(frozen=True, slots=True)
class HeadReady:
    """The model's first judgement of a shadow. `confidence` 0..1."""

    turn: int
    head: Head
    confidence: float
    taken: TokensTaken | None = None
    """What is in the context; None from an engine that does not count."""


@dataclass(frozen=True, slots=True)
class TokensReady:
    """The next words of an answer, ready to be shown as they are (with leading space)."""

    turn: int
    text: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model calls a function. Comes before the last `TokensReady` of its turn; it is run, or
    told, only once the turn is committed."""

    turn: int
    call_id: str
    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A function of this process has run. `output` is for the model, also when it failed."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class AsideFailed:
    """An answer outside of the conversation can't be given (or went wrong)."""

    turn: int
    why: str
    code: str = "server_error"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What is left of one limit. `name`: requests | tokens."""

    name: str
    limit: int
    remaining: int
    reset_seconds: float


@dataclass(frozen=True, slots=True)
class VoiceReady:
    """Voiced audio of one phrase of a turn, mono at SPEAKING_RATE, in order."""

    turn: int
    pcm: Pcm
    text: str
    """The words this audio begins to say; empty for the rest of a phrase already begun."""
    is_last: bool


@dataclass(frozen=True, slots=True)
class Played:
    """The peer has been sent (and, with acknowledgement, has played) so many samples of a turn."""

    turn: int
    samples: int
    is_done: bool


@dataclass(frozen=True, slots=True)
class PlayoutHeld:
    """The transport stopped: so many samples of the turn were sent in all, and no more will be."""

    turn: int
    samples: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The client asked to stop the answer. `is_quiet`: it is no error when there is none."""

    event_id: str | None = None
    is_quiet: bool = False
    response_id: str | None = None
    """Only this one; None for the conversation's."""


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The client changed the session's settings (already validated): all of them as they are now."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class StageFailed:
    """A part that serves this conversation failed; `what` names it, `why` is for the person."""

    what: str
    why: str
    is_fatal: bool


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of a transcript and where it lies in the conversation's audio, in samples at
    HEARING_RATE. `probability` 0..1 is the model's own."""

    text: str
    start_pts: int
    end_pts: int
    probability: float


@dataclass(frozen=True, slots=True)
class Transcribed:
    """A `Transcriber` knows more of an utterance. `text` is settled: it only ever grows at its end."""

    item_id: str
    text: str
    tentative: str
    """What follows `text` in the newest pass and may still change; empty when final."""
    words: tuple[SpokenWord, ...]
    """The words of `text`."""
    language: str
    """ISO 639-1 code, told or detected; empty until it is known."""
    pts: int
    """The newest pass looked at the audio up to here."""
    seconds: float
    """Audio of the utterance so far: what usage counts as its duration."""
    is_final: bool


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """There will be no (more) transcript of this utterance; `why` is for the person."""

    item_id: str
    why: str


@dataclass(frozen=True, slots=True)
class LoadChanged:
    """The engine does less, or again more, for everybody: `level` 0 is all of it; `what` is for the
    person, `name` and `reason` are for who looks after the server."""

    level: int
    what: str
    name: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Energy:
    """An estimate of what something took, and what it is based on: counters of this machine (rapl,
    nvml), or a figure that somebody set (watts_per_core)."""

    joules: float
    basis: str


@dataclass(frozen=True, slots=True)
class AnswerCounted:
    """What an answer, decoded to its end, took of the engine; names as in docs/engine.md."""

    turn: int
    counts: Mapping[str, int]
    energy: Energy | None = None


@dataclass(frozen=True, slots=True)
class PeerGone:
    """The transport ended."""

    why: str


Event = (
    VoiceActivity
    | SoundHeard
    | TranscriptChanged
    | PictureSeen
    | CameraChanged
    | ConversationRequested
    | TextTyped
    | ItemCreated
    | AnswerRequested
    | ItemRequested
    | ItemDeleted
    | ItemTruncated
    | PlaybackReported
    | AudioAppended
    | ItemAudioBegun
    | AudioCommitted
    | AudioCleared
    | HeadReady
    | TokensReady
    | ToolCalled
    | ToolFinished
    | AsideFailed
    | VoiceReady
    | Played
    | PlayoutHeld
    | CancelRequested
    | SessionUpdated
    | Transcribed
    | TranscriptionFailed
    | StageFailed
    | LoadChanged
    | AnswerCounted
    | PeerGone
)
