"""The performance pipeline: conversations with a large model whose weights are random.

It is there to try the engine, a device and a network under a large model's load. What it says is
random words, so its name, its hints, `/health`, the session's model and the log all say so.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ..runtime.clock import Clock
from ..runtime.settings import EngineSettings, Settings
from . import engine_place
from .engine_pipeline import EnginePipeline, OwnedEngine
from .voices import voice

if TYPE_CHECKING:
    from ..models.performance.stepper import PerformanceStepper

log = logging.getLogger(__name__)

NAME = "performance"
LABEL = "performance model with random weights"
HINTS = (
    "This is a performance model with random weights: whatever you ask, it answers random words.",
)
_NVIDIA = Path("/dev/nvidiactl")


def build(settings: Settings, clock: Clock) -> EnginePipeline:
    """Nothing is made before the pipeline is loaded; PyTorch is imported on the engine's thread."""
    device = settings.engine.performance_device
    return EnginePipeline(
        LABEL,
        settings,
        lambda: engine(settings, clock),
        lambda: voice(settings.voice, clock),
        HINTS,
        clock,
        on_gpu=device == "cuda" or (device == "auto" and _NVIDIA.exists()),
    )


def engine(settings: Settings, clock: Clock) -> OwnedEngine:
    """The model with its engine, not started yet. On the event loop."""
    log.warning("answers will be random words", extra={"pipeline": LABEL})
    return engine_place.engine(NAME, settings.engine, clock)


def stepper(settings: EngineSettings) -> PerformanceStepper:
    """On the engine's thread. Raises `ConfigError` for a device that is not there."""
    import torch

    from ..models.performance.stepper import open_performance

    if settings.threads:
        torch.set_num_threads(settings.threads)
    return open_performance(
        settings.performance_model,
        settings.slots,
        device=settings.performance_device,
        early_exit=settings.performance_early_exit,
    )
