"""Chooses the voice that the settings name. A plugin `voice:mine` is called with (`VoiceSettings`, `Clock`)."""

from __future__ import annotations

from typing import cast

from ..runtime.clock import Clock
from ..runtime.plugins import PLUGINS
from ..runtime.settings import VoiceSettings
from .engine_pipeline import OwnedVoice

VOICE = "voice"


def _espeak(settings: VoiceSettings, clock: Clock) -> OwnedVoice:
    from ..models.voice.espeak import EspeakVoice

    return EspeakVoice(settings, clock=clock)


PLUGINS.register(VOICE, "espeak", _espeak)


def voice(settings: VoiceSettings, clock: Clock) -> OwnedVoice:
    """The voice, not started yet. Raises `ConfigError` for an unknown name."""
    factory = PLUGINS.get(VOICE, settings.engine)
    return cast(OwnedVoice, factory(settings, clock))  # a plugin carries no type
