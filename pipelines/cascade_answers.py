"""How a cascade answers: a brain is asked, and what it says becomes events of the turn."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from ..runtime.clock import Clock
from ..runtime.errors import VisavisError
from ..runtime.events import Head, HeadReady, StageFailed, TokensReady, ToolCalled
from ..runtime.ledger import FIRST_TOKEN
from ..runtime.realtime_config import FunctionChoice, FunctionTool, ToolChoice
from .brains import Brain, FunctionCall, Json, Question
from .cascade_talk import Talk, Turn

log = logging.getLogger(__name__)

SORRY = "Sorry, I can't answer right now."
"""Said when the brain fails: a caller on the telephone sees no error."""
FINISHED, OPEN = 0.97, 0.5
"""Confidence that a question is finished: it ends like a sentence, or does not."""
MAX_ANSWER = 64_000
"""Characters of one answer."""


class CascadeAnswers:
    """For every conversation of a cascade."""

    def __init__(self, brain: Brain, clock: Clock, max_history: int) -> None:
        """`max_history` is how many messages of a conversation the brain is given."""
        self.failed = 0
        """Answers that the brain could not give."""
        self._brain = brain
        self._clock = clock
        self._max_history = max_history
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._brain.close()

    def understood(self, talk: Talk, turn: Turn, text: str) -> None:
        """What was asked is known: it is judged, and answered where that does no harm yet."""
        if not talk.has(turn):
            return  # retracted meanwhile
        text = text.strip()
        turn.exchange.text = text
        if turn.is_committed and not text and self._brain.reads_history:
            talk.history.unask(turn.exchange)  # asked for an answer when nothing new was said
        turn.question = self._question(talk, turn, text)
        if turn.is_committed:
            turn.question.committed.set()
        if not text:
            talk.tell(HeadReady(turn.number, Head.SILENT, FINISHED))
        else:
            is_finished = not turn.is_spoken or text.endswith((".", "?", "!", "。", "？", "！"))
            confidence = FINISHED if is_finished else OPEN
            talk.tell(HeadReady(turn.number, Head.ANSWER, confidence))
        if turn.task is None and (turn.is_committed or (text and self._brain.speculates)):
            self._answer(talk, turn, turn.question)

    def committed(self, talk: Talk, turn: Turn) -> None:
        """From now on the brain may do what has an effect."""
        if turn.question is None:
            return
        turn.question.committed.set()
        if turn.task is None:
            self._answer(talk, turn, turn.question)

    def _question(self, talk: Talk, turn: Turn, text: str) -> Question:
        is_known = turn.is_committed and not talk.history.has_question(turn.exchange)
        options = turn.options
        return Question(
            None if is_known else text,
            talk.history.messages(self._max_history, but=turn.exchange),
            "" if options is None else options.instructions,
            () if options is None else tuple(_described(tool) for tool in options.tools),
            "none" if options is None else _choice(options.tool_choice),
            notes=turn.exchange.notes,
        )

    def _answer(self, talk: Talk, turn: Turn, question: Question) -> None:
        loop = asyncio.get_running_loop()
        name = f"answer {talk.slot.index} {turn.number}"
        turn.task = loop.create_task(self._say(talk, turn, question), name=name)
        self._tasks.add(turn.task)
        turn.task.add_done_callback(self._tasks.discard)

    async def _say(self, talk: Talk, turn: Turn, question: Question) -> None:
        """Whole words as they come, to the last one, whatever happens."""
        rest = ""
        try:
            async with aclosing(self._brain.answer(question)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, FunctionCall):
                        if rest.strip():  # told before the call, as it was said before it
                            self._words(talk, turn, rest)
                            rest = ""
                        if talk.has(turn):
                            called = ToolCalled(turn.number, piece.id, piece.name, piece.arguments)
                            talk.tell(called)
                        continue
                    rest += piece
                    whole, space, begun = rest.rpartition(" ")
                    if space and whole.strip():
                        self._words(talk, turn, whole)
                        rest = begun
                    if len(turn.exchange.answer) > MAX_ANSWER:
                        break
        except Exception as error:  # noqa: BLE001 - the edge of one answer: the conversation goes on
            self._failed(talk, error)
            if not turn.exchange.answer:
                rest = SORRY
        if rest.strip():
            self._words(talk, turn, rest)
        talk.tell(TokensReady(turn.number, "", is_last=True))

    def _failed(self, talk: Talk, error: Exception) -> None:
        self.failed += 1
        is_known = isinstance(error, VisavisError)
        why = str(error) if is_known else f"{type(error).__name__}: {error}"
        log.log(
            logging.WARNING if is_known else logging.ERROR,
            "an answer failed",
            exc_info=None if is_known else error,
            extra={"why": str(error)},
        )
        talk.tell(StageFailed("brain", why, is_fatal=False))

    def _words(self, talk: Talk, turn: Turn, text: str) -> None:
        words = " " + " ".join(text.split())
        stamps = {} if turn.exchange.answer else {FIRST_TOKEN: self._clock.now()}
        turn.exchange.answer += words
        if talk.has(turn):
            talk.tell(TokensReady(turn.number, words, is_last=False), stamps)


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
