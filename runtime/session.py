"""One conversation's decisions: events in, effects out. Does not wait, sleep or read a clock.

Speech and silence are counted in `pts`; `now` only limits how long an answer, a stalled microphone
or a silent person is waited for. A turn is one answer, numbered and rising. It begins as a shadow
nobody hears, while the silence is still too short to be sure; it is committed, or retracted when
the person goes on. Cutting a turn is data: late results carry a number that matches nothing.

The decisions lie in layers, each in its file and each calling only what is below it: what is known
(`session_state`), what is played (`playing`), the answer in progress (`answering`), speech into it
(`holding`), the end of a turn (`deciding`), what is heard (`listening`), the items
(`item_requests`, `item_edits`), what functions return (`function_results`), answers on request
(`client_requests`). Here is the door: which event goes where, and what is due when.

`audio_path` says what carries the voices. On a TRACK the transport brings `AudioChunk`s, `Play` goes
out and `Played` comes back. In MESSAGES the runner decodes `input_audio_buffer.append`, feeds the
engine and says `AudioAppended`; `SendAudio` goes out as `response.output_audio.delta` as soon as it
is voiced, nothing comes back, and what was played is reckoned by the clock until the client says
better (`conversation.item.truncate`). A transport for it implements `protocols.MessageTransport`.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import messages
from .client_requests import ClientRequests
from .effects import Configure, Effect, Emit, EndAside, EndSession, SetCamera, TellSound
from .events import (
    AnswerCounted,
    AnswerRequested,
    AsideFailed,
    AudioAppended,
    AudioCleared,
    AudioCommitted,
    CameraChanged,
    CancelRequested,
    ConversationRequested,
    Event,
    HeadReady,
    ItemAudioBegun,
    ItemCreated,
    ItemDeleted,
    ItemRequested,
    ItemTruncated,
    LoadChanged,
    PeerGone,
    PictureSeen,
    PlaybackReported,
    Played,
    PlayoutHeld,
    SessionUpdated,
    SoundHeard,
    StageFailed,
    TextTyped,
    TokensReady,
    ToolCalled,
    ToolFinished,
    Transcribed,
    TranscriptChanged,
    TranscriptionFailed,
    VoiceActivity,
    VoiceReady,
)
from .frames import HEARING_RATE
from .item_requests import LOOK_S
from .ledger import named_stamps
from .narrator import Narrator
from .sounds import Sound

VOICE = "voice"
"""The stage whose failure leaves an answer that can still be read."""
CAMERA = "camera"
"""The stage whose failure is that of one picture."""


class Session(ClientRequests):
    """Turn-taking, barge-in and requests of one conversation."""

    def handle(
        self, event: Event, now: float, stamps: Mapping[str, float] | None = None
    ) -> list[Effect]:
        """What `event` at `now` (monotonic seconds) asks for. `stamps` are stage times measured
        where the event was made ("sent" for `Played`). After `EndSession` nothing is ever asked for again."""
        if self.is_ended:
            return []
        named = named_stamps(event, stamps) if stamps else {}
        return self._shown(self._handle(event, now, named, stamps or {}))

    def _handle(
        self, event: Event, now: float, named: dict[str, float], stamps: Mapping[str, float]
    ) -> list[Effect]:
        match event:
            case VoiceActivity():
                return self._hear(event, now, named)
            case SoundHeard(sound=sound):
                return self._hear_sound(sound)
            case TranscriptChanged():
                return self._understand(event, now, named)
            case PictureSeen():
                return self._seen(event, now, named)
            case HeadReady():
                return self._judge(event, now, named)
            case TokensReady():
                return self._take_words(event, now, named)
            case ToolCalled():
                return self._take_call(event, now)
            case VoiceReady():
                return self._take_voice(event, now, named)
            case Played():
                return self._played(event, now, stamps.get("sent", now))
            case PlayoutHeld():
                return self._playout_held(event, now)
            case Transcribed():
                return self._transcribed(event)
            case TranscriptionFailed():
                return self._not_transcribed(event)
            case ToolFinished():
                return self._tool_finished(event, now)
            case AsideFailed():
                return self._aside_failed(event)
            case StageFailed():
                return self._stage_failed(event, now)
            case LoadChanged():
                return [Emit(messages.load(event.level, event.name, event.reason, event.what))]
            case AnswerCounted(turn=turn, counts=counts):
                if (counted := self._draft(turn)) is not None:
                    counted.counts, counted.energy = counts, event.energy
                return []
            case PeerGone(why=why):
                return self._end(why, now)
            case _:
                return self._requested(event, now)

    def _requested(self, event: Event, now: float) -> list[Effect]:
        """What the client asked for."""
        match event:
            case CameraChanged(is_on=is_on):
                return [SetCamera(is_on), Emit(messages.camera(is_on))]
            case ConversationRequested():
                return self.narrator.replay()
            case TextTyped(text=text, item_id=item_id):
                told = self.narrator.typed(item_id, text)
                self._typed[item_id] = text
                return [*told, *self._answer_typed("\n".join(self._typed.values()), None, now)]
            case ItemCreated():
                return self._item_created(event, now)
            case AnswerRequested():
                return self._answer_requested(event, now)
            case CancelRequested():
                return self._cancel_requested(event, now)
            case ItemAudioBegun():
                return self._item_audio_begun(event)
            case AudioCommitted():
                return self._audio_committed(event, now)
            case AudioCleared():
                return self._audio_cleared(now)
            case ItemRequested(item_id=item_id, event_id=event_id):
                return self.narrator.item(item_id, event_id)
            case ItemDeleted():
                return self._item_deleted(event, now)
            case ItemTruncated():
                return self._item_truncated(event, now)
            case PlaybackReported():
                return self._reported(event, now)
            case SessionUpdated():
                return self._updated(event, now)
            case AudioAppended():
                self._active_at = now
                return []
            case _:
                return []

    def deadline(self) -> float | None:
        """When `on_deadline` wants to be called, in monotonic seconds; None when ended."""
        if self.is_ended:
            return None
        times = [self._started_at + self.limits.max_minutes * 60]
        times += [self._answer_deadline(aside) for aside in self._asides.values()]
        if self._looking:
            times.append(self._looking[0].since + LOOK_S)
        if not self._is_track:
            times += [tail.play_end for tail in self._tails]
        if self._live is not None:
            times.append(self._answer_deadline(self._live))
        else:
            times.append(self._active_at + self.limits.idle_s)
            if self._shadow is not None and self._shadow.head is None:
                times.append(self._answer_deadline(self._shadow))
            if self._can_stall:
                times.append(self._stall_deadline)
            if (idle := self._idle_deadline) is not None:
                times.append(idle)
        return min(times)

    def on_deadline(self, now: float) -> list[Effect]:
        """What is due at `now`; nothing when called early."""
        if self.is_ended:
            return []
        return self._shown(self._due(now))

    def _due(self, now: float) -> list[Effect]:
        if now >= self._started_at + self.limits.max_minutes * 60:
            return self._end(f"the conversation reached {self.limits.max_minutes:g} minutes", now)
        for aside in self._asides.values():
            if now >= self._answer_deadline(aside):
                return self._aside_failed(
                    AsideFailed(aside.turn, "the answer stopped coming", "answer_timeout")
                )
        if self._looking and now >= self._looking[0].since + LOOK_S:
            return self._not_seen(f"it took more than {LOOK_S:g} seconds", now)
        if not self._is_track:
            self._tails = [tail for tail in self._tails if tail.play_end > now]
        live = self._live
        if live is not None:
            if now < self._answer_deadline(live):
                return []
            if live.hold is not None:  # nothing more was heard of who spoke into it
                return self._resume(now)
            if live.is_voice_done and (live.is_done or self._is_track):
                # All of it was queued long enough ago to have been played.
                self._reckon(live, now)
                return self._finish(live, now)
            return self._fail("the answer stopped coming", now)
        shadow = self._shadow
        if shadow is not None and shadow.head is None and now >= self._answer_deadline(shadow):
            return self._lost(now)
        utterance = self._utterance
        if utterance is not None and self._can_stall and now >= self._stall_deadline:
            utterance.is_closed = True
            return self._decide(now)
        if (idle := self._idle_deadline) is not None and now >= idle:
            return self._idle_turn(now)
        if now >= self._active_at + self.limits.idle_s:
            return self._end(f"nobody spoke for {self.limits.idle_s:g} seconds", now)
        return []

    @property
    def _can_stall(self) -> bool:
        """An utterance is waiting for audio that must come."""
        utterance = self._utterance
        return utterance is not None and not utterance.is_closed and self.rules.listens

    @property
    def _stall_deadline(self) -> float:
        return self._heard_at + self.turns.stall_ms / 1000

    @property
    def _idle_deadline(self) -> float | None:
        wait_s, idle = self.rules.idle_s, self._idle_from
        if wait_s is None or idle is None or self._utterance is not None:
            return None
        return idle[0] + wait_s

    # What concerns more than one layer

    def _hear_sound(self, sound: Sound) -> list[Effect]:
        """The model is told of it, and so is the client, unless it may be speech or an echo."""
        gate = self.gate
        voice = (gate.start_pts, gate.end_pts) if gate.is_open else None
        refusal = self.sounds.judge(sound, voice, is_playing=self.is_playing)
        if refusal is not None:
            self._count(refusal)
            return []
        self._count("sounds")
        end_ms = sound.end_pts * 1000 // HEARING_RATE
        told = messages.sound(sound.kind, sound.level, sound.pitch, end_ms)
        return [TellSound(sound), Emit(told)]

    def _updated(self, event: SessionUpdated, now: float) -> list[Effect]:
        """The settings hold from now on; an utterance under way is not lost by them."""
        listened = self.rules.listens
        self.config = event.config
        self._follow_config()
        if listened != self.rules.listens:
            self._buffer_pts = self._utterance.start_pts if self._utterance else self.gate.pts
        # Where speech does not interrupt any more, nothing is to be waited for.
        is_waiting = self.rules.listens and self.rules.interrupts
        effects = [] if is_waiting else self._resume(now)
        able = self.abilities
        if able.instructions or able.tools or able.history:
            effects.append(Configure(event.config))
        return effects

    def _seen(self, event: PictureSeen, now: float, stamps: dict[str, float]) -> list[Effect]:
        self._latents.update(stamps)
        self._count_modal(stamps)
        if event.changed:
            self._hand(image=1)
        seen: list[Effect] = [Emit(messages.picture_seen(event.pts, event.changed))]
        return [*seen, *self._was_seen(event.pts, now), *self._answer_asked(now)]

    def _not_seen(self, why: str, now: float) -> list[Effect]:
        return [*self._was_not_seen(why, now), *self._answer_asked(now)]

    def _answer_asked(self, now: float) -> list[Effect]:
        """An answer that waited for pictures."""
        asked = self._asked
        if asked is None or self.is_looking:
            return []
        self._asked = None
        return self._answer_requested(asked, now)

    def _lost(self, now: float) -> list[Effect]:
        """An engine that never judges what was said is not waited for for ever."""
        why = "no answer came in time"
        failed = Narrator.error(why, "answer_timeout", kind="server_error")
        if self._utterance is None:
            return [*self._retract("lost"), *self._settle(), failed]
        return [*self._forget(why, now), failed]

    def _stage_failed(self, event: StageFailed, now: float) -> list[Effect]:
        told = Narrator.error(f"{event.what}: {event.why}", "stage_failed", kind="server_error")
        if event.is_fatal:
            return [told, *self._end(event.why, now)]
        if event.what == CAMERA and self.is_looking:
            return self._not_seen(event.why, now)
        if event.what != VOICE:
            return [told]
        effects: list[Effect] = [told]
        drafts = [self._shadow, self._live, *self._asides.values()]
        for draft in drafts:
            if draft is not None:
                draft.mute()
                if self.playback.played_samples(draft.turn) >= self._queued(draft):
                    draft.is_played = True
        for draft in drafts[1:]:
            if draft is not None:
                effects += self._advance(draft, now)
        return effects

    def _end(self, why: str, now: float) -> list[Effect]:
        """Every turn ends before the session does."""
        effects = [*self._cut("client_cancelled", now), *self._retract("ended")]
        effects += self._cut_now()
        effects += [EndAside(turn) for turn in self._asides]
        self._asides.clear()
        self._utterance = None
        self.is_ended = True
        return [*effects, Emit(messages.session_ended(why)), EndSession(why)]

    def _shown(self, effects: list[Effect]) -> list[Effect]:
        """Messages of ours are kept from clients that asked for none."""
        if self.config.visavis.events:
            return effects
        return [
            effect
            for effect in effects
            if not (isinstance(effect, Emit) and str(effect.message["type"]).startswith("visavis."))
        ]
