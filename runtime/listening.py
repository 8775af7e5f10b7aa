"""Listening: when the person's turn begins and ends, what was understood, what to begin meanwhile.

Where the client finds the turns (`turn_detection: null`) utterances are followed silently and end
with `input_audio_buffer.commit`.
"""

from __future__ import annotations

from . import ledger as stage
from . import messages
from .drafts import Draft
from .effects import (
    BeginTranscript,
    DropTranscript,
    Effect,
    Emit,
    EndTranscript,
    ForgetUtterance,
    RetractShadow,
)
from .events import (
    AudioCommitted,
    Head,
    HeadReady,
    Transcribed,
    TranscriptChanged,
    TranscriptionFailed,
    VoiceActivity,
)
from .frames import HEARING_RATE
from .holding import Holding
from .session_state import Spoken, Utterance, words_in
from .turn_rules import AGREEING, needed_ms

MIN_COMMIT_MS = 100
"""Audio that a commit needs (the published limit)."""

_ENDLESS = float("inf")


class Listening(Holding):
    """From the first voiced window to the commit of an answer."""

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
            self._idle_from = None
        if self.gate.is_open and not was_open:
            run = (self.gate.pts - self.gate.start_pts) / HEARING_RATE
            self._speech_started_at = arrived - run
            self._words_before = words_in(self._transcript)
        utterance = self._utterance
        if utterance is None:
            if self._live is not None and self.rules.listens:
                return self._hear_over_answer(event, now)
            return self._begin_utterance() if self.gate.is_open else self._hear_nothing(event)
        if not self.rules.listens:
            return []
        effects: list[Effect] = []
        shadow = self._shadow
        if shadow is not None and self.gate.is_voiced and not utterance.is_closed:
            effects += self._retract("resumed")
            utterance.restarts = 0
        elif shadow is not None:
            shadow.windows += 1
            self._count("scores")
        if event.pts - utterance.start_pts > self.turns.max_utterance_s * HEARING_RATE:
            utterance.is_closed = True
        return effects + self._decide(now)

    def _hear_nothing(self, event: VoiceActivity) -> list[Effect]:
        """Sound that never became speech is forgotten after a while, or it would be read as the
        beginning of the next question."""
        if self._unanswered or not self.rules.listens:
            return []
        is_sound = event.probability >= self.gate.settings.vad_off
        if is_sound or (self._text and self._stray_pts is None):
            self._stray_pts = event.pts
        if self._stray_pts is None:
            return []
        if (event.pts - self._stray_pts) * 1000 < self.turns.stray_silence_ms * HEARING_RATE:
            return []
        self._stray_pts = None
        self._text = ""
        return [ForgetUtterance()]

    def _begin_utterance(self) -> list[Effect]:
        self._stray_pts = None
        effects = self._retract("resumed")  # of an answer nobody has asked for yet
        if self._tails and self.rules.listens and self.rules.interrupts:
            effects += self._cut_tails(self._heard_at)
        is_told = self.rules.listens
        earliest = max(0, self._closed_pts, self._buffer_pts)
        start_pts = max(earliest, self.gate.start_pts - self.rules.prefix)
        if not self.rules.listens:
            start_pts = self._buffer_pts
        item_id, told = self.narrator.onset(start_pts, is_told=is_told)
        self._utterance = Utterance(item_id, start_pts, is_told=is_told)
        if self._has_own_transcriber:
            effects.append(BeginTranscript(item_id, start_pts))
        if self._transcript:
            told += self.narrator.partial(item_id, self._transcript)
        return effects + told

    def _understand(
        self, event: TranscriptChanged, now: float, stamps: dict[str, float]
    ) -> list[Effect]:
        self._latents.update(stamps)
        self._count_modal(stamps)
        if event.pts <= self._closed_pts:
            self._heard_late(event.text)
            return []
        if event.text == self._text:
            return []
        self._text = event.text
        utterance = self._utterance
        effects: list[Effect] = []
        if utterance is not None:
            effects += self.narrator.partial(utterance.item_id, self._transcript)
        elif self._live is not None and self._live.hold is not None:
            return self._weigh(self._live, now)
        elif self._unanswered and not self._unanswered[-1].is_settled:
            self._unanswered[-1].text = self._transcript  # the rest of what was committed
        elif not self._unanswered:
            return []
        shadow = self._shadow
        if shadow is None or shadow.transcript == event.text:
            return effects
        if shadow.head is None:
            shadow.transcript = event.text  # understood before it was judged: it counted
        elif utterance is not None and utterance.restarts < self.turns.max_restarts:
            # Late words: the shadow answers a question that was understood only in part.
            utterance.restarts += 1
            effects += self._retract("late_words")
            effects += self._start_shadow(now, is_last_try=shadow.is_last_try)
        return effects

    def _heard_late(self, text: str) -> None:
        """The last words of a committed item whose answer has begun."""
        for spoken in self._unanswered[-1:]:
            if not spoken.is_settled:
                spoken.text = text.removeprefix(self._text_before).strip() or spoken.text

    # Deciding

    @property
    def _silence_ms(self) -> float:
        utterance = self._utterance
        if utterance is not None and utterance.is_closed:
            return _ENDLESS
        return self.gate.silence_ms

    @property
    def _is_only_sound(self) -> bool:
        """What the VAD takes for speech are sounds that were told apart from it."""
        gate = self.gate
        return gate.is_open and self.sounds.is_only_sound(gate.start_pts, gate.end_pts)

    def _decide(self, now: float) -> list[Effect]:
        """Whether the silence so far, with what the model makes of the words, ends the turn."""
        utterance, silence, limits = self._utterance, self._silence_ms, self.turns
        if utterance is None or not (self.rules.listens or utterance.is_closed):
            return []
        if self._live is not None:
            return []  # an answer that is not interrupted: first it, then the next one
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
        if not utterance.is_closed and self._is_only_sound:
            return self._forget("a sound and no speech", now)
        if shadow.head is None:
            shadow.stamps.mark(stage.SILENCE_REACHED, now)
            return []
        if not self.rules.is_semantic and (self._transcript or shadow.head is not Head.SILENT):
            shadow.stamps.mark(stage.SILENCE_REACHED, now)
            return self._take_turn(shadow, now)
        # "What colour", and a pause: it may be all, it may not. And the beginning of a question can
        # sound like nothing to answer.
        if silence < needed_ms(limits, shadow.head, shadow.confidence):
            return []
        match shadow.head:
            case Head.ANSWER:
                shadow.stamps.mark(stage.SILENCE_REACHED, now)
                if shadow.windows < AGREEING and not utterance.is_closed:
                    return []
                return self._take_turn(shadow, now)
            case Head.SILENT:
                return self._forget("nothing to answer", now)
            case Head.WAIT:
                return self._wait(shadow, now)

    def _wait(self, shadow: Draft, now: float) -> list[Effect]:
        """The patience with an unfinished sentence has ended: one more try, then it is answered as it
        is."""
        if not shadow.is_last_try:
            return [*self._retract("patience"), *self._start_shadow(now, is_last_try=True)]
        return self._take_turn(shadow, now)

    def _start_shadow(self, now: float, *, is_last_try: bool = False) -> list[Effect]:
        utterance = self._utterance
        draft = self._new_draft(now, utterance.wish if utterance is not None else None)
        draft.transcript = self._text
        draft.is_last_try = is_last_try
        draft.modal = dict(self._modal)
        draft.stamps.take(self._latents)
        draft.stamps.mark(stage.SPEECH_STARTED, self._speech_started_at)
        draft.stamps.mark(stage.SPEECH_END, self._speech_end_at)
        if self._silence_ms >= self.turns.eager_silence_ms:
            draft.stamps.mark(stage.SILENCE_REACHED, now)
        self._shadow = draft
        self._count("shadows")
        tail_pts = self.gate.end_pts if self.gate.is_open else self.gate.pts
        return self._start_turn(draft, None, tail_pts)

    def _judge(self, event: HeadReady, now: float, stamps: dict[str, float]) -> list[Effect]:
        draft = self._draft(event.turn)
        if draft is None or draft.head is not None:
            return []
        self._judged(draft, event, now, stamps)
        settled = self._settle()
        # A committed turn is decoded whatever the judgement: a typed text is always a question.
        return settled if draft.is_committed else settled + self._decide(now)

    def _retract(self, why: str) -> list[Effect]:
        if self._shadow is None:
            return []
        draft, self._shadow = self._shadow, None
        self._count("shadows_retracted")
        self._count(f"retracted_{why}")
        self._count("wasted_voice_ms", draft.held_ms)
        self._count("wasted_calls", len(draft.calls))
        return [RetractShadow(draft.turn)]

    def _forget(self, why: str, now: float) -> list[Effect]:
        """The utterance in progress was nothing; listen afresh."""
        effects: list[Effect] = self._retract("forgotten")
        utterance, end_pts = self._utterance, self.gate.end_pts
        if self._live is None and not self._unanswered:
            effects.append(ForgetUtterance())
        if utterance is not None:
            effects += self.narrator.ignored(
                utterance.item_id, end_pts, why, is_told=utterance.is_told
            )
            if self._has_own_transcriber:
                effects.append(DropTranscript(utterance.item_id))
            self._count("utterances_ignored")
            self._active_at = now
        self._close_utterance()
        return effects

    # Committing

    def _take_turn(self, draft: Draft, now: float) -> list[Effect]:
        """The utterance is over: it becomes an item, and the shadow the turn where one is wanted."""
        utterance = self._utterance
        assert utterance is not None
        if self.rules.listens and not self.rules.creates and utterance.wish is None:
            return self._keep_utterance(utterance, is_settled=True)
        end_pts, transcript = self.gate.end_pts, self._transcript
        self._shadow = None
        self._count("shadows_committed")
        self._continuations = 0
        settled = self._settle()
        self._unanswered.clear()
        self._close_utterance()
        self._hand(audio=words_in(transcript))
        by_other = self._has_own_transcriber
        told = self.narrator.utterance(
            utterance.item_id,
            utterance.start_pts,
            end_pts,
            None if by_other else transcript or None,
            turn=draft.turn,
        )
        transcribe: list[Effect] = [EndTranscript(utterance.item_id, end_pts)] if by_other else []
        live = self._go_live(draft, now, settled + told, utterance.item_id)
        return live + transcribe

    def _keep_utterance(self, utterance: Utterance, *, is_settled: bool) -> list[Effect]:
        """It becomes an item that is answered on request. What is understood of it later still
        belongs to it, unless `is_settled`."""
        is_open = self.gate.is_open
        end_pts = self.gate.end_pts if is_open and self.rules.listens else self.gate.pts
        effects = self._settle()
        told: list[Effect] = []
        if utterance.is_told:
            told += self.narrator.stopped(utterance.item_id, end_pts)
        told += self.narrator.committed(utterance.item_id)
        spoken = Spoken(utterance.item_id, utterance.start_pts, end_pts, self._transcript)
        self._unanswered.append(spoken)
        del self._unanswered[:-32]
        self._utterance = None
        self._text_before = self._text if is_settled else self._text_before
        self._buffer_pts = self.gate.pts
        self.gate.reset()
        effects += told
        if self._has_own_transcriber:
            effects.append(EndTranscript(utterance.item_id, end_pts))
        if is_settled:
            effects += self._settle()
        return [*effects, *self.narrator.state("listening")]

    def _settle(self) -> list[Effect]:
        """Tell the transcripts of committed items that were not told yet."""
        effects: list[Effect] = []
        for spoken in self._unanswered:
            if spoken.is_settled:
                continue
            spoken.is_settled = True
            if self._text.startswith(self._text_before) and self._utterance is None:
                self._text_before = self._text
            self._hand(audio=words_in(spoken.text))
            if self._has_own_transcriber:
                continue
            seconds = self._heard_seconds(spoken.start_pts, spoken.end_pts)
            effects += self.narrator.delta(spoken.item_id, spoken.text)
            effects += self.narrator.transcribed(spoken.item_id, spoken.text, seconds)
        return effects

    def _audio_committed(self, event: AudioCommitted, now: float) -> list[Effect]:
        if event.item_id is not None:
            if event.item_id != self._item_audio:
                return []  # it was refused
            effects = self._commit_buffer(event, now)
            self._item_audio = None
            self._follow_config()
            return effects
        return self._commit_buffer(event, now)

    def _commit_buffer(self, event: AudioCommitted, now: float) -> list[Effect]:
        utterance = self._utterance
        if self.rules.listens:
            if utterance is None:
                return [
                    self.narrator.error(
                        "nothing was said since the last turn",
                        "input_audio_buffer_commit_empty",
                        event_id=event.event_id,
                    )
                ]
            utterance.is_closed = True
            return self._decide(now)
        buffered_ms = (self.gate.pts - self._buffer_pts) * 1000 / HEARING_RATE
        if buffered_ms < MIN_COMMIT_MS:
            return [
                self.narrator.error(
                    f"the input audio buffer is too small: {MIN_COMMIT_MS} ms are needed and it has "
                    f"{buffered_ms:.0f} ms",
                    "input_audio_buffer_commit_empty",
                    event_id=event.event_id,
                )
            ]
        item_id = event.item_id or (
            utterance.item_id if utterance else self.narrator.new_id("item")
        )
        start_pts = utterance.start_pts if utterance is not None else self._buffer_pts
        effects = self._retract("resumed")
        if self._live is None:  # begun before it is asked for, so that it is there when it is
            effects += self._start_shadow(now)
        whole = Utterance(item_id, start_pts, is_told=False)
        if self._has_own_transcriber and (utterance is None or utterance.item_id != item_id):
            effects.append(BeginTranscript(item_id, start_pts))
        return effects + self._keep_utterance(whole, is_settled=False)

    def _audio_cleared(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if self._utterance is not None or self._text != self._text_before:
            effects += self._forget("cleared", now)
        self._buffer_pts = self.gate.pts
        return [*effects, Emit(messages.audio_cleared())]

    # A transcriber beside the engine

    def _transcribed(self, event: Transcribed) -> list[Effect]:
        """Settled words are told once the utterance is an item; the rest as a partial of ours."""
        if event.item_id not in self.narrator.items:
            whole = f"{event.text}{event.tentative}"
            return self.narrator.partial(event.item_id, whole.strip()) if whole.strip() else []
        told = self._told_text.get(event.item_id, "")
        new = event.text.removeprefix(told)
        effects = self.narrator.delta(event.item_id, new)
        if not event.is_final:
            self._told_text[event.item_id] = event.text
            while len(self._told_text) > 32:
                del self._told_text[next(iter(self._told_text))]
            return effects
        self._told_text.pop(event.item_id, None)
        text = event.text.strip()
        return effects + self.narrator.transcribed(event.item_id, text, event.seconds)

    def _not_transcribed(self, event: TranscriptionFailed) -> list[Effect]:
        self._told_text.pop(event.item_id, None)
        if event.item_id not in self.narrator.items:
            return []
        return self.narrator.not_transcribed(event.item_id, event.why)
