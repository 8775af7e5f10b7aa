"""Chooses who transcribes, as the settings name it. A plugin `transcriber:mine` is called with
(`TranscriptionSettings`, `Clock`)."""

from __future__ import annotations

from typing import Protocol, cast

import msgspec

from ..runtime.clock import Clock
from ..runtime.plugins import PLUGINS
from ..runtime.protocols import Transcriber
from ..runtime.settings import TranscriptionSettings

TRANSCRIBER = "transcriber"
EMBEDDED = "embedded"
"""The model that answers writes down what it understood: nothing besides it is loaded."""
WHISPER = "faster-whisper"


class OwnedTranscriber(Transcriber, Protocol):
    """A transcriber with a life."""

    async def stop(self) -> None:
        """End it; idempotent."""
        ...


def _whisper(settings: TranscriptionSettings, clock: Clock) -> OwnedTranscriber:
    from ..models.transcribers.whisper import WhisperTranscriber

    return WhisperTranscriber(settings)


PLUGINS.register(TRANSCRIBER, WHISPER, _whisper)


def transcriber(settings: TranscriptionSettings, clock: Clock) -> OwnedTranscriber | None:
    """The transcriber of the settings, nothing loaded yet; None for the embedded transcript.

    Raises `ConfigError` for an unknown name, `BadInput` for an unknown language.
    """
    if settings.engine == EMBEDDED:
        return None
    factory = PLUGINS.get(TRANSCRIBER, settings.engine)
    return cast(OwnedTranscriber, factory(settings, clock))  # a plugin carries no type


def transcriber_names(settings: TranscriptionSettings) -> tuple[str, ...]:
    """What a session may name as `audio.input.transcription.model` besides the model that answers."""
    return (WHISPER if settings.engine == EMBEDDED else settings.engine,)


def session_transcriber(settings: TranscriptionSettings, clock: Clock) -> OwnedTranscriber | None:
    """The transcriber that a session may choose; it is loaded when the first one does. Raises as
    `transcriber`."""
    (name,) = transcriber_names(settings)
    return transcriber(msgspec.structs.replace(settings, engine=name), clock)
