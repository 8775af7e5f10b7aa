"""What decides the words of a cascade's answer, and the simplest one: a function.

A brain is given the conversation so far and yields pieces of text; what it needs of the outside it
asks of the `Question`, which knows whether anybody is to hear the answer.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function is to be run. `arguments` is JSON, as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Question:
    """One thing to answer. `history` are the messages before it, in chat completions' shape."""

    text: str | None
    """What was said or typed, empty when it was not understood; None when the history says it
    already."""
    history: tuple[Json, ...] = ()
    instructions: str = ""
    """The session's own."""
    tools: tuple[Json, ...] = ()
    """Functions of the client's, in chat completions' shape."""
    tool_choice: object = "auto"
    """Also "none" where nobody could run one."""
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the person is sure to hear the answer: before, nothing with an effect may be done."""
    notes: list[Json] = field(default_factory=list[Json])
    """Messages to remember between the question and the answer: function calls. What they return
    comes into the history when they have run."""


class Brain(Protocol):
    """Shared by every conversation; keeps nothing of any."""

    speculates: bool
    """Answers may be begun for a question that is perhaps not finished, and thrown away."""
    reads_history: bool
    """It goes by `history`, `instructions` and `tools`, so clients may put anything there."""

    def answer(self, question: Question) -> AsyncGenerator[str | FunctionCall, None]:
        """Pieces of the answer, and calls of functions. The generator is closed when nobody wants to
        hear more. Raises a `VisavisError` when there is no answer."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...


Answering = Callable[[str], "str | Awaitable[str] | AsyncIterable[str]"]


class FunctionBrain:
    """A function from what was said to what is answered: plain, `async`, or an async generator. It
    is called on the event loop, once per turn that is really taken, and must not block."""

    speculates = False
    reads_history = False

    def __init__(self, function: Answering) -> None:
        self._function = function

    async def answer(self, question: Question) -> AsyncGenerator[str | FunctionCall, None]:
        """Calls the function with the question's text."""
        result = self._function(question.text or "")
        if isinstance(result, AsyncIterable):
            async for piece in result:
                yield piece
        elif inspect.isawaitable(result):
            yield await result
        else:
            yield result

    async def close(self) -> None:
        """Nothing is held."""
