"""Whether speech during an answer is a turn, or a cough, a nod or noise. Plain code on words and counts.

The answer's sound is stopped while this is asked, so nothing is lost by waiting for evidence. A turn
is what has words that are more than a listener's "mhm", or voice for so long that it can be neither;
nothing is what falls silent before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from .settings import TurnSettings

COMMANDS = frozenset({"no", "stop", "wait"})
"""Short words that interrupt whatever else was understood."""
SYLLABLE = 4
"""Letters that a sign of another script counts for."""
MOST_PAUSES = 3
"""Stops for nothing after which more voice is not asked for any more."""
_WORD = re.compile(r"\w+(?:'\w+)?")


class Verdict(StrEnum):
    """What speech during an answer is."""

    OPEN = "open"
    """It can't be said yet."""
    TURN = "turn"
    NOTHING = "nothing"


def verdict(text: str, voiced_ms: float, silence_ms: float, turns: TurnSettings) -> Verdict:
    """Of what was understood so far, the voice in it and the silence after it."""
    words = _WORD.findall(text.lower())
    if is_telling(words, turns):
        return Verdict.TURN
    # A listener who says a long "mhm, right" is understood, and given twice as long.
    is_back_channel = bool(words) and all(word in turns.back_channels for word in words)
    if voiced_ms >= turns.confirm_ms * (2 if is_back_channel else 1):
        return Verdict.TURN
    return Verdict.NOTHING if silence_ms >= turns.resume_silence_ms else Verdict.OPEN


def is_telling(words: Sequence[str], turns: TurnSettings) -> bool:
    """These words (lower case) are more than a back-channel and more than noise is taken for: a
    command, or so many letters as noise seldom has. A letter of other scripts than the Latin counts
    for a syllable."""
    telling = [word for word in words if word not in turns.back_channels]
    letters = sum(len(word) if word.isascii() else SYLLABLE * len(word) for word in telling)
    return letters >= turns.telling_letters or any(word in COMMANDS for word in telling)


def stopping_ms(turns: TurnSettings, resumed: int) -> int:
    """Voice that stops an answer's sound. After a second stop for nothing twice as much is needed, then
    four times: it may be our own voice that is heard, or a room."""
    return turns.barge_in_ms << min(max(0, resumed - 1), MOST_PAUSES - 1)
