"""The cascade pipeline: speech to text, a language model (or anything else that answers), a voice."""

from __future__ import annotations

from ..runtime.clock import Clock
from ..runtime.settings import Settings
from . import engine_place
from .brains import Brain
from .engine_pipeline import EnginePipeline, OwnedEngine
from .tool_kit import ToolKit
from .toolbox import Toolbox
from .transcription import EMBEDDED, transcriber
from .voices import voice

HINTS = ("Ask anything.",)


def build(settings: Settings, clock: Clock, tools: Toolbox | None = None) -> EnginePipeline:
    """The language model of the settings answers. Nothing is loaded before the pipeline is."""
    from .language_model import LanguageModel

    kit = ToolKit(settings.tools, tools, has_builtin=settings.tools.language_model)
    brain = LanguageModel(settings.language_model, kit.described)
    return build_with(settings, clock, brain, tools=kit)


def build_with(
    settings: Settings,
    clock: Clock,
    brain: Brain,
    name: str = "cascade",
    tools: ToolKit | None = None,
) -> EnginePipeline:
    """`brain` answers, and may call `tools`. Both are closed with the pipeline."""

    def engine() -> OwnedEngine:
        from .cascade_engine import CascadeEngine

        writer = transcriber(settings.transcription, clock)
        return CascadeEngine(
            _ear(settings, clock, has_words=writer is None),
            brain,
            clock,
            transcriber=writer,
            audio=settings.audio,
            max_history=settings.language_model.max_history,
        )

    return EnginePipeline(
        name,
        settings,
        engine,
        lambda: voice(settings.voice, clock),
        HINTS,
        clock,
        writes_itself=settings.transcription.engine != EMBEDDED,
        tools=tools,
    )


def _ear(settings: Settings, clock: Clock, *, has_words: bool) -> OwnedEngine:
    """The embedded model when its transcript is wanted, else voice activity detection alone."""
    if has_words:
        from .fused import engine

        return engine(settings, clock)
    return engine_place.engine(engine_place.ECHO, settings.engine, clock)
