"""The whole tree of settings: one branch per part."""

from __future__ import annotations

import msgspec

from .access import AccessSettings, LimitsSettings
from .conversation import AudioSettings, SessionSettings, TurnSettings, VisionSettings
from .network import ServerSettings, WebrtcSettings, WebsocketSettings
from .parts import (
    EngineSettings,
    LanguageModelSettings,
    ToolSettings,
    TranscriptionSettings,
    VoiceSettings,
)
from .telephony import TelephonySettings


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole tree. Only `pipelines` sees all of it."""

    server: ServerSettings = ServerSettings()
    webrtc: WebrtcSettings = WebrtcSettings()
    websocket: WebsocketSettings = WebsocketSettings()
    turn: TurnSettings = TurnSettings()
    vision: VisionSettings = VisionSettings()
    audio: AudioSettings = AudioSettings()
    engine: EngineSettings = EngineSettings()
    voice: VoiceSettings = VoiceSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    language_model: LanguageModelSettings = LanguageModelSettings()
    tools: ToolSettings = ToolSettings()
    session: SessionSettings = SessionSettings()
    access: AccessSettings = AccessSettings()
    limits: LimitsSettings = LimitsSettings()
    telephony: TelephonySettings = TelephonySettings()
