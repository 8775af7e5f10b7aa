"""The fused pipeline: one model hears, sees and answers; a voice speaks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..runtime.clock import Clock
from ..runtime.settings import EngineSettings, Settings
from . import engine_place
from .engine_pipeline import EnginePipeline, OwnedEngine
from .tool_kit import ToolKit
from .toolbox import Toolbox
from .voices import voice

if TYPE_CHECKING:
    from ..models.embedded import Embedded

HINTS = (
    "What colour is this?",
    "How many are there?",
    "What is on the left?",
    "What do you see?",
    "Which letter is on the card?",
    "Is there a red circle?",
    "What can you do?",
)


def build(settings: Settings, clock: Clock, tools: Toolbox | None = None) -> EnginePipeline:
    """Nothing is loaded before the pipeline is; the model is read on the engine's thread. Of `tools`
    the model knows those that are named like the built-in ones."""
    return EnginePipeline(
        "fused",
        settings,
        lambda: engine(settings, clock),
        lambda: voice(settings.voice, clock),
        HINTS,
        clock,
        tools=ToolKit(settings.tools, tools, has_builtin=settings.tools.embedded),
    )


def engine(settings: Settings, clock: Clock) -> OwnedEngine:
    """The embedded model, where the settings want it, not started yet. On the event loop."""
    return engine_place.engine(engine_place.FUSED, settings.engine, clock)


def stepper(settings: EngineSettings) -> Embedded:
    """On the engine's thread. Raises `WeightsError`."""
    from ..models.embedded import open_embedded
    from ..models.networks import WeightFile, shipped

    path = shipped(settings.model) if settings.weights is None else Path(settings.weights)
    # One thread where nothing is said: steps are small, and the loop and the codecs need the rest.
    return open_embedded(WeightFile(path), settings.slots, settings.threads or 1)
