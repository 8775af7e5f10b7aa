"""The runtime's `Engine` over separate parts: something hears, a brain decides the words.

The ear is an engine of its own (voice activity detection, and the embedded transcript); where a
transcriber is given, its words count instead. All on the event loop; every result of a turn carries
its number, so that what comes late reaches nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from ..runtime.abilities import Abilities
from ..runtime.clock import Clock
from ..runtime.errors import VisavisError
from ..runtime.events import (
    Event,
    Head,
    HeadReady,
    StageFailed,
    TokensReady,
    ToolCalled,
    Transcribed,
    TranscriptChanged,
    TranscriptionFailed,
    VoiceActivity,
)
from ..runtime.frames import AudioChunk, VideoFrame
from ..runtime.ledger import FIRST_TOKEN
from ..runtime.protocols import Delivery, Slot
from ..runtime.realtime_config import FunctionChoice, FunctionTool, SessionConfig, ToolChoice
from ..runtime.response_options import ResponseOptions
from ..runtime.settings import AudioSettings
from ..runtime.speech_gate import SpeechGate
from .brains import Brain, FunctionCall, Json, Question
from .chat_history import ChatHistory, Exchange
from .engine_pipeline import OwnedEngine
from .transcription import OwnedTranscriber

log = logging.getLogger(__name__)

Deliver = Callable[[list[Delivery]], None]

SORRY = "Sorry, I can't answer right now."
"""Said when the brain fails: a caller on the telephone sees no error."""
FINISHED, OPEN = 0.97, 0.5
"""Confidence that a question is finished: it ends like a sentence, or does not."""
MAX_ANSWER = 64_000
"""Characters of one answer."""
MAX_PAST = 256
"""Turns whose answers can still be revised."""


@dataclass(slots=True)
class _Turn:
    number: int
    is_spoken: bool
    typed: str = ""
    options: ResponseOptions | None = None
    question: Question | None = None
    task: asyncio.Task[None] | None = None
    exchange: Exchange = field(default_factory=Exchange)
    is_committed: bool = False
    waits_for: int | None = None
    """The transcript is wanted up to here."""


@dataclass(slots=True)
class _Talk:
    """One conversation."""

    slot: Slot
    deliver: Deliver
    gate: SpeechGate
    history: ChatHistory = field(default_factory=ChatHistory)
    handle: int | None = None
    item: int = 0
    is_in_utterance: bool = False
    transcript: str = ""
    turns: dict[int, _Turn] = field(default_factory=dict[int, _Turn])
    past: dict[int, _Turn] = field(default_factory=dict[int, _Turn])
    """Turns that were taken, by number: what was heard of them may still change."""
    prepared: dict[int, ResponseOptions] = field(default_factory=dict[int, ResponseOptions])


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
        self.failed = 0
        """Answers that the brain could not give."""
        self._ear = ear
        self._brain = brain
        self._clock = clock
        self._transcriber = transcriber
        self._audio = audio or AudioSettings()
        self._max_history = max_history
        self._talks: dict[int, _Talk] = {}
        self._tasks: set[asyncio.Task[None]] = set()

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

    # --- life ------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Loads the ear; a transcriber begins to load and is waited for by whoever needs it."""
        await self._ear.ready()
        if self._transcriber is not None:
            self._transcriber.close(self._transcriber.open(lambda event: None))

    async def ended(self) -> str:
        """The ear's end is the engine's."""
        return await self._ear.ended()

    async def stop(self) -> None:
        """Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._brain.close()
        if self._transcriber is not None:
            await self._transcriber.stop()
        await self._ear.stop()

    # --- the runtime's Engine --------------------------------------------------------------

    def open(self, deliver: Deliver) -> Slot:
        """Raises what the ear raises."""
        talks: list[_Talk] = []
        slot = self._ear.open(lambda deliveries: self._heard(talks[0], deliveries))
        talk = _Talk(slot, deliver, SpeechGate(self._audio))
        talks.append(talk)
        if self._transcriber is not None:
            try:
                talk.handle = self._transcriber.open(lambda event: self._transcribed(talk, event))
            except BaseException:
                self._ear.close(slot)
                raise
        self._talks[slot.index] = talk
        return slot

    def hear(self, slot: Slot, chunk: AudioChunk) -> None:
        """To the ear, and to the transcriber if there is one."""
        talk = self._talk(slot)
        if talk is not None and talk.handle is not None and self._transcriber is not None:
            self._transcriber.hear(talk.handle, chunk)
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
        begun = _Turn(turn, text is None, text or "", options=talk.prepared.pop(turn, None))
        talk.turns[turn] = begun
        if text is not None:
            asyncio.get_running_loop().call_soon(self._understood, talk, begun, text)
            return
        if talk.handle is not None:
            begun.waits_for = tail_pts
        self._ear.start(slot, turn, None, tail_pts)

    def retract(self, slot: Slot, turn: int) -> None:
        """The answer is thrown away; the words stay and go on."""
        talk = self._talk(slot)
        if talk is not None:
            self._drop(talk, turn)
        self._ear.retract(slot, turn)

    def commit(self, slot: Slot, turn: int) -> None:
        """From now on the brain may do what has an effect; the next utterance begins afresh."""
        talk = self._talk(slot)
        begun = talk.turns.get(turn) if talk is not None else None
        if talk is None or begun is None:
            return
        begun.is_committed = True
        for other in [t for t in talk.turns.values() if t.is_committed and t is not begun]:
            self._drop(talk, other.number)  # nobody can cut it any more
        is_item = not begun.is_spoken and talk.history.ends_with(begun.typed.strip())
        talk.history.take(begun.exchange)
        if is_item:
            talk.history.unask(begun.exchange)
        talk.past[turn] = begun
        while len(talk.past) > MAX_PAST:
            del talk.past[next(iter(talk.past))]
        if begun.is_spoken:
            self._ear.commit(slot, turn)
            self._end_utterance(talk)
        if begun.question is not None:
            begun.question.committed.set()
            if begun.task is None:
                self._answer(talk, begun)

    def cancel(self, slot: Slot, turn: int, heard: str) -> None:
        """The history keeps what was heard of the answer."""
        talk = self._talk(slot)
        begun = self._drop(talk, turn) if talk is not None else None
        if begun is not None:
            begun.exchange.heard = heard
            if begun.is_spoken:
                self._ear.cancel(slot, turn, "")  # it said nothing of this

    def forget(self, slot: Slot) -> None:
        """It was noise."""
        talk = self._talk(slot)
        if talk is not None:
            for turn in [t for t in talk.turns.values() if t.is_spoken and not t.is_committed]:
                self._drop(talk, turn.number)
            self._end_utterance(talk)
        self._ear.forget(slot)

    def close(self, slot: Slot) -> None:
        """What was being answered is thrown away."""
        talk = self._talk(slot)
        if talk is not None:
            for turn in list(talk.turns):
                self._drop(talk, turn)
            if talk.handle is not None and self._transcriber is not None:
                self._transcriber.close(talk.handle)
            del self._talks[slot.index]
        self._ear.close(slot)

    # --- the runtime's ItemEngine and RevisingEngine ---------------------------------------

    def configure(self, slot: Slot, config: SessionConfig) -> None:
        """Every turn is prepared with what counts for it."""

    def prepare(self, slot: Slot, turn: int, options: ResponseOptions) -> None:
        """Instructions and functions of this turn."""
        talk = self._talk(slot)
        if talk is not None:
            talk.prepared = {turn: options}  # one at a time: older ones were never begun

    def insert(self, slot: Slot, item: Mapping[str, object], previous_item_id: str | None) -> None:
        """Messages, calls and outputs; pictures are not seen."""
        talk = self._talk(slot)
        if talk is not None:
            talk.history.insert(item, previous_item_id)

    def erase(self, slot: Slot, item_id: str) -> None:
        """Nothing when it is not there."""
        talk = self._talk(slot)
        if talk is not None:
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

    # --- what the ear and the transcriber say ----------------------------------------------

    def _heard(self, talk: _Talk, deliveries: list[Delivery]) -> None:
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
                    self._flush(talk, passed)
                    self._ear_is_done(talk, turn)
                case TokensReady():
                    pass  # the ear's own opinion
                case _:
                    passed.append(delivery)
        self._flush(talk, passed)

    def _flush(self, talk: _Talk, passed: list[Delivery]) -> None:
        if passed and self._talks.get(talk.slot.index) is talk:
            talk.deliver(passed[:])
        passed.clear()

    def _follow(self, talk: _Talk, activity: VoiceActivity) -> None:
        """The transcriber is told where utterances begin, as the session sees it."""
        if talk.handle is None or self._transcriber is None:
            return
        if talk.gate.feed(activity.pts, activity.probability) and not talk.is_in_utterance:
            self._begin_utterance(talk, talk.gate.start_pts)

    def _begin_utterance(self, talk: _Talk, start_pts: int) -> None:
        assert talk.handle is not None and self._transcriber is not None
        talk.item += 1
        talk.is_in_utterance = True
        self._transcriber.begin(talk.handle, str(talk.item), start_pts)

    def _ear_is_done(self, talk: _Talk, number: int) -> None:
        """Everything up to the end of the question has gone through the ear."""
        turn = talk.turns.get(number)
        if turn is None or turn.question is not None:
            return
        if talk.handle is None or self._transcriber is None or not talk.is_in_utterance:
            self._understood(talk, turn, talk.transcript)
            return
        turn.waits_for = turn.waits_for if turn.waits_for is not None else talk.gate.pts
        self._transcriber.catch_up(talk.handle, str(talk.item), turn.waits_for)

    def _transcribed(self, talk: _Talk, event: Transcribed | TranscriptionFailed) -> None:
        if event.item_id != str(talk.item) or not talk.is_in_utterance:
            return
        waiting = [t for t in talk.turns.values() if t.is_spoken and t.question is None]
        if isinstance(event, TranscriptionFailed):
            talk.is_in_utterance = False
            self._tell(talk, StageFailed("transcriber", event.why, is_fatal=False))
            for turn in waiting:
                self._understood(talk, turn, "")
            return
        talk.transcript = f"{event.text} {event.tentative}".strip()
        self._tell(talk, TranscriptChanged(talk.transcript, event.pts))
        for turn in waiting:
            if turn.waits_for is not None and event.pts >= turn.waits_for:
                self._understood(talk, turn, talk.transcript)

    def _end_utterance(self, talk: _Talk) -> None:
        if talk.is_in_utterance and talk.handle is not None and self._transcriber is not None:
            self._transcriber.drop(talk.handle, str(talk.item))
        talk.is_in_utterance = False
        talk.transcript = ""
        talk.gate.reset()

    # --- answering -------------------------------------------------------------------------

    def _understood(self, talk: _Talk, turn: _Turn, text: str) -> None:
        if talk.turns.get(turn.number) is not turn:
            return  # retracted meanwhile
        text = text.strip()
        turn.exchange.text = text
        if turn.is_committed and not text and self._brain.reads_history:
            talk.history.unask(turn.exchange)  # asked for an answer when nothing new was said
        is_known = turn.is_committed and not talk.history.has_question(turn.exchange)
        options = turn.options
        turn.question = Question(
            None if is_known else text,
            talk.history.messages(self._max_history, but=turn.exchange),
            "" if options is None else options.instructions,
            () if options is None else tuple(_described(tool) for tool in options.tools),
            "auto" if options is None else _choice(options.tool_choice),
            notes=turn.exchange.notes,
        )
        if turn.is_committed:
            turn.question.committed.set()
        if not text:
            self._tell(talk, HeadReady(turn.number, Head.SILENT, FINISHED))
        else:
            is_finished = not turn.is_spoken or text.endswith((".", "?", "!", "。", "？", "！"))
            confidence = FINISHED if is_finished else OPEN
            self._tell(talk, HeadReady(turn.number, Head.ANSWER, confidence))
        if turn.task is None and (turn.is_committed or (text and self._brain.speculates)):
            self._answer(talk, turn)

    def _answer(self, talk: _Talk, turn: _Turn) -> None:
        assert turn.question is not None
        loop = asyncio.get_running_loop()
        name = f"answer {talk.slot.index} {turn.number}"
        turn.task = loop.create_task(self._say(talk, turn, turn.question), name=name)
        self._tasks.add(turn.task)
        turn.task.add_done_callback(self._tasks.discard)

    async def _say(self, talk: _Talk, turn: _Turn, question: Question) -> None:
        """Whole words as they come, to the last one, whatever happens."""
        rest = ""
        try:
            async with aclosing(self._brain.answer(question)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, FunctionCall):
                        if rest.strip():
                            self._words(talk, turn, rest)
                            rest = ""
                        self._call(talk, turn, piece)
                        continue
                    rest += piece
                    whole, space, begun = rest.rpartition(" ")
                    if space and whole.strip():
                        self._words(talk, turn, whole)
                        rest = begun
                    if len(turn.exchange.answer) > MAX_ANSWER:
                        break
        except Exception as error:  # the edge of one answer: the conversation goes on
            self.failed += 1
            is_known = isinstance(error, VisavisError)
            log.log(
                logging.WARNING if is_known else logging.ERROR,
                "an answer failed",
                exc_info=None if is_known else error,
                extra={"why": str(error)},
            )
            why = str(error) if is_known else f"{type(error).__name__}: {error}"
            self._tell(talk, StageFailed("brain", why, is_fatal=False))
            if not turn.exchange.answer:
                rest = SORRY
        if rest.strip():
            self._words(talk, turn, rest)
        self._tell(talk, TokensReady(turn.number, "", is_last=True))

    def _call(self, talk: _Talk, turn: _Turn, call: FunctionCall) -> None:
        """A function of the client's: it is told when the words before it have been."""
        if talk.turns.get(turn.number) is turn:
            self._tell(talk, ToolCalled(turn.number, call.id, call.name, call.arguments))

    def _words(self, talk: _Talk, turn: _Turn, text: str) -> None:
        words = " " + " ".join(text.split())
        stamps = {} if turn.exchange.answer else {FIRST_TOKEN: self._clock.now()}
        turn.exchange.answer += words
        if talk.turns.get(turn.number) is turn:
            talk.deliver([Delivery(TokensReady(turn.number, words, is_last=False), stamps)])

    def _tell(self, talk: _Talk, event: Event) -> None:
        if self._talks.get(talk.slot.index) is talk:
            talk.deliver([Delivery(event, {})])

    def _drop(self, talk: _Talk, number: int) -> _Turn | None:
        """Nothing of this turn is delivered from now on."""
        turn = talk.turns.pop(number, None)
        if turn is not None and turn.task is not None:
            turn.task.cancel()
        return turn

    def _talk(self, slot: Slot) -> _Talk | None:
        talk = self._talks.get(slot.index)
        return talk if talk is not None and talk.slot == slot else None


def _described(tool: FunctionTool) -> Json:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters or {"type": "object", "properties": {}},
        },
    }


def _choice(choice: ToolChoice) -> object:
    if isinstance(choice, FunctionChoice):
        return {"type": "function", "function": {"name": choice.name}}
    return choice
