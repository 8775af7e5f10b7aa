"""One engine and one voice for every conversation: places taken at once, everything given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from runtime_fakes import FakeEngine, FakeTransport, FakeVoice

from visavis.pipelines.engine_pipeline import EnginePipeline
from visavis.runtime.clock import LoopClock, run_virtual
from visavis.runtime.errors import EngineFull
from visavis.runtime.protocols import Delivery, Slot
from visavis.runtime.settings import Settings


class LiveEngine(FakeEngine):
    """A fake engine with a life and one place."""

    def __init__(self) -> None:
        super().__init__()
        self.life: list[str] = []
        self.is_taken = False

    async def ready(self) -> None:
        self.life.append("ready")

    async def ended(self) -> str:
        await asyncio.Event().wait()
        return ""

    async def stop(self) -> None:
        self.life.append("stop")

    def open(self, deliver: Callable[[list[Delivery]], None]) -> Slot:
        if self.is_taken:
            raise EngineFull("taken", retry_after_s=1.0)
        self.is_taken = True
        return super().open(deliver)

    def close(self, slot: Slot) -> None:
        self.is_taken = False
        super().close(slot)


class LiveVoice(FakeVoice):
    """A fake voice with a life."""

    def __init__(self) -> None:
        super().__init__()
        self.life: list[str] = []

    async def ready(self) -> None:
        self.life.append("ready")

    async def stop(self) -> None:
        self.life.append("stop")


def test_a_conversation_takes_its_place_at_once_and_gives_it_back() -> None:
    async def main() -> None:
        engine, voice = LiveEngine(), LiveVoice()
        pipeline = EnginePipeline(
            "test", Settings(), lambda: engine, lambda: voice, (), LoopClock()
        )
        await pipeline.load()
        first = pipeline.converse(FakeTransport())
        with pytest.raises(EngineFull):
            pipeline.converse(FakeTransport())
        first.release()
        transport = FakeTransport()
        second = asyncio.create_task(pipeline.converse(transport).run())
        await asyncio.sleep(0)
        assert "session.created" in transport.sent_types()
        transport.hang_up()
        await second
        assert not engine.is_taken
        await pipeline.close()
        assert engine.life == voice.life == ["ready", "stop"]

    run_virtual(main())


def test_closing_what_was_never_loaded_is_fine() -> None:
    async def main() -> None:
        pipeline = EnginePipeline("test", Settings(), LiveEngine, LiveVoice, (), LoopClock())
        await pipeline.close()

    run_virtual(main())
