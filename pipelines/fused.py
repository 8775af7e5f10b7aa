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
    from ..models.graphs import Reference
    from ..models.networks import WeightFile
    from ..models.onnx_networks import OnnxNetworks

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
    from ..models.embedded import Habits, open_embedded
    from ..models.exit_risk import wait_from
    from ..models.networks import WeightFile, shipped

    path = shipped(settings.model) if settings.weights is None else Path(settings.weights)
    weights = WeightFile(path)
    habits = Habits(settings.hedge_below, wait_from(path, settings.wait_risk))
    networks = _networks(weights, settings)
    model = open_embedded(weights, settings.slots, habits=habits, networks=networks)
    model.chosen["model"] = networks.told
    return model


def _networks(weights: WeightFile, settings: EngineSettings) -> OnnxNetworks | Reference:
    """What the settings name, with as many threads inside a step as they say or as it is worth."""
    from ..models.onnx_networks import OnnxNetworks, step_seconds
    from ..models.tuning import choose_threads

    if settings.backend == "torch":
        import torch

        from ..models.graphs import Reference
        from ..models.weights import load

        torch.set_num_threads(settings.threads or 1)
        return Reference(load(weights.path))
    opened: dict[int, OnnxNetworks] = {}
    int8 = {"on": True, "off": False}.get(settings.int8)

    def seconds(threads: int) -> float:
        opened[threads] = OnnxNetworks(weights, threads, int8=int8)
        return step_seconds(opened[threads], weights.config.width)

    threads = choose_threads(settings.threads, seconds)
    return opened.get(threads) or OnnxNetworks(weights, threads, int8=int8)
