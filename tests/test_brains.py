"""A function as a brain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from visavis.pipelines.brains import Answering, Brain, FunctionBrain, Question


def answer(function: Answering, text: str | None) -> list[object]:
    async def main() -> list[object]:
        brain: Brain = FunctionBrain(function)
        assert not brain.speculates and not brain.reads_history
        pieces: list[object] = [piece async for piece in brain.answer(Question(text))]
        await brain.close()
        return pieces

    return asyncio.run(main())


async def later(text: str) -> str:
    await asyncio.sleep(0)
    return text[::-1]


async def pieces(text: str) -> AsyncGenerator[str, None]:
    for letter in text:
        yield letter


def test_functions_may_be_plain_async_or_generators() -> None:
    assert answer(str.upper, "abc") == ["ABC"]
    assert answer(later, "abc") == ["cba"]
    assert answer(pieces, "abc") == ["a", "b", "c"]
    assert answer(str.upper, None) == [""]
