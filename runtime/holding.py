"""Speech during an answer: its sound stops at once, and whether it is cut is decided afterwards.

On a track the answer is held: nothing more of it is sent, and the transport says how far it came. What
`interruption` then makes of the speech cuts the answer there, exactly, or lets it go on from there,
each sample once. Inside messages the client plays what it has been sent long since, so there speech
cuts at once.
"""

from __future__ import annotations

from . import ledger as stage
from . import messages
from .answering import Answering
from .drafts import Draft, Hold
from .effects import Effect, Emit, ForgetUtterance, HoldPlayout, Play
from .events import PlayoutHeld, VoiceActivity
from .frames import HEARING_RATE, SPEAKING_RATE
from .interruption import Verdict, stopping_ms, verdict


class Holding(Answering):
    """From the first voiced window into an answer to its being cut, or going on."""

    def _begin(self) -> None:
        super()._begin()
        self._words_before = 0  # understood before this speech began: echo, or noise

    def _hear_over_answer(self, event: VoiceActivity, now: float) -> list[Effect]:
        """Speech during an answer: enough of it stops the sound, more of it, or words, cut."""
        live = self._live
        assert live is not None
        if not self.gate.is_open:
            return [*self._resume(now), *self._hear_nothing(event)]
        if live.hold is not None:
            return self._weigh(live, now)
        needed_ms = stopping_ms(self.turns, live.resumed)
        if self._voiced_ms >= needed_ms:
            if not self.rules.interrupts:
                return self._begin_utterance()
            if not self._can_hold(live) or self._verdict() is Verdict.TURN:
                return self._interrupt(live, now)
            return self._hold(live, now)
        if self.gate.silence_ms >= self.turns.probe_silence_ms:
            self._close_utterance()
            self._count("coughs")
            return [ForgetUtterance()]
        return []

    @property
    def _voiced_ms(self) -> float:
        return self.gate.voiced * 1000 / HEARING_RATE

    def _verdict(self) -> Verdict:
        words = " ".join(self._transcript.split()[self._words_before :])
        return verdict(words, self._voiced_ms, self.gate.silence_ms, self.turns)

    def _can_hold(self, live: Draft) -> bool:
        """It can go on later: on a track, with nothing else queued before it."""
        return self._is_track and not self._tails and live.unplayed.is_whole

    def _hold(self, live: Draft, now: float) -> list[Effect]:
        live.hold = Hold(now)
        live.stamps.renew(stage.BARGE_IN, self._speech_started_at)
        live.stamps.renew(stage.HELD, now)
        self._echo_until = self.gate.pts + self._echo_tail
        self._count("holds")
        return [HoldPlayout(live.turn)]

    def _playout_held(self, event: PlayoutHeld, now: float) -> list[Effect]:
        """How far it came."""
        live = self._live
        if live is None or live.turn != event.turn or live.hold is None:
            return []
        hold = live.hold
        if hold.position is not None:
            return []
        sent = max(event.samples, self.playback.played_samples(live.turn))
        self.playback.played(live.turn, sent)
        hold.position = self.playback.played_samples(live.turn)
        if hold.is_over:
            return self._resume(now)
        told = messages.playout_paused(self._response_id(live), _ms(hold.position))
        return [Emit(told), *self.narrator.state("hearing")]

    def _weigh(self, live: Draft, now: float) -> list[Effect]:
        """Whether what is heard into a held answer cuts it."""
        match self._verdict():
            case Verdict.TURN:
                return self._interrupt(live, now)
            case Verdict.NOTHING:
                self._close_utterance()
                self._count("false_interruptions")
                return [ForgetUtterance(), *self._resume(now)]
            case Verdict.OPEN:
                return []

    def _interrupt(self, live: Draft, now: float) -> list[Effect]:
        """It is a turn: the answer ends where it stopped, and an utterance has begun."""
        live.stamps.renew(stage.BARGE_IN, self._speech_started_at)
        live.stamps.mark(stage.CUT, now)
        hold = live.hold
        if hold is not None and now - hold.since >= self.turns.client_delay_ms / 1000:
            self.playback.arrived(live.turn)
        self._count("barge_ins")
        effects = self._cut("turn_detected", now, is_listening=False)
        return effects + self._begin_utterance()

    def _resume(self, now: float) -> list[Effect]:
        live = self._live
        if live is None or live.hold is None:
            return []
        hold = live.hold
        if hold.position is None:
            hold.is_over = True
            return []
        live.hold = None
        live.resumed += 1
        live.play_started += now - hold.since
        live.progressed = now
        self._count("resumed")
        self._measured({"pause": round((now - hold.since) * 1000, 3)})
        rest = live.unplayed.after(hold.position)
        effects: list[Effect] = [Play(live.turn, one.pcm, one.text, one.is_last) for one in rest]
        effects.append(Emit(messages.playout_resumed(self._response_id(live), _ms(hold.position))))
        effects += self._sounds(live) if self._queued(live) else self.narrator.state("thinking")
        if not rest and live.is_voice_done:  # its last packet had left
            live.is_played = True
            effects += self._advance(live, now)
        return effects

    @staticmethod
    def _response_id(live: Draft) -> str:
        return live.teller.response_id if live.teller is not None else ""

    # What the layer above puts in

    def _hear_nothing(self, event: VoiceActivity) -> list[Effect]:
        """Sound that never became speech."""
        return []

    def _begin_utterance(self) -> list[Effect]:
        """The person has begun to say something."""
        return []


def _ms(samples: int) -> int:
    return samples * 1000 // SPEAKING_RATE
