"""Chooses the voice that the settings name. A plugin `voice:mine` is a callable from `VoiceSettings`."""

from __future__ import annotations

from typing import cast

from ..runtime.plugins import PLUGINS
from ..runtime.settings import VoiceSettings
from .engine_pipeline import OwnedVoice

VOICE = "voice"


def _espeak(settings: VoiceSettings) -> OwnedVoice:
    from ..models.voice.espeak import EspeakVoice

    return EspeakVoice(settings)


PLUGINS.register(VOICE, "espeak", _espeak)


def voice(settings: VoiceSettings) -> OwnedVoice:
    """The voice, not started yet. Raises `ConfigError` for an unknown name."""
    return cast(OwnedVoice, PLUGINS.get(VOICE, settings.engine)(settings))  # a plugin has no type
