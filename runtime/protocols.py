"""What the parts of the runtime need from each other, written by the side that uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from .audio_path import AudioFormat
from .events import Event, RateLimit, Transcribed, TranscriptionFailed
from .frames import AudioChunk, Pcm, VideoFrame
from .mailboxes import Bounded, Latest
from .realtime_config import SessionConfig
from .response_options import ResponseOptions
from .sounds import Sound


@dataclass(frozen=True, slots=True)
class Slot:
    """One conversation's place in an engine. A result for an older generation reaches nobody."""

    index: int
    generation: int


class Engine(Protocol):
    """The one thread that owns the models. Every method returns at once and may be called from the
    event loop only; work goes in through one queue, results come back as events in one
    `call_soon_threadsafe` per tick, through the `deliver` given to `open`.

    `deliver` gets lists of (event, stamps): `stamps` maps a latency-ledger stage name to monotonic
    seconds measured inside the engine (for example {"latents_ready": t, "first_token": t}).
    """

    def open(self, deliver: Callable[[list[Delivery]], None]) -> Slot:
        """Take a slot. Raises `EngineFull` (reason and retry hint) when none is free."""
        ...

    def hear(self, slot: Slot, chunk: AudioChunk) -> None:
        """More of the person's audio (any length). Cut into WINDOWs, judged by the VAD and encoded;
        answered by one `VoiceActivity` per window and `TranscriptChanged` when the text changes.
        The engine encodes while the VAD probability is not negligible (with pre-roll)."""
        ...

    def look(self, slot: Slot, frame: VideoFrame) -> None:
        """A picture the sampler accepted; answered by `PictureSeen`. Only the newest waits."""
        ...

    def set_camera(self, slot: Slot, is_on: bool) -> None:
        """With the camera off the model knows that it sees nothing."""
        ...

    def start(self, slot: Slot, turn: int, text: str | None, tail_pts: int | None) -> None:
        """Begin a shadow answer to what was heard (or to typed `text`; of a `Recital` the answer
        says just that, where the engine's abilities name `calls`): answered by one `HeadReady`
        then, unless the head is SILENT or WAIT, by `TokensReady` events to the last one. What was
        delivered as understood before the `HeadReady` is part of what is answered."""
        ...

    def retract(self, slot: Slot, turn: int) -> None:
        """Drop a shadow: the cache is cut back to the person's last latent; listening goes on."""
        ...

    def commit(self, slot: Slot, turn: int) -> None:
        """The shadow became the turn; the utterance is closed and the next one starts fresh. A turn
        whose head was WAIT or SILENT is decoded from now on."""
        ...

    def cancel(self, slot: Slot, turn: int, heard: str) -> None:
        """Cut the committed turn: decode no more, keep only `heard` of the answer in the cache."""
        ...

    def forget(self, slot: Slot) -> None:
        """Drop the latents of the utterance in progress (it was noise)."""
        ...

    def close(self, slot: Slot) -> None:
        """Give the slot back. Results under way reach nobody."""
        ...


@runtime_checkable
class ItemEngine(Protocol):
    """What an engine can do besides that keeps a conversation of items (a language model). The
    session asks only where `Abilities` say so."""

    def configure(self, slot: Slot, config: SessionConfig) -> None:
        """Instructions, functions and the rest, from now on."""
        ...

    def prepare(self, slot: Slot, turn: int, options: ResponseOptions) -> None:
        """How this turn is to be answered; comes before its `start`. Functions are called by
        `ToolCalled` events before the last `TokensReady` of the turn."""
        ...

    def insert(self, slot: Slot, item: Mapping[str, object], previous_item_id: str | None) -> None:
        """An item as the client sees it goes into the context after that one (None: first)."""
        ...

    def erase(self, slot: Slot, item_id: str) -> None:
        """Take an item out of the context."""
        ...

    def name_items(self, slot: Slot, turn: int, asked: str | None, answer: str) -> None:
        """The ids of what a turn was asked and of what it answers, for `insert` and `erase`."""
        ...


@runtime_checkable
class SoundEngine(Protocol):
    """An engine that can be told of sounds; it finds them itself and delivers `SoundHeard`."""

    def tell_sound(self, slot: Slot, sound: Sound) -> None:
        """From now on its words are in the context, behind what was seen before the sound's end.
        They begin no answer, and `forget` does not drop them."""
        ...


@runtime_checkable
class RevisingEngine(Protocol):
    """An engine that can change what it was told and said before."""

    def revise(self, slot: Slot, turn: int, heard: str | None) -> None:
        """Of a turn that is over the context keeps only `heard` of the answer; None: neither it nor
        its question. Nothing when the turn has left the context."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """One result of an engine or a voice with the times it took."""

    event: Event
    stamps: Mapping[str, float]


class Voice(Protocol):
    """Text to PCM, streaming, in a worker process; same delivery rule as `Engine`."""

    def open(self, deliver: Callable[[list[Delivery]], None]) -> int:
        """Returns a handle for one conversation."""
        ...

    def speak(self, handle: int, turn: int, phrase: str, is_last: bool) -> None:
        """Synthesise one phrase; answered by `VoiceReady` events in order."""
        ...

    def cancel(self, handle: int, turn: int) -> None:
        """Nothing of this turn is delivered after this call returns."""
        ...

    def close(self, handle: int) -> None: ...


class Transcriber(Protocol):
    """Speech to text beside the engine, one utterance at a time, loaded on first use. Every method
    returns at once and is called on the event loop; so is the `deliver` given to `open`."""

    def open(
        self,
        deliver: Callable[[Transcribed | TranscriptionFailed], None],
        *,
        language: str | None = None,
        prompt: str = "",
    ) -> int:
        """A handle for one conversation; the first one starts the loading. `language` is an ISO
        639-1 code, None to detect it per utterance; `prompt` are words it may expect. Raises
        `BadInput` for a language it doesn't know."""
        ...

    def hear(self, handle: int, chunk: AudioChunk) -> None:
        """The person's audio, all of it and in order; what no utterance needs is soon dropped."""
        ...

    def begin(self, handle: int, item_id: str, start_pts: int) -> None:
        """An utterance began at `start_pts` (which may lie up to 2 s back). From now on it is
        transcribed as it goes: answered by `Transcribed` whenever words settle."""
        ...

    def catch_up(self, handle: int, item_id: str, end_pts: int) -> None:
        """What was said up to `end_pts` is wanted now: answered by a `Transcribed` whose `pts` is at
        least that, `tentative` included. The utterance may go on afterwards."""
        ...

    def end(self, handle: int, item_id: str, end_pts: int) -> None:
        """The utterance is over at `end_pts`: answered by one last `Transcribed` with `is_final`, or by
        `TranscriptionFailed`."""
        ...

    def drop(self, handle: int, item_id: str) -> None:
        """It was noise: nothing of it is delivered after this call."""
        ...

    def close(self, handle: int) -> None:
        """Nothing is delivered after this call. Idempotent."""
        ...


class Playout(Protocol):
    """Paced audio to the peer."""

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        """Queue mono PCM at SPEAKING_RATE. Sent in 20 ms packets, in real time."""
        ...

    def flush(self) -> int:
        """Drop what is queued; returns how many samples of the current turn were sent."""
        ...


class Transport(Protocol):
    """A peer we exchange media and messages with. The mailboxes close when the peer is gone."""

    audio: Bounded[AudioChunk]
    video: Latest[VideoFrame]
    playout: Playout

    @property
    def messages(self) -> Bounded[Mapping[str, object]]:
        """Decoded client events (objects with a str "type"); bad ones are answered by the transport."""
        ...

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        """Who is told (turn, samples sent of it, is_done, monotonic time) after each packet sent."""
        ...

    def send(self, message: Mapping[str, object]) -> None:
        """Queue a message for the peer; an `event_id` is added. Bounded; a peer that does not read
        is closed."""
        ...

    async def close(self, why: str) -> None:
        """Idempotent; ends every task, thread and socket of this peer."""
        ...


@runtime_checkable
class LimitedTransport(Protocol):
    """A transport whose client may send only so much."""

    def rate_limits(self) -> Sequence[RateLimit]:
        """What is left now; empty where nobody counts."""
        ...


class MessageTransport(Transport, Protocol):
    """A transport that carries audio inside its messages (`AudioPath.MESSAGES`).

    Its `audio` and `video` mailboxes stay empty and close with the peer, and `set_played` is never
    used. The runner takes `messages` no faster than the engine listens, so a client that sends
    minutes at once is slowed down instead of losing any: read on only while
    `await messages.room()` lets you.
    """

    async def decode_audio(self, audio: str, kind: AudioFormat) -> Pcm:
        """Base64 of one `input_audio_buffer.append` to mono PCM at HEARING_RATE; a stream, so state
        is kept between calls. Raises `BadInput` for what is no base64 or no whole samples."""
        ...

    def drain_audio(self) -> Pcm:
        """What the conversion still holds back, as if silence followed; the next call of
        `decode_audio` begins a new stream."""
        ...

    def send_audio(
        self, message: Mapping[str, object], pcm: Pcm, kind: AudioFormat, *, is_last: bool
    ) -> None:
        """Queue audio behind the messages before it: `message` is a response.output_audio.delta
        without its `delta`, `pcm` mono at SPEAKING_RATE; it may be sent as several deltas. With
        `is_last` the audio part is over and nothing may be held back."""
        ...
