"""Deciding: whether the silence so far ends the person's turn, and the answer begun before that is sure.

A shadow is begun, judged, begun anew for late words, retracted when the person goes on, and in the end
committed or forgotten. Where nothing answers by itself the utterance is kept for later.
"""

from __future__ import annotations

from . import ledger as stage
from .drafts import Draft
from .effects import DropTranscript, Effect, EndTranscript, ForgetUtterance, RetractShadow
from .events import Head, HeadReady
from .holding import Holding
from .session_state import Spoken, Utterance, words_in
from .turn_rules import AGREEING, needed_ms

_ENDLESS = float("inf")


class Deciding(Holding):
    """From the first silence that may be the end of a turn to its commit."""

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
