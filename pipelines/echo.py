"""The echo pipeline: everything but a model. What a conversation measures here is the floor."""

from __future__ import annotations

import asyncio

from ..runtime.clock import Clock
from ..runtime.settings import Settings
from .engine_pipeline import EnginePipeline, OwnedEngine
from .voices import voice

HINTS = ("Say anything: it answers how long you spoke.",)


def build(settings: Settings, clock: Clock) -> EnginePipeline:
    """No model is loaded; the voice and the voice activity detection are the real ones."""

    def engine() -> OwnedEngine:
        from ..models.echo import EchoEngine

        return EchoEngine(settings.engine.slots, asyncio.get_running_loop(), clock=clock)

    return EnginePipeline(
        "echo", settings, engine, lambda: voice(settings.voice, clock), HINTS, clock
    )
