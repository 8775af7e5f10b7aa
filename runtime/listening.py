"""Listening: what is heard and understood of the person, and what the client says of it.

Where the client finds the turns (`turn_detection: null`) utterances are followed silently and end
with `input_audio_buffer.commit`.
"""

from __future__ import annotations

from . import ledger as stage
from . import messages
from .deciding import Deciding
from .effects import (
    BeginTranscript,
    Effect,
    Emit,
    ForgetUtterance,
)
from .events import (
    AudioCommitted,
    Transcribed,
    TranscriptChanged,
    TranscriptionFailed,
    VoiceActivity,
)
from .frames import HEARING_RATE
from .session_state import Utterance, words_in

MIN_COMMIT_MS = 100
"""Audio that a commit needs (the published limit)."""


class Listening(Deciding):
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

    # The input audio buffer

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
