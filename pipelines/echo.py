"""The echo pipeline: everything but a model. What a conversation measures here is the floor."""

from __future__ import annotations

from ..runtime.clock import Clock
from ..runtime.settings import Settings
from . import engine_place
from .engine_pipeline import EnginePipeline
from .voices import voice

HINTS = ("Say anything: it answers how long you spoke.",)


def build(settings: Settings, clock: Clock) -> EnginePipeline:
    """No model is loaded; the voice and the voice activity detection are the real ones."""

    return EnginePipeline(
        "echo",
        settings,
        lambda: engine_place.engine(engine_place.ECHO, settings.engine, clock),
        lambda: voice(settings.voice, clock),
        HINTS,
        clock,
    )
