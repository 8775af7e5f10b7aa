"""A pipeline on its own: what goes wrong is told, and given back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from visavis.pipelines.calls import Conversation
from visavis.pipelines.loaded_pipeline import LoadedPipeline, on_a_thread
from visavis.runtime.ledger import LatencyTotals
from visavis.runtime.protocols import Transport


class Mortal:
    """A pipeline that can fail to load, and dies when the test says so."""

    name = "mortal"
    hints: Sequence[str] = ()

    def __init__(self, problem: str = "") -> None:
        self.totals = LatencyTotals()
        self.problem = problem
        self.closed = 0
        self.death = asyncio.Event()

    async def load(self) -> None:
        if self.problem:
            raise RuntimeError(self.problem)

    async def ended(self) -> str:
        await self.death.wait()
        return "it died"

    def converse(self, transport: Transport) -> Conversation:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed += 1


def test_it_is_known_when_it_can_answer_no_more() -> None:
    async def main() -> None:
        pipeline = Mortal()
        loaded = LoadedPipeline(pipeline)
        await loaded.load()
        assert loaded.why is None
        pipeline.death.set()
        await asyncio.sleep(0.01)
        assert loaded.why == "it died"
        await loaded.close()
        assert pipeline.closed == 1

    asyncio.run(main())


def test_what_could_not_be_loaded_is_given_back() -> None:
    async def main() -> None:
        pipeline = Mortal("no weights")
        with pytest.raises(RuntimeError, match="no weights"):
            await LoadedPipeline(pipeline).load()
        assert pipeline.closed == 1

    asyncio.run(main())


def test_work_on_a_thread_returns_and_raises() -> None:
    async def main() -> None:
        assert await on_a_thread(lambda: threading.current_thread().name) == "agent is made"
        with pytest.raises(ZeroDivisionError):
            await on_a_thread(lambda: 1 / 0)

    asyncio.run(main())
