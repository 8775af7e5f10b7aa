"""One tree of settings: names, units and limits, and where each value comes from.

A component is handed its own branch; everyone imports from here. A new branch goes in the file whose
idea it shares, in `tree.py`, and in the list below.
"""

from .access import AccessSettings, LimitsSettings
from .conversation import AudioSettings, SessionSettings, TurnSettings, VisionSettings
from .hidden import SECRETS
from .loading import ENV_PREFIX, LoadedSettings, SettingRow, load, load_with_sources
from .network import ServerSettings, WebrtcSettings, WebsocketSettings
from .parts import (
    EngineSettings,
    LanguageModelSettings,
    ToolSettings,
    TranscriptionSettings,
    VoiceSettings,
)
from .telephony import TelephonySettings
from .tree import Settings

__all__ = [
    "ENV_PREFIX",
    "SECRETS",
    "AccessSettings",
    "AudioSettings",
    "EngineSettings",
    "LanguageModelSettings",
    "LimitsSettings",
    "LoadedSettings",
    "ServerSettings",
    "SessionSettings",
    "SettingRow",
    "Settings",
    "TelephonySettings",
    "ToolSettings",
    "TranscriptionSettings",
    "TurnSettings",
    "VisionSettings",
    "VoiceSettings",
    "WebrtcSettings",
    "WebsocketSettings",
    "load",
    "load_with_sources",
]
