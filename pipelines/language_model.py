"""A language model as a cascade's brain: asked over HTTP, with the functions of this process as tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ..runtime.settings import LanguageModelSettings
from .brains import INAUDIBLE, Json, Question
from .chat_completions import ChatCompletions, EndpointError, FunctionCall
from .toolbox import Toolbox

INTERRUPTED = '{"error": "the person interrupted: whether it was done is not known"}'
"""The result of a call that nobody waited for."""


class LanguageModel:
    """A language model with tools behind a chat completions endpoint."""

    speculates = True

    def __init__(
        self,
        settings: LanguageModelSettings,
        tools: Toolbox | None = None,
        endpoint: ChatCompletions | None = None,
    ) -> None:
        self._settings = settings
        self._tools = tools or Toolbox()
        self._endpoint = endpoint or ChatCompletions(settings)

    async def answer(self, question: Question) -> AsyncGenerator[str, None]:
        """Asks; runs the functions it calls once the turn is committed; asks again with what they
        returned."""
        rounds = self._settings.max_tool_rounds
        for left in range(rounds, -1, -1):
            calls: list[FunctionCall] = []
            # In the last round it has to make do with what it knows.
            tools = _described(self._tools) if left else ()
            async with aclosing(self._endpoint.answer(self._messages(question), tools)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, FunctionCall):
                        calls.append(piece)
                    else:
                        yield piece
            if not calls:
                return
            await question.committed.wait()
            await self._run(question, calls)
            yield " "
        raise EndpointError(f"the language model called functions {rounds + 1} times in a row")

    async def _run(self, question: Question, calls: Sequence[FunctionCall]) -> None:
        """All of them at once. A call without its result would spoil the history: also one that was
        interrupted leaves a note."""
        outputs: Sequence[str] = [INTERRUPTED] * len(calls)
        try:
            outputs = await asyncio.gather(*(self._tools.run(c.name, c.arguments) for c in calls))
        finally:
            question.notes.append(_called(calls))
            for call, output in zip(calls, outputs, strict=True):
                question.notes.append({"role": "tool", "tool_call_id": call.id, "content": output})

    async def close(self) -> None:
        """Idempotent."""
        await self._endpoint.close()
        self._tools.close()

    def _messages(self, question: Question) -> list[Json]:
        told = "\n\n".join(t for t in (self._settings.instructions, question.instructions) if t)
        first: list[Json] = [{"role": "system", "content": told}] if told else []
        asked: Json = {"role": "user", "content": question.text or INAUDIBLE}
        return [*first, *question.history, asked, *question.notes]


def _called(calls: Sequence[FunctionCall]) -> Json:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ],
    }


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
