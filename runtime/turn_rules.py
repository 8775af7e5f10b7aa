"""What `turn_detection` of a session means for our turn-taking: pure, from settings to settings.

The operator's `turn` and `audio` settings are the middle; `semantic_vad` moves the patience around
them, `server_vad` replaces what the model makes of the words by silence alone, null leaves turns to
the client.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from .frames import HEARING_RATE, WINDOW
from .realtime_config import SemanticVad, ServerVad, TurnDetection
from .settings import AudioSettings, TurnSettings

WINDOW_MS = WINDOW * 1000 // HEARING_RATE
HYSTERESIS = 0.15
"""Between the probability that begins speech and the one that ends it."""

_PATIENCE = {"low": 2.5, "medium": 1.0, "auto": 1.0, "high": 0.6}
"""How much longer or shorter an unfinished or unsure question is waited for."""
MAX_TIMEOUT_MS = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
"""The published limits of the waiting."""


@dataclass(frozen=True, slots=True)
class TurnRules:
    """How turns are taken in one session."""

    turns: TurnSettings
    audio: AudioSettings
    listens: bool = True
    """We find the ends of turns; otherwise the client says when."""
    creates: bool = True
    """A turn that we found is answered by itself."""
    interrupts: bool = True
    """Speech stops an answer."""
    is_semantic: bool = True
    """What the model makes of the words counts."""
    prefix: int = 0
    """Samples before the first voiced one that belong to the utterance."""
    idle_s: float | None = None
    """Silence after an answer that is answered too."""


def turn_rules(turns: TurnSettings, audio: AudioSettings, wish: TurnDetection | None) -> TurnRules:
    """The rules for a session's `turn_detection`."""
    match wish:
        case None:
            return TurnRules(turns, audio, listens=False, creates=False, interrupts=False)
        case SemanticVad():
            return TurnRules(
                _patient(turns, wish.eagerness),
                audio,
                creates=wish.create_response,
                interrupts=wish.interrupt_response,
            )
        case ServerVad():
            return TurnRules(
                _by_silence(turns, wish.silence_duration_ms),
                _by_threshold(audio, wish.threshold),
                creates=wish.create_response,
                interrupts=wish.interrupt_response,
                is_semantic=False,
                prefix=wish.prefix_padding_ms * HEARING_RATE // 1000,
                idle_s=None if wish.idle_timeout_ms is None else wish.idle_timeout_ms / 1000,
            )


def _patient(turns: TurnSettings, eagerness: str) -> TurnSettings:
    factor, most = _PATIENCE[eagerness], MAX_TIMEOUT_MS[eagerness]
    if factor == 1.0:
        return turns
    eager = min(most, max(turns.probe_silence_ms, round(turns.eager_silence_ms * factor)))
    unsure = min(most, max(eager, round(turns.unsure_silence_ms * factor)))
    return msgspec.structs.replace(
        turns,
        eager_silence_ms=eager,
        unsure_silence_ms=unsure,
        patient_silence_ms=min(most, max(unsure, round(turns.patient_silence_ms * factor))),
    )


def _by_silence(turns: TurnSettings, silence_ms: int) -> TurnSettings:
    """The answer is begun before the silence is over, so that it is there when it is."""
    silence_ms = max(WINDOW_MS, silence_ms)
    return msgspec.structs.replace(
        turns,
        probe_silence_ms=min(turns.probe_silence_ms, silence_ms),
        eager_silence_ms=silence_ms,
        unsure_silence_ms=silence_ms,
        patient_silence_ms=silence_ms,
    )


def _by_threshold(audio: AudioSettings, threshold: float) -> AudioSettings:
    on = min(0.99, max(0.02, threshold))
    return msgspec.structs.replace(
        audio,
        vad_on=on,
        vad_off=max(0.01, on - HYSTERESIS),
        vad_on_playing=max(on, audio.vad_on_playing),
    )
