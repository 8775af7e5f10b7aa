"""A language model as a cascade's brain: asked over HTTP, with the functions of this process as tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

from ..runtime.settings import LanguageModelSettings
from .brains import FunctionCall, Json, Question
from .chat_completions import ChatCompletions, EndpointError
from .chat_history import INAUDIBLE, calls_message
from .toolbox import Toolbox

INTERRUPTED = '{"error": "the person interrupted: whether it was done is not known"}'
"""The result of a call that nobody waited for."""


class LanguageModel:
    """A language model with tools behind a chat completions endpoint."""

    speculates = True
    reads_history = True

    def __init__(
        self,
        settings: LanguageModelSettings,
        tools: Toolbox | None = None,
        endpoint: ChatCompletions | None = None,
    ) -> None:
        self._settings = settings
        self._tools = tools or Toolbox()
        self._endpoint = endpoint or ChatCompletions(settings)

    async def answer(self, question: Question) -> AsyncGenerator[str | FunctionCall, None]:
        """Asks; runs the functions it calls once the turn is committed; asks again with what they
        returned. Calls of the client's functions are given on, and end the answer."""
        rounds = self._settings.max_tool_rounds
        own = _described(self._tools)
        for left in range(rounds, -1, -1):
            calls: list[FunctionCall] = []
            # In the last round it has to make do with what it knows.
            tools = (*own, *question.tools) if left else ()
            asked = self._endpoint.answer(self._messages(question), tools, question.tool_choice)
            async with aclosing(asked) as pieces:
                async for piece in pieces:
                    if isinstance(piece, FunctionCall):
                        calls.append(piece)
                    else:
                        yield piece
            if not calls:
                return
            await question.committed.wait()
            clients = [call for call in calls if self._is_clients(question, call)]
            await self._run(question, calls, clients)
            for call in clients:
                yield call
            if clients:
                return
            yield " "
        raise EndpointError(f"the language model called functions {rounds + 1} times in a row")

    def _is_clients(self, question: Question, call: FunctionCall) -> bool:
        names = [cast(Json, tool["function"])["name"] for tool in question.tools]
        return call.name in names and call.name not in self._tools

    async def _run(
        self, question: Question, calls: Sequence[FunctionCall], clients: Sequence[FunctionCall]
    ) -> None:
        """All of ours at once. A call without its result would spoil the history: also one that was
        interrupted leaves a note. What the client's gave comes from the client."""
        ours = [call for call in calls if call not in clients]
        outputs: Sequence[str] = [INTERRUPTED] * len(ours)
        try:
            outputs = await asyncio.gather(*(self._tools.run(c.name, c.arguments) for c in ours))
        finally:
            question.notes.append(calls_message([(c.id, c.name, c.arguments) for c in calls]))
            for call, output in zip(ours, outputs, strict=True):
                question.notes.append({"role": "tool", "tool_call_id": call.id, "content": output})

    async def close(self) -> None:
        """Idempotent."""
        await self._endpoint.close()
        self._tools.close()

    def _messages(self, question: Question) -> list[Json]:
        told = "\n\n".join(t for t in (self._settings.instructions, question.instructions) if t)
        first: list[Json] = [{"role": "system", "content": told}] if told else []
        asked: list[Json] = []
        if question.text is not None:
            asked = [{"role": "user", "content": question.text or INAUDIBLE}]
        return [*first, *question.history, *asked, *question.notes]


def _described(tools: Toolbox) -> tuple[Json, ...]:
    return tuple(
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in tools
    )
