"""One conversation of a cascade: its turns, its history, and whom to tell. Plain state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..runtime.events import Event
from ..runtime.protocols import Delivery, Slot
from ..runtime.response_options import ResponseOptions
from ..runtime.speech_gate import SpeechGate
from .brains import Question
from .chat_history import ChatHistory, Exchange

Deliver = Callable[[list[Delivery]], None]

MAX_PAST = 256
"""Turns whose answers can still be revised."""


@dataclass(slots=True)
class Turn:
    """A question and its answer, from the shadow on."""

    number: int
    is_spoken: bool
    typed: str = ""
    options: ResponseOptions | None = None
    """How it is to be answered; None for an answer outside of the conversation."""
    question: Question | None = None
    """What the brain was asked; None while it is not understood."""
    task: asyncio.Task[None] | None = None
    exchange: Exchange = field(default_factory=Exchange)
    is_committed: bool = False
    waits_for: int | None = None
    """The transcript is wanted up to here."""


@dataclass(slots=True)
class Talk:
    """A conversation. Once it is closed nobody is told anything."""

    slot: Slot
    deliver: Deliver
    gate: SpeechGate
    history: ChatHistory = field(default_factory=ChatHistory)
    is_open: bool = True
    handle: int | None = None
    """Of the transcriber, where there is one."""
    item: int = 0
    """Number of the utterance that the transcriber follows."""
    is_in_utterance: bool = False
    transcript: str = ""
    turns: dict[int, Turn] = field(default_factory=dict[int, Turn])
    past: dict[int, Turn] = field(default_factory=dict[int, Turn])
    """Turns that were taken, by number: what was heard of them may still change."""
    prepared: dict[int, ResponseOptions] = field(default_factory=dict[int, ResponseOptions])

    def tell(self, event: Event, stamps: Mapping[str, float] | None = None) -> None:
        """Deliver one event, unless the conversation is over."""
        if self.is_open:
            self.deliver([Delivery(event, stamps or {})])

    def has(self, turn: Turn) -> bool:
        """The turn was neither retracted nor cut."""
        return self.turns.get(turn.number) is turn

    def drop(self, number: int) -> Turn | None:
        """Nothing of this turn is delivered from now on."""
        turn = self.turns.pop(number, None)
        if turn is not None and turn.task is not None:
            turn.task.cancel()
        return turn

    def take(self, turn: Turn) -> None:
        """It became the turn: its question and answer are history from now on."""
        turn.is_committed = True
        for other in [t for t in self.turns.values() if t.is_committed and t is not turn]:
            self.drop(other.number)  # nobody can cut it any more
        is_item = not turn.is_spoken and self.history.ends_with(turn.typed.strip())
        self.history.take(turn.exchange)
        if is_item:
            self.history.unask(turn.exchange)
        self.past[turn.number] = turn
        while len(self.past) > MAX_PAST:
            del self.past[next(iter(self.past))]
