"""A language model as a cascade's brain: asked over HTTP, with functions that it may call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

from ..runtime.settings import LanguageModelSettings
from .brains import FunctionCall, Json, Question
from .chat_completions import ChatCompletions
from .chat_history import INAUDIBLE, calls_message


class LanguageModel:
    """A language model behind a chat completions endpoint."""

    speculates = True
    reads_history = True

    def __init__(
        self,
        settings: LanguageModelSettings,
        tools: Sequence[Json] = (),
        endpoint: ChatCompletions | None = None,
    ) -> None:
        """`tools` are functions of this process, in chat completions' shape. Who runs them is the
        conversation's business, as with those of the client."""
        self._settings = settings
        self._tools = tuple(tools)
        self._endpoint = endpoint or ChatCompletions(settings)

    async def answer(self, question: Question) -> AsyncGenerator[str | FunctionCall, None]:
        """Asks. Calls of functions are given on once the turn is committed, and end the answer: when
        they have run it is asked again, with what they returned in the history."""
        calls: list[FunctionCall] = []
        asked = self._endpoint.answer(
            self._messages(question), self._offered(question), question.tool_choice
        )
        async with aclosing(asked) as pieces:
            async for piece in pieces:
                if isinstance(piece, FunctionCall):
                    calls.append(piece)
                else:
                    yield piece
        if not calls:
            return
        await question.committed.wait()
        question.notes.append(calls_message([(c.id, c.name, c.arguments) for c in calls]))
        for call in calls:
            yield call

    async def close(self) -> None:
        """Idempotent."""
        await self._endpoint.close()

    def _offered(self, question: Question) -> tuple[Json, ...]:
        """A function of the client's takes the place of ours of the same name. Where none may be
        called none is named: not every endpoint knows how to be told."""
        if question.tool_choice == "none":
            return ()
        clients = {_name(tool) for tool in question.tools}
        return (*(tool for tool in self._tools if _name(tool) not in clients), *question.tools)

    def _messages(self, question: Question) -> list[Json]:
        told = "\n\n".join(t for t in (self._settings.instructions, question.instructions) if t)
        first: list[Json] = [{"role": "system", "content": told}] if told else []
        asked: list[Json] = []
        if question.text is not None:
            asked = [{"role": "user", "content": question.text or INAUDIBLE}]
        return [*first, *question.history, *asked, *question.notes]


def _name(tool: Json) -> object:
    return cast(Json, tool["function"])["name"]  # chat completions' shape
