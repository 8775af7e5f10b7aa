"""What `turn_detection` of a session means for our turn-taking: pure, from settings to settings.

The operator's `turn` and `audio` settings are the middle; `semantic_vad` with an `eagerness` moves the
patience around them, `server_vad` replaces what the model makes of the words by silence alone, null
leaves turns to the client.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

from .events import Head
from .frames import HEARING_RATE, WINDOW
from .realtime_config import SemanticVad, ServerVad, TurnDetection
from .settings import AudioSettings, TurnSettings

WINDOW_MS = WINDOW * 1000 // HEARING_RATE
HYSTERESIS = 0.15
"""Between the probability that begins speech and the one that ends it."""

EAGER_FACTOR = 0.6
"""How much shorter silences are waited for at a patience of 0."""
PATIENT_FACTOR = 2.5
"""How much longer at a patience of 1."""
_PATIENCE = {"high": 0.0, "medium": 0.5, "low": 1.0}
"""What the published names mean; "auto" is as the operator has it."""
MAX_TIMEOUT_MS = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
"""The published limits of the waiting."""
AGREEING = 2
"""Scores in a row, one for each window of 32 ms, that have to agree that the person is finished.
Where silence alone ends a turn one is enough."""


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
                _eager(turns, wish.eagerness),
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


def patience_factor(patience: float) -> float:
    """By how much silences are stretched: 0 is eager, 0.5 leaves them as they are, 1 is patient; even
    steps between are even ratios."""
    if patience < 0.5:
        return math.pow(EAGER_FACTOR, 1.0 - 2.0 * patience)
    return math.pow(PATIENT_FACTOR, 2.0 * patience - 1.0)


def patient(turns: TurnSettings, patience: float, most_ms: int = 60_000) -> TurnSettings:
    """The silences of `turns` for this patience (0 to 1), none longer than `most_ms`."""
    factor = patience_factor(patience)
    if factor == 1.0:
        return turns

    def stretched(silence_ms: int, least_ms: int) -> int:
        return min(most_ms, max(least_ms, round(silence_ms * factor)))

    eager = stretched(turns.eager_silence_ms, turns.probe_silence_ms)
    unsure = stretched(turns.unsure_silence_ms, eager)
    return msgspec.structs.replace(
        turns,
        eager_silence_ms=eager,
        unsure_silence_ms=unsure,
        patient_silence_ms=stretched(turns.patient_silence_ms, unsure),
    )


def needed_ms(turns: TurnSettings, head: Head, confidence: float) -> int:
    """Silence that ends the turn, given what the model makes of the words before it. After it a
    SILENT is forgotten, a WAIT tried once more."""
    if head is not Head.ANSWER:
        return turns.patient_silence_ms
    return turns.eager_silence_ms if confidence >= turns.sure else turns.unsure_silence_ms


def _eager(turns: TurnSettings, eagerness: str) -> TurnSettings:
    patience = _PATIENCE.get(eagerness, turns.patience)
    return patient(turns, patience, MAX_TIMEOUT_MS[eagerness])


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
