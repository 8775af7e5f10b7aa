"""The runtime's `Engine` over separate parts: something hears, a brain decides the words.

The ear is an engine of its own (voice activity detection, and the embedded transcript); where a
transcriber is given, its words count instead. All on the event loop; every result of a turn carries
its number, so that what comes late reaches nobody. What is heard is in `cascade_hearing.py`, what is
answered in `cascade_answers.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ..runtime.abilities import Abilities
from ..runtime.clock import Clock
from ..runtime.frames import AudioChunk, VideoFrame
from ..runtime.protocols import Slot
from ..runtime.realtime_config import SessionConfig
from ..runtime.response_options import ResponseOptions
from ..runtime.settings import AudioSettings
from ..runtime.speech_gate import SpeechGate
from .brains import Brain
from .cascade_answers import CascadeAnswers
from .cascade_hearing import CascadeHearing
from .cascade_talk import Deliver, Talk, Turn
from .engine_pipeline import OwnedEngine
from .transcription import OwnedTranscriber


class CascadeEngine:
    """An `OwnedEngine`."""

    def __init__(
        self,
        ear: OwnedEngine,
        brain: Brain,
        clock: Clock,
        *,
        transcriber: OwnedTranscriber | None = None,
        audio: AudioSettings | None = None,
        max_history: int = 64,
    ) -> None:
        """`max_history` is how many messages of a conversation the brain is given."""
        self._ear = ear
        self._brain = brain
        self._audio = audio or AudioSettings()
        self._answers = CascadeAnswers(brain, clock, max_history)
        self._hearing = CascadeHearing(transcriber, self._answers.understood)
        self._talks: dict[int, Talk] = {}

    @property
    def abilities(self) -> Abilities:
        """A brain that reads the history takes whatever a client puts there."""
        if self._brain.reads_history:
            return Abilities(
                pictures=0,
                history=True,
                instructions=True,
                tools=True,
                revises=True,
                languages=frozenset(),
            )
        return Abilities(pictures=0, revises=True, languages=frozenset())

    @property
    def failed(self) -> int:
        """Answers that the brain could not give."""
        return self._answers.failed

    # --- life ------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Loads the ear; a transcriber begins to load and is waited for by whoever needs it."""
        await self._ear.ready()
        self._hearing.load()

    async def ended(self) -> str:
        """The ear's end is the engine's."""
        return await self._ear.ended()

    async def stop(self) -> None:
        """Idempotent."""
        await self._answers.stop()
        await self._hearing.stop()
        await self._ear.stop()

    # --- the runtime's Engine --------------------------------------------------------------

    def open(self, deliver: Deliver) -> Slot:
        """Raises what the ear raises."""
        talks: list[Talk] = []
        slot = self._ear.open(lambda deliveries: self._hearing.heard(talks[0], deliveries))
        talk = Talk(slot, deliver, SpeechGate(self._audio))
        talks.append(talk)
        try:
            self._hearing.open(talk)
        except BaseException:
            self._ear.close(slot)
            raise
        self._talks[slot.index] = talk
        return slot

    def hear(self, slot: Slot, chunk: AudioChunk) -> None:
        """To the ear, and to the transcriber if there is one."""
        if (talk := self._talk(slot)) is not None:
            self._hearing.hear(talk, chunk)
        self._ear.hear(slot, chunk)

    def look(self, slot: Slot, frame: VideoFrame) -> None:
        """The brain is given words only; the ear may look."""
        self._ear.look(slot, frame)

    def set_camera(self, slot: Slot, is_on: bool) -> None:
        """As `look`."""
        self._ear.set_camera(slot, is_on)

    def start(self, slot: Slot, turn: int, text: str | None, tail_pts: int | None) -> None:
        """A spoken question is waited for until all of it is understood."""
        talk = self._talk(slot)
        if talk is None:
            return
        begun = Turn(turn, text is None, text or "", options=talk.prepared.pop(turn, None))
        talk.turns[turn] = begun
        if text is not None:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._answers.understood, talk, begun, text)
            return
        if talk.handle is not None:
            begun.waits_for = tail_pts
        self._ear.start(slot, turn, None, tail_pts)

    def retract(self, slot: Slot, turn: int) -> None:
        """The answer is thrown away; the words stay and go on."""
        if (talk := self._talk(slot)) is not None:
            talk.drop(turn)
        self._ear.retract(slot, turn)

    def commit(self, slot: Slot, turn: int) -> None:
        """From now on the brain may do what has an effect; the next utterance begins afresh."""
        talk = self._talk(slot)
        begun = talk.turns.get(turn) if talk is not None else None
        if talk is None or begun is None:
            return
        talk.take(begun)
        if begun.is_spoken:
            self._ear.commit(slot, turn)
            self._hearing.end_utterance(talk)
        self._answers.committed(talk, begun)

    def cancel(self, slot: Slot, turn: int, heard: str) -> None:
        """The history keeps what was heard of the answer."""
        talk = self._talk(slot)
        begun = talk.drop(turn) if talk is not None else None
        if begun is not None:
            begun.exchange.heard = heard
            if begun.is_spoken:
                self._ear.cancel(slot, turn, "")  # it said nothing of this

    def forget(self, slot: Slot) -> None:
        """It was noise."""
        if (talk := self._talk(slot)) is not None:
            for turn in [t for t in talk.turns.values() if t.is_spoken and not t.is_committed]:
                talk.drop(turn.number)
            self._hearing.end_utterance(talk)
        self._ear.forget(slot)

    def close(self, slot: Slot) -> None:
        """What was being answered is thrown away."""
        if (talk := self._talk(slot)) is not None:
            talk.is_open = False
            for turn in list(talk.turns):
                talk.drop(turn)
            self._hearing.close(talk)
            del self._talks[slot.index]
        self._ear.close(slot)

    # --- the runtime's ItemEngine and RevisingEngine ---------------------------------------

    def configure(self, slot: Slot, config: SessionConfig) -> None:
        """Every turn is prepared with what counts for it."""

    def prepare(self, slot: Slot, turn: int, options: ResponseOptions) -> None:
        """Instructions and functions of this turn."""
        if (talk := self._talk(slot)) is not None:
            talk.prepared = {turn: options}  # one at a time: older ones were never begun

    def insert(self, slot: Slot, item: Mapping[str, object], previous_item_id: str | None) -> None:
        """Messages, calls and outputs; pictures are not seen."""
        if (talk := self._talk(slot)) is not None:
            talk.history.insert(item, previous_item_id)

    def erase(self, slot: Slot, item_id: str) -> None:
        """Nothing when it is not there."""
        if (talk := self._talk(slot)) is not None:
            talk.history.erase(item_id)

    def name_items(self, slot: Slot, turn: int, asked: str | None, answer: str) -> None:
        """A question that is an item already is not asked twice."""
        talk = self._talk(slot)
        taken = talk.past.get(turn) if talk is not None else None
        if talk is not None and taken is not None:
            talk.history.name(taken.exchange, asked, answer)

    def revise(self, slot: Slot, turn: int, heard: str | None) -> None:
        """The history is what was heard."""
        talk = self._talk(slot)
        taken = talk.past.get(turn) if talk is not None else None
        if talk is None or taken is None:
            return
        if heard is None:
            talk.history.drop(taken.exchange)
        else:
            taken.exchange.heard = heard

    def _talk(self, slot: Slot) -> Talk | None:
        talk = self._talks.get(slot.index)
        return talk if talk is not None and talk.slot == slot else None
