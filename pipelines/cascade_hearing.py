"""How a cascade hears: an ear's results, and a transcriber beside it whose words count instead."""

from __future__ import annotations

from collections.abc import Callable

from ..runtime.events import (
    HeadReady,
    StageFailed,
    TokensReady,
    ToolCalled,
    Transcribed,
    TranscriptChanged,
    TranscriptionFailed,
    VoiceActivity,
)
from ..runtime.frames import AudioChunk
from ..runtime.protocols import Delivery
from .cascade_talk import Talk, Turn
from .transcription import OwnedTranscriber


class CascadeHearing:
    """For every conversation of a cascade."""

    def __init__(
        self,
        transcriber: OwnedTranscriber | None,
        understood: Callable[[Talk, Turn, str], None],
    ) -> None:
        """`understood` is told what a turn was asked, once all of it is known."""
        self._transcriber = transcriber
        self._understood = understood

    def load(self) -> None:
        """A transcriber begins to load and is waited for by whoever needs it."""
        if self._transcriber is not None:
            self._transcriber.close(self._transcriber.open(lambda event: None))

    async def stop(self) -> None:
        """Idempotent."""
        if self._transcriber is not None:
            await self._transcriber.stop()

    def open(self, talk: Talk) -> None:
        """Raises what the transcriber raises."""
        if self._transcriber is not None:
            talk.handle = self._transcriber.open(lambda event: self._transcribed(talk, event))

    def close(self, talk: Talk) -> None:
        """Nothing is heard for this conversation any more."""
        if talk.handle is not None and self._transcriber is not None:
            self._transcriber.close(talk.handle)

    def hear(self, talk: Talk, chunk: AudioChunk) -> None:
        """Audio for the transcriber; the ear is given its own."""
        if talk.handle is not None and self._transcriber is not None:
            self._transcriber.hear(talk.handle, chunk)

    def heard(self, talk: Talk, deliveries: list[Delivery]) -> None:
        """What the ear says. Its opinions of the answer are nobody's business."""
        passed: list[Delivery] = []
        for delivery in deliveries:
            match delivery.event:
                case VoiceActivity() as activity:
                    self._follow(talk, activity)
                    passed.append(delivery)
                case TranscriptChanged(text=text):
                    if talk.handle is None:
                        talk.transcript = text
                        passed.append(delivery)
                case HeadReady(turn=turn):
                    _flush(talk, passed)
                    self._ear_is_done(talk, turn)
                case TokensReady() | ToolCalled():
                    pass
                case _:
                    passed.append(delivery)
        _flush(talk, passed)

    def end_utterance(self, talk: Talk) -> None:
        """What was heard belongs to a turn, or was noise."""
        if talk.is_in_utterance and talk.handle is not None and self._transcriber is not None:
            self._transcriber.drop(talk.handle, str(talk.item))
        talk.is_in_utterance = False
        talk.transcript = ""
        talk.gate.reset()

    def _follow(self, talk: Talk, activity: VoiceActivity) -> None:
        """The transcriber is told where utterances begin, as the session sees it."""
        if talk.handle is None or self._transcriber is None:
            return
        if talk.gate.feed(activity.pts, activity.probability) and not talk.is_in_utterance:
            talk.item += 1
            talk.is_in_utterance = True
            self._transcriber.begin(talk.handle, str(talk.item), talk.gate.start_pts)

    def _ear_is_done(self, talk: Talk, number: int) -> None:
        """Everything up to the end of the question has gone through the ear."""
        turn = talk.turns.get(number)
        if turn is None or turn.question is not None:
            return
        if talk.handle is None or self._transcriber is None or not talk.is_in_utterance:
            self._understood(talk, turn, talk.transcript)
            return
        turn.waits_for = turn.waits_for if turn.waits_for is not None else talk.gate.pts
        self._transcriber.catch_up(talk.handle, str(talk.item), turn.waits_for)

    def _transcribed(self, talk: Talk, event: Transcribed | TranscriptionFailed) -> None:
        if event.item_id != str(talk.item) or not talk.is_in_utterance:
            return
        waiting = [t for t in talk.turns.values() if t.is_spoken and t.question is None]
        if isinstance(event, TranscriptionFailed):
            talk.is_in_utterance = False
            talk.tell(StageFailed("transcriber", event.why, is_fatal=False))
            for turn in waiting:
                self._understood(talk, turn, "")
            return
        talk.transcript = f"{event.text} {event.tentative}".strip()
        talk.tell(TranscriptChanged(talk.transcript, event.pts))
        for turn in waiting:
            if turn.waits_for is not None and event.pts >= turn.waits_for:
                self._understood(talk, turn, talk.transcript)


def _flush(talk: Talk, passed: list[Delivery]) -> None:
    if passed and talk.is_open:
        talk.deliver(passed[:])
    passed.clear()
