"""Where the models of a pipeline run: on a thread of this process, or in a process of their own."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..runtime.clock import Clock
from ..runtime.errors import ConfigError
from ..runtime.settings import EngineSettings
from .engine_pipeline import OwnedEngine

if TYPE_CHECKING:
    from ..models.sound_spotter import Spotter
    from ..models.stepper import Stepper
    from ..models.vad import Vad

Parts = tuple["Callable[[], Stepper]", "Callable[[int], Vad]"]
"""What makes a model and its voice activity detection; called on the engine's thread."""

FUSED, ECHO = "fused", "echo"
"""The models that another process can be told to load."""


def parts(name: str, settings: EngineSettings) -> Parts:
    """Of the model of this name. Raises `ConfigError` for another."""
    from ..models.vad import SileroVad

    match name:
        case "fused":
            from .fused import stepper

            return lambda: stepper(settings), SileroVad
        case "performance":
            from .performance import stepper as performance_stepper

            return lambda: performance_stepper(settings), SileroVad
        case "echo":
            from ..models.echo import EchoStepper

            return lambda: EchoStepper(settings.slots), SileroVad
        case _:
            raise ConfigError(
                f"engine.pipeline is {name!r}: an engine's process has the model of 'fused', "
                "'performance' or 'echo'; what else answers runs beside it, in the server"
            )


def spotter(settings: EngineSettings) -> Callable[[int], Spotter] | None:
    """What notices sounds besides speech, where the settings want it; called on the engine's thread."""
    if not settings.sounds:
        return None
    from ..models.sound_spotter import SoundSpotter

    return SoundSpotter


def settle(settings: EngineSettings) -> Callable[[], Mapping[str, str]]:
    """What an engine's thread does for itself before it loads anything. Called on the event loop."""
    from ..models import tuning
    from ..models.thread_priority import Priority

    wishes = tuning.Wishes(Priority(settings.priority), settings.switch_interval_ms)
    loop = threading.get_native_id()
    return lambda: tuning.settle(wishes, loop)


def engine(name: str, settings: EngineSettings, clock: Clock) -> OwnedEngine:
    """The engine of the model of this name, not started yet. On the event loop. Raises
    `ConfigError`."""
    loop = asyncio.get_running_loop()
    if not is_apart(settings):
        from ..models.engine import ThreadedEngine

        make_stepper, make_vad = parts(name, settings)
        return ThreadedEngine(
            make_stepper,
            make_vad,
            settings.slots,
            loop,
            clock=clock,
            spotter_factory=spotter(settings),
            settle=settle(settings),
            name=name,
        )
    from ..models.engine_process.client import RemoteEngine
    from ..models.engine_process.reach import Listening, Spawned

    reach = (
        Listening(Path(settings.address)) if settings.address else Spawned(_command(name, settings))
    )
    return RemoteEngine(reach, loop, clock=clock, restarts=settings.restarts, name=name)


def is_apart(settings: EngineSettings) -> bool:
    """The models are in another process. Raises `ConfigError` for an address without one."""
    if settings.address and settings.process == "inside":
        raise ConfigError(
            f"engine.address is {settings.address!r} and engine.process 'inside': set "
            "engine.process=own to use the engine there, or leave engine.address empty"
        )
    return settings.process == "own"


def must_be_inside(settings: EngineSettings, what: str) -> None:
    """Raises `ConfigError` where a model that only this process knows is wanted in another."""
    if is_apart(settings):
        raise ConfigError(
            f"engine.process is 'own', and {what} is an object of this process: set "
            "engine.process=inside"
        )


def _command(name: str, settings: EngineSettings) -> list[str]:
    told = msgspec.structs.replace(settings, pipeline=name, process="inside", address="")
    module = "visavis.pipelines.engine_host"
    return [sys.executable, "-m", module, msgspec.json.encode(told).decode()]
