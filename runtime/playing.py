"""What is played of an answer, and how far: queued, sent, reported or reckoned by the clock."""

from __future__ import annotations

from . import ledger as stage
from .drafts import Draft
from .effects import Effect, Play
from .events import PlaybackReported, Played, VoiceReady
from .frames import SPEAKING_RATE
from .session_state import SessionState


class Playing(SessionState):
    """From voiced audio to its having been played."""

    def _sounds(self, draft: Draft) -> list[Effect]:
        """The first audio of the answer goes out."""
        teller = draft.teller
        if teller is None:
            return []
        return [*teller.playout_began(), *self.narrator.state("speaking")]

    def _queue(self, draft: Draft, voice: VoiceReady, now: float) -> list[Effect]:
        if self._queued(draft) == 0:
            draft.play_started = now
        draft.play_end = max(draft.play_end, now) + len(voice.pcm) / SPEAKING_RATE
        draft.usage.voiced += len(voice.pcm)
        self.playback.queue(draft.turn, len(voice.pcm), voice.text)
        if self._is_track:
            draft.unplayed.add(voice)
            if draft.hold is not None:
                return []
            return [Play(draft.turn, voice.pcm, voice.text, voice.is_last)]
        draft.stamps.mark(stage.FIRST_PACKET, now)
        teller = draft.teller
        return teller.audio(voice.pcm, is_last=voice.is_last) if teller is not None else []

    # What was played

    def _played(self, event: Played, now: float, sent: float) -> list[Effect]:
        for tail in self._tails:
            if tail.turn == event.turn:
                return self._tail_played(tail, event)
        live = self._live
        if live is None or event.turn != live.turn:
            return []
        self.playback.played(live.turn, event.samples)
        live.unplayed.played(self.playback.played_samples(live.turn))
        if event.samples > 0:
            live.stamps.mark(stage.FIRST_PACKET, sent)
        # A voice that failed leaves no last packet: then all of what was queued is the end.
        if event.is_done or (live.is_mute and event.samples >= self._queued(live)):
            live.stamps.mark(stage.LAST_PACKET, sent)
            live.is_played = live.is_voice_done
            return self._advance(live, now)
        return []

    def _tail_played(self, tail: Draft, event: Played) -> list[Effect]:
        self.playback.played(tail.turn, event.samples)
        if not event.is_done:
            return []
        self._tails.remove(tail)
        return tail.teller.playout_over() if tail.teller is not None else []

    def _reckon(self, draft: Draft, now: float) -> None:
        """Without a report: what a client that plays at once has played by now."""
        if not self._is_track:
            left = max(0.0, draft.play_end - now) * SPEAKING_RATE
            self.playback.played(draft.turn, round(self._queued(draft) - left))

    def _reported(self, event: PlaybackReported, now: float) -> list[Effect]:
        kept = self.narrator.items.get(event.item_id)
        for draft in (self._live, *self._tails):
            if draft is not None and kept is not None and kept.turn == draft.turn:
                samples = min(event.audio_ms * SPEAKING_RATE // 1000, self._queued(draft))
                self.playback.played(draft.turn, samples)
                draft.play_end = now + (self._queued(draft) - samples) / SPEAKING_RATE
        return []

    # What the layers above put in

    def _advance(self, draft: Draft, now: float) -> list[Effect]:
        """Closes what is complete: the text, the response, the turn."""
        return []
