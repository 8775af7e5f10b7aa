"""One conversation's decisions: events in, effects out. Does not wait, sleep or read a clock.

Speech and silence are counted in `pts`; `now` only limits how long an answer, a stalled microphone
or a silent person is waited for. A turn is one answer, numbered and rising. It begins as a shadow
nobody hears, while the silence is still too short to be sure; it is committed, or retracted when
the person goes on. Cutting a turn is data: late results carry a number that matches nothing.

`audio_path` says what carries the voices. On a TRACK the transport brings `AudioChunk`s, `Play` goes
out and `Played` comes back. In MESSAGES the runner decodes `input_audio_buffer.append`, feeds the
engine and says `AudioAppended`; `SendAudio` goes out as `response.output_audio.delta` as soon as it
is voiced, nothing comes back, and what was played is reckoned by the clock until the client says
better (`conversation.item.truncate`). A transport for it implements `protocols.MessageTransport`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import ledger as stage
from . import messages
from .audio_path import AudioPath
from .drafts import Draft
from .effects import (
    CancelTurn,
    CommitTurn,
    Effect,
    Emit,
    EndSession,
    EndTurn,
    FlushPlayout,
    ForgetUtterance,
    Play,
    RetractShadow,
    SetCamera,
    StartShadow,
)
from .events import (
    AnswerCounted,
    AnswerRequested,
    AudioAppended,
    AudioCleared,
    AudioCommitted,
    CameraChanged,
    CancelRequested,
    Event,
    Head,
    HeadReady,
    ItemCreated,
    ItemDeleted,
    ItemRequested,
    ItemTruncated,
    LoadChanged,
    PeerGone,
    PictureSeen,
    Played,
    SessionUpdated,
    StageFailed,
    TextTyped,
    TokensReady,
    TranscriptChanged,
    VoiceActivity,
    VoiceReady,
)
from .frames import HEARING_RATE, SPEAKING_RATE
from .ledger import LatencyTotals, latencies_ms, modal_ms, named_stamps
from .narrator import Narrator
from .phrases import PhraseSplitter
from .playback import PlaybackLedger
from .settings import AudioSettings, SessionSettings, TurnSettings
from .speech_gate import SpeechGate

MAX_TYPED = 32
"""Typed items that may wait for one answer."""

VOICE = "voice"
"""The stage whose failure leaves an answer that can still be read."""

_ENDLESS = float("inf")
_PICTURE = (stage.PICTURE_ARRIVED, stage.PICTURE_STARTED, stage.PICTURE_READY)


@dataclass(slots=True)
class _Utterance:
    """What the person is saying now."""

    item_id: str
    start_pts: int
    is_closed: bool = False
    """It counts as finished whatever the silence: the client said so, it got too long, or the
    audio stopped coming."""
    restarts: int = 0


class Session:
    """Turn-taking and barge-in of one conversation."""

    def __init__(
        self,
        session_id: str,
        *,
        turn: TurnSettings | None = None,
        audio: AudioSettings | None = None,
        limits: SessionSettings | None = None,
        now: float = 0.0,
        process_totals: LatencyTotals | None = None,
        audio_path: AudioPath = AudioPath.TRACK,
    ) -> None:
        """`now` is when the conversation starts; `process_totals` is counted into, if given."""
        self.id = session_id
        self.audio_path = audio_path
        self.turns = turn or TurnSettings()
        self.limits = limits or SessionSettings()
        self.gate = SpeechGate(audio or AudioSettings())
        self.playback = PlaybackLedger(self.turns.client_delay_ms)
        self.narrator = Narrator(session_id)
        self.totals = LatencyTotals()
        self.instructions = ""
        self.is_ended = False
        self._process_totals = process_totals
        self._turn = 0
        self._utterance: _Utterance | None = None
        self._shadow: Draft | None = None
        self._live: Draft | None = None
        self._transcript = ""
        self._closed_pts = -1
        self._stray_pts: int | None = None
        self._echo_until = -1
        self._typed: list[str] = []
        self._listens_for_turns = True
        self._latents: dict[str, float] = {}
        self._modal: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._speech_started_at = now
        self._speech_end_at = now
        self._heard_at = now
        self._active_at = now
        self._started_at = now

    @property
    def state(self) -> str:
        """listening | hearing | deciding | answering"""
        if self._live is not None:
            return "answering"
        if self._utterance is None:
            return "listening"
        return "hearing" if self._shadow is None else "deciding"

    @property
    def is_playing(self) -> bool:
        """Our own voice may be in the microphone."""
        return (
            self._live is not None and self._queued(self._live) > 0
        ) or self.gate.pts < self._echo_until

    @property
    def is_person_speaking(self) -> bool:
        """Somebody is in the middle of an utterance (pauses included)."""
        return self._utterance is not None

    def handle(
        self, event: Event, now: float, stamps: Mapping[str, float] | None = None
    ) -> list[Effect]:
        """What `event` at `now` (monotonic seconds) asks for. `stamps` are stage times measured
        where the event was made ("sent" for `Played`). After `EndSession` nothing is ever asked for again."""
        if self.is_ended:
            return []
        named = named_stamps(event, stamps) if stamps else {}
        match event:
            case VoiceActivity():
                return self._hear(event, now, named)
            case TranscriptChanged():
                return self._understand(event, now, named)
            case PictureSeen(pts=pts, changed=changed):
                self._latents.update(named)
                self._count_modal(named)
                return [Emit(messages.picture_seen(pts, changed))]
            case HeadReady():
                return self._judge(event, now, named)
            case TokensReady():
                return self._take_words(event, now, named)
            case VoiceReady():
                return self._take_voice(event, now, named)
            case Played():
                return self._played(event, now, named.get("sent", now))
            case CameraChanged(is_on=is_on):
                return [SetCamera(is_on), Emit(messages.camera(is_on))]
            case TextTyped(text=text, item_id=item_id):
                return [
                    *self.narrator.typed(item_id, text),
                    *self._answer_typed(text, None, now),
                ]
            case ItemCreated():
                return self._keep_typed(event)
            case AnswerRequested():
                return self._answer_requested(event, now)
            case CancelRequested():
                return self._cancel_requested(event, now)
            case AudioCommitted(event_id=event_id):
                return self._audio_committed(event_id, now)
            case AudioCleared():
                return [*self._forget("cleared", now), Emit(messages.audio_cleared())]
            case ItemRequested(item_id=item_id, event_id=event_id):
                return [*self.narrator.item(item_id, event_id)]
            case ItemDeleted(item_id=item_id, event_id=event_id):
                return [*self.narrator.delete(item_id, event_id)]
            case ItemTruncated(item_id=item_id, audio_end_ms=ms, event_id=event_id):
                return [*self.narrator.truncate(item_id, ms, event_id)]
            case SessionUpdated(instructions=instructions, turn_detection=turn_detection):
                if instructions is not None:
                    self.instructions = instructions
                if turn_detection is not None:
                    self._listens_for_turns = turn_detection
                return []
            case StageFailed():
                return self._stage_failed(event, now)
            case LoadChanged(level=level, what=what):
                return [Emit(messages.load(level, what))]
            case AnswerCounted(turn=turn, counts=engine_counts):
                if (counted := self._draft(turn)) is not None:
                    counted.counts = engine_counts
                return []
            case PeerGone(why=why):
                return self._end(why, now)
            case AudioAppended():
                return []

    def deadline(self) -> float | None:
        """When `on_deadline` wants to be called, in monotonic seconds; None when ended."""
        if self.is_ended:
            return None
        times = [self._started_at + self.limits.max_minutes * 60]
        if self._live is not None:
            times.append(self._answer_deadline(self._live))
        else:
            times.append(self._active_at + self.limits.idle_s)
            if self._shadow is not None and self._shadow.head is None:
                times.append(self._answer_deadline(self._shadow))
            if self._can_stall:
                times.append(self._stall_deadline)
        return min(times)

    def on_deadline(self, now: float) -> list[Effect]:
        """What is due at `now`; nothing when called early."""
        if self.is_ended:
            return []
        if now >= self._started_at + self.limits.max_minutes * 60:
            return self._end(f"the conversation reached {self.limits.max_minutes:g} minutes", now)
        if self._live is not None:
            if now < self._answer_deadline(self._live):
                return []
            if self._live.is_voice_done:
                # All of it was queued long enough ago to have been played: the report is missing.
                return self._finish(self._live, now)
            return self._fail("the answer stopped coming", now)
        shadow = self._shadow
        if shadow is not None and shadow.head is None and now >= self._answer_deadline(shadow):
            why = "no answer came in time"
            failed = messages.error(why, kind="server_error", code="answer_timeout")
            return [*self._forget(why, now), Emit(failed)]
        utterance = self._utterance
        if utterance is not None and self._can_stall and now >= self._stall_deadline:
            utterance.is_closed = True
            return self._decide(now)
        if now >= self._active_at + self.limits.idle_s:
            return self._end(f"nobody spoke for {self.limits.idle_s:g} seconds", now)
        return []

    # Listening

    def _hear(self, event: VoiceActivity, now: float, stamps: dict[str, float]) -> list[Effect]:
        was_open = self.gate.is_open
        self.gate.feed(event.pts, event.probability, is_playing=self.is_playing)
        self._latents.update(stamps)
        self._count_modal(stamps)
        self._heard_at = now
        arrived = stamps.get(stage.AUDIO_ARRIVED, now)
        if self.gate.is_voiced:
            self._speech_end_at = arrived
            self._active_at = now
        if self.gate.is_open and not was_open:
            run = (self.gate.pts - self.gate.start_pts) / HEARING_RATE
            self._speech_started_at = arrived - run
        if self._live is not None:
            return self._hear_over_answer(event, now)
        utterance = self._utterance
        if utterance is None:
            return self._begin_utterance() if self.gate.is_open else self._hear_nothing(event)
        effects: list[Effect] = []
        if self._shadow is not None and self.gate.is_voiced and not utterance.is_closed:
            effects += self._retract("resumed")
        if event.pts - utterance.start_pts > self.turns.max_utterance_s * HEARING_RATE:
            utterance.is_closed = True
        return effects + self._decide(now)

    def _hear_over_answer(self, event: VoiceActivity, now: float) -> list[Effect]:
        """Speech during an answer: enough of it cuts, less is a cough."""
        if not self.gate.is_open:
            return self._hear_nothing(event)
        if not self._listens_for_turns:
            return []
        if self.gate.voiced * 1000 >= self.turns.barge_in_ms * HEARING_RATE:
            live = self._live
            assert live is not None
            live.stamps.mark(stage.BARGE_IN, self._speech_started_at)
            live.stamps.mark(stage.CUT, now)
            self._count("barge_ins")
            effects = self._cut("turn_detected", now, is_listening=False)
            return effects + self._begin_utterance()
        if self.gate.silence_ms >= self.turns.probe_silence_ms:
            self._close_utterance()
            self._count("coughs")
            return [ForgetUtterance()]
        return []

    def _hear_nothing(self, event: VoiceActivity) -> list[Effect]:
        """Sound that never became speech is forgotten after a while, or it would be read as the
        beginning of the next question."""
        is_sound = event.probability >= self.gate.settings.vad_off
        if is_sound or (self._transcript and self._stray_pts is None):
            self._stray_pts = event.pts
        if self._stray_pts is None:
            return []
        if (event.pts - self._stray_pts) * 1000 < self.turns.stray_silence_ms * HEARING_RATE:
            return []
        self._stray_pts = None
        self._transcript = ""
        return [ForgetUtterance()]

    def _begin_utterance(self) -> list[Effect]:
        self._stray_pts = None
        item_id, told = self.narrator.onset(self.gate.start_pts)
        self._utterance = _Utterance(item_id, self.gate.start_pts)
        if self._transcript:
            told += self.narrator.partial(item_id, self._transcript)
        return [*told]

    def _understand(
        self, event: TranscriptChanged, now: float, stamps: dict[str, float]
    ) -> list[Effect]:
        self._latents.update(stamps)
        self._count_modal(stamps)
        if event.pts <= self._closed_pts or event.text == self._transcript:
            return []
        self._transcript = event.text
        utterance = self._utterance
        if utterance is None:
            return []
        effects: list[Effect] = [*self.narrator.partial(utterance.item_id, event.text)]
        shadow = self._shadow
        if shadow is None or shadow.transcript == event.text:
            return effects
        if shadow.head is None:
            shadow.transcript = event.text  # understood before it was judged: it counted
        elif utterance.restarts < self.turns.max_restarts:
            # Late words: the shadow answers a question that was understood only in part.
            utterance.restarts += 1
            effects += self._retract("late_words")
            effects += self._start_shadow(now, is_last_try=shadow.is_last_try)
        return effects

    # Deciding

    @property
    def _silence_ms(self) -> float:
        utterance = self._utterance
        if utterance is not None and utterance.is_closed:
            return _ENDLESS
        return self.gate.silence_ms

    def _decide(self, now: float) -> list[Effect]:
        """Whether the silence so far, with what the model makes of the words, ends the turn."""
        utterance, silence, limits = self._utterance, self._silence_ms, self.turns
        if utterance is None or not (self._listens_for_turns or utterance.is_closed):
            return []
        shadow = self._shadow
        if shadow is None:
            if silence < limits.probe_silence_ms:
                return []
            effects = self._start_shadow(now)
            if silence >= limits.eager_silence_ms and self._shadow is not None:
                self._shadow.stamps.mark(stage.SILENCE_REACHED, now)
            return effects
        if silence < limits.eager_silence_ms:
            return []
        match shadow.head:
            case None:
                shadow.stamps.mark(stage.SILENCE_REACHED, now)
                return []
            case Head.ANSWER:
                # "What colour", and a pause: it may be all, it may not.
                if shadow.confidence < limits.sure and silence < limits.unsure_silence_ms:
                    return []
                shadow.stamps.mark(stage.SILENCE_REACHED, now)
                return self._commit(shadow, now)
            case Head.SILENT:
                # The beginning of a question can sound like nothing to answer.
                is_time = silence >= limits.patient_silence_ms
                return self._forget("nothing to answer", now) if is_time else []
            case Head.WAIT:
                return self._wait(shadow, silence, now)

    def _wait(self, shadow: Draft, silence: float, now: float) -> list[Effect]:
        """An unfinished sentence: patience, one more try, then it is answered as it is."""
        if silence < self.turns.patient_silence_ms:
            return []
        if not shadow.is_last_try:
            return [*self._retract("patience"), *self._start_shadow(now, is_last_try=True)]
        return self._commit(shadow, now)

    def _start_shadow(self, now: float, *, is_last_try: bool = False) -> list[Effect]:
        draft = self._new_draft(now)
        draft.transcript = self._transcript
        draft.is_last_try = is_last_try
        draft.modal = dict(self._modal)
        draft.stamps.take(self._latents)
        draft.stamps.mark(stage.SPEECH_STARTED, self._speech_started_at)
        draft.stamps.mark(stage.SPEECH_END, self._speech_end_at)
        if self._silence_ms >= self.turns.eager_silence_ms:
            draft.stamps.mark(stage.SILENCE_REACHED, now)
        self._shadow = draft
        self._count("shadows")
        return [StartShadow(draft.turn, tail_pts=self.gate.end_pts)]

    def _new_draft(self, now: float) -> Draft:
        self._turn += 1
        splitter = PhraseSplitter(self.turns.first_phrase_words, self.turns.phrase_words)
        draft = Draft(self._turn, splitter, progressed=now)
        draft.stamps.mark(stage.SHADOW_STARTED, now)
        return draft

    def _retract(self, why: str) -> list[Effect]:
        if self._shadow is None:
            return []
        turn, self._shadow = self._shadow.turn, None
        self._count(f"retracted_{why}")
        return [RetractShadow(turn)]

    def _forget(self, why: str, now: float) -> list[Effect]:
        """The utterance in progress was nothing; listen afresh."""
        effects: list[Effect] = self._retract("forgotten")
        utterance, end_pts = self._utterance, self.gate.end_pts
        if self._live is None:
            effects.append(ForgetUtterance())
        if utterance is not None:
            effects += self.narrator.ignored(utterance.item_id, end_pts, why)
            self._count("utterances_ignored")
            self._active_at = now
        self._close_utterance()
        return effects

    def _close_utterance(self) -> None:
        self._utterance = None
        self._transcript = ""
        self._stray_pts = None
        self._closed_pts = self.gate.pts
        self.gate.reset()

    # Answering

    def _commit(self, draft: Draft, now: float) -> list[Effect]:
        """The shadow becomes the turn: what it has said so far goes out at once."""
        utterance = self._utterance
        assert utterance is not None
        end_pts, transcript = self.gate.end_pts, self._transcript or None
        self._shadow = None
        self._close_utterance()
        told = self.narrator.utterance(utterance.item_id, utterance.start_pts, end_pts, transcript)
        return self._go_live(draft, now, told)

    def _go_live(self, draft: Draft, now: float, told: list[Emit]) -> list[Effect]:
        self._live = draft
        draft.is_committed = True
        draft.progressed = now
        draft.stamps.mark(stage.TURN_DECIDED, now)
        for name in _PICTURE:  # a picture is counted with one turn only
            self._latents.pop(name, None)
        self._modal = {k: v for k, v in self._modal.items() if not k.startswith("modal_picture")}
        self.playback.say(draft.turn, draft.answer)
        held, draft.held = draft.held, []
        draft.ready_words = len(draft.answer.split())
        draft.ready_voice_ms = sum(len(v.pcm) for v in held) * 1000 // SPEAKING_RATE
        effects: list[Effect] = [CommitTurn(draft.turn), *draft.speak()]
        effects += [self._queue(draft, voice, now) for voice in held]
        effects += told
        effects += self.narrator.answer_began(draft.metadata)
        effects += self.narrator.playout_began() if held else self.narrator.state("thinking")
        effects += self.narrator.words(draft.answer)
        return effects + self._advance(draft, now)

    def _judge(self, event: HeadReady, now: float, stamps: dict[str, float]) -> list[Effect]:
        draft = self._draft(event.turn)
        if draft is None or draft.head is not None:
            return []
        draft.head = event.head
        draft.confidence = event.confidence
        draft.progressed = now
        draft.stamps.take(stamps)
        draft.stamps.mark(stage.HEAD_READY, now)
        # A committed turn is decoded whatever the judgement: a typed text is always a question.
        return [] if draft.is_committed else self._decide(now)

    def _take_words(self, event: TokensReady, now: float, stamps: dict[str, float]) -> list[Effect]:
        draft = self._draft(event.turn)
        if draft is None or draft.is_text_done:
            return []
        draft.progressed = now
        draft.stamps.take(stamps)
        if event.text:
            draft.stamps.mark(stage.FIRST_TOKEN, now)
        if event.is_last:
            draft.stamps.mark(stage.LAST_TOKEN, now)
        draft.take(event.text, event.is_last)
        if not draft.is_committed:
            return [*draft.speak(), *self._decide(now)]
        self.playback.say(draft.turn, event.text)
        return [*draft.speak(), *self.narrator.words(event.text), *self._advance(draft, now)]

    def _take_voice(self, event: VoiceReady, now: float, stamps: dict[str, float]) -> list[Effect]:
        draft = self._draft(event.turn)
        if draft is None or draft.is_voice_done:
            return []
        draft.progressed = now
        draft.is_voice_done = event.is_last
        draft.stamps.take(stamps)
        draft.stamps.mark(stage.FIRST_VOICE, now)
        if not draft.is_committed:
            draft.held.append(event)
            return []
        return [
            self._queue(draft, event, now),
            *self.narrator.playout_began(),
            *self._advance(draft, now),
        ]

    def _queue(self, draft: Draft, voice: VoiceReady, now: float) -> Play:
        if self._queued(draft) == 0:
            draft.play_started = now
        self.playback.queue(draft.turn, len(voice.pcm), voice.text)
        return Play(draft.turn, voice.pcm, voice.text, voice.is_last)

    def _played(self, event: Played, now: float, sent: float) -> list[Effect]:
        live = self._live
        if live is None or event.turn != live.turn:
            return []
        self.playback.played(live.turn, event.samples)
        if event.samples > 0:
            live.stamps.mark(stage.FIRST_PACKET, sent)
        # A voice that failed leaves no last packet: then all of what was queued is the end.
        if event.is_done or (live.is_mute and event.samples >= self._queued(live)):
            live.stamps.mark(stage.LAST_PACKET, sent)
            live.is_played = live.is_voice_done
            return self._advance(live, now)
        return []

    def _advance(self, draft: Draft, now: float) -> list[Effect]:
        """Closes what is complete: the text, the response, the turn."""
        effects: list[Effect] = []
        if draft.is_text_done:
            effects += self.narrator.words_done()
            if draft.is_empty:
                return effects + self._finish(draft, now)
            if draft.is_voice_done:
                effects += self.narrator.answer_done("completed")
                if draft.is_played or self._queued(draft) == 0:
                    return effects + self._finish(draft, now)
        return effects

    def _finish(self, draft: Draft, now: float) -> list[Effect]:
        """The turn was said to its end."""
        self._live = None
        self._active_at = now
        self._echo_until = self.gate.pts + self._echo_tail
        effects: list[Effect] = []
        if not self.gate.is_open and (self._transcript or self._stray_pts is not None):
            # What was heard under our own voice is its echo, or noise.
            self._close_utterance()
            effects.append(ForgetUtterance())
        return [
            EndTurn(draft.turn, draft.answer),
            *effects,
            *self.narrator.answer_done("completed"),
            *self.narrator.playout_over(),
            *self._report(draft),
            *self.narrator.state("listening"),
        ]

    def _cut(self, reason: str, now: float, *, is_listening: bool = True) -> list[Effect]:
        """Stop the live turn; the context keeps what was heard of it."""
        draft = self._live
        if draft is None:
            return []
        heard = self._drop_live(draft, now)
        effects: list[Effect] = [CancelTurn(draft.turn, heard), FlushPlayout(draft.turn)]
        effects += self.narrator.cut(reason, heard, self.playback.heard_ms(draft.turn))
        effects += self._report(draft)
        return [*effects, *self.narrator.state("listening")] if is_listening else effects

    def _fail(self, why: str, now: float) -> list[Effect]:
        """The live turn can't go on."""
        draft = self._live
        assert draft is not None
        heard = self._drop_live(draft, now)
        return [
            CancelTurn(draft.turn, heard),
            FlushPlayout(draft.turn),
            *self.narrator.failed(why, heard, self.playback.heard_ms(draft.turn)),
            *self._report(draft),
            *self.narrator.state("listening"),
        ]

    def _drop_live(self, draft: Draft, now: float) -> str:
        self._live = None
        self._active_at = now
        self._echo_until = self.gate.pts + self._echo_tail
        return self.playback.heard(draft.turn)

    # Typed questions and other requests

    def _keep_typed(self, event: ItemCreated) -> list[Effect]:
        if event.item_id is not None and self.narrator.has_item(event.item_id):
            return [
                Emit(
                    messages.error(
                        f"there is an item {event.item_id!r} already: choose another id",
                        code="item_create_duplicate_item_id",
                        param="item.id",
                        event_id=event.event_id,
                    )
                )
            ]
        if len(self._typed) >= MAX_TYPED:
            return [
                Emit(
                    messages.error(
                        f"{MAX_TYPED} typed items wait for an answer: send response.create",
                        code="too_many_items",
                        event_id=event.event_id,
                    )
                )
            ]
        self._typed.append(event.text)
        return [*self.narrator.typed(event.item_id, event.text)]

    def _answer_requested(self, event: AnswerRequested, now: float) -> list[Effect]:
        if self._typed:
            text = "\n".join(self._typed)
            return self._answer_typed(text, event.metadata, now)
        if self._live is not None:
            return [
                Emit(
                    messages.error(
                        "an answer is being given already: cancel it first",
                        code="conversation_already_has_active_response",
                        event_id=event.event_id,
                    )
                )
            ]
        if self._utterance is not None:
            self._utterance.is_closed = True
            return self._decide(now)
        return [
            Emit(
                messages.error(
                    "there is nothing new to answer: say something or create an item first",
                    code="nothing_to_answer",
                    event_id=event.event_id,
                )
            )
        ]

    def _answer_typed(
        self, text: str, metadata: Mapping[str, object] | None, now: float
    ) -> list[Effect]:
        """A typed question is a whole turn: it cuts an answer and whatever is being said."""
        self._typed.clear()
        effects = self._cut("client_cancelled", now, is_listening=False)
        if self._utterance is not None:
            effects += self._forget("typed instead", now)
        draft = self._new_draft(now)
        draft.is_typed = True
        draft.metadata = metadata
        draft.stamps.take({name: at for name, at in self._latents.items() if name in _PICTURE})
        self._active_at = now
        return [*effects, StartShadow(draft.turn, text), *self._go_live(draft, now, [])]

    def _cancel_requested(self, event: CancelRequested, now: float) -> list[Effect]:
        if self._live is not None:
            return self._cut("client_cancelled", now)
        if event.is_quiet:
            return []
        return [
            Emit(
                messages.error(
                    "Cancellation failed: no answer is being given",
                    code="response_cancel_not_active",
                    event_id=event.event_id,
                )
            )
        ]

    def _audio_committed(self, event_id: str | None, now: float) -> list[Effect]:
        if self._utterance is None:
            return [
                Emit(
                    messages.error(
                        "nothing was said since the last turn",
                        code="input_audio_buffer_commit_empty",
                        event_id=event_id,
                    )
                )
            ]
        self._utterance.is_closed = True
        return self._decide(now)

    # Trouble and the end

    def _stage_failed(self, event: StageFailed, now: float) -> list[Effect]:
        told = Emit(
            messages.error(f"{event.what}: {event.why}", kind="server_error", code="stage_failed")
        )
        if event.is_fatal:
            return [told, *self._end(event.why, now)]
        if event.what != VOICE:
            return [told]
        effects: list[Effect] = [told]
        for draft in (self._shadow, self._live):
            if draft is not None:
                draft.mute()
                if self.playback.played_samples(draft.turn) >= self._queued(draft):
                    draft.is_played = True
        return effects + (self._advance(self._live, now) if self._live is not None else [])

    def _end(self, why: str, now: float) -> list[Effect]:
        """Every turn ends before the session does."""
        effects = [*self._cut("client_cancelled", now), *self._retract("ended")]
        self._utterance = None
        self.is_ended = True
        return [*effects, Emit(messages.session_ended(why)), EndSession(why)]

    # Counting

    def _draft(self, turn: int) -> Draft | None:
        """The draft of this number; None for one that was cut, retracted or finished."""
        for draft in (self._live, self._shadow):
            if draft is not None and draft.turn == turn:
                return draft
        return None

    @property
    def _can_stall(self) -> bool:
        """An utterance is waiting for audio that must come."""
        utterance = self._utterance
        return utterance is not None and not utterance.is_closed and self._listens_for_turns

    @property
    def _stall_deadline(self) -> float:
        return self._heard_at + self.turns.stall_ms / 1000

    def _queued(self, draft: Draft) -> int:
        """Samples of it that were queued for playout."""
        return self.playback.queued_samples(draft.turn)

    def _answer_deadline(self, draft: Draft) -> float:
        patience = self.turns.answer_timeout_ms / 1000
        if draft.is_committed and draft.is_voice_done:
            seconds = self._queued(draft) / SPEAKING_RATE
            return max(draft.play_started + seconds, draft.progressed) + patience
        return draft.progressed + patience

    @property
    def _echo_tail(self) -> int:
        return self.gate.settings.echo_tail_ms * HEARING_RATE // 1000

    def _count(self, name: str) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1
        for totals in (self.totals, self._process_totals):
            if totals is not None:
                totals.count(name)

    def _count_modal(self, stamps: dict[str, float]) -> None:
        modal = modal_ms(stamps)
        self._modal.update(modal)
        for totals in (self.totals, self._process_totals):
            if totals is not None:
                totals.add(modal)

    def _report(self, draft: Draft) -> list[Emit]:
        """The turn's ledger, told to the client and counted. Counts begin afresh with each turn."""
        latencies = latencies_ms(draft.stamps)
        told = draft.modal | latencies
        for totals in (self.totals, self._process_totals):
            if totals is not None:
                totals.count("turns")
                totals.add(latencies)
        first = min(draft.stamps.at.values())
        stages = {
            name: round((at - first) * 1000, 3)
            for name, at in sorted(draft.stamps.at.items(), key=lambda item: item[1])
        }
        counts, self._counts = {**self._counts, **draft.counts}, {}
        for name, count in draft.counts.items():
            for totals in (self.totals, self._process_totals):
                if totals is not None:
                    totals.count(name, count)
        return [
            Emit(
                messages.turn_ledger(
                    draft.turn,
                    self.narrator.response_id,
                    told,
                    stages,
                    counts
                    | {"ready_words": draft.ready_words, "ready_voice_ms": draft.ready_voice_ms},
                )
            )
        ]
