"""A pipeline around any `Stepper`: an encoder and a decoder of one's own get the engine's thread,
voice activity detection, slots, batches and shadows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..runtime.clock import Clock
from ..runtime.settings import Settings
from .engine_pipeline import EnginePipeline, OwnedEngine
from .engine_place import must_be_inside
from .tool_kit import ToolKit
from .voices import voice

if TYPE_CHECKING:
    from ..models.stepper import Stepper


def build(
    settings: Settings,
    clock: Clock,
    make_stepper: Callable[[Settings], Stepper],
    name: str = "stepper",
) -> EnginePipeline:
    """`make_stepper` is called on the engine's thread; the stepper needs room for `engine.slots`."""

    must_be_inside(settings.engine, "a stepper of one's own")

    def engine() -> OwnedEngine:
        from ..models.engine import ThreadedEngine
        from ..models.vad import SileroVad

        return ThreadedEngine(
            lambda: make_stepper(settings),
            SileroVad,
            settings.engine.slots,
            asyncio.get_running_loop(),
            clock=clock,
            name=name,
        )

    return EnginePipeline(
        name,
        settings,
        engine,
        lambda: voice(settings.voice, clock),
        (),
        clock,
        tools=ToolKit(settings.tools, has_builtin=settings.tools.embedded),
    )
