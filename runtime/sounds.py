"""Sounds that are no speech: what they are called, the words the model is told of them, and when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from .frames import HEARING_RATE


class SoundKind(StrEnum):
    """What can be told apart."""

    BEEP = "beep"
    CLAP = "clap"
    WHISTLE = "whistle"
    HUM = "hum"


class Loudness(StrEnum):
    """How loud it was at the microphone."""

    LOUD = "loud"
    SOFT = "soft"


class Pitch(StrEnum):
    """How high it was. A clap has none."""

    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound, from its first sample to one past its last, in samples of the session's audio."""

    kind: SoundKind
    level: Loudness
    pitch: Pitch | None
    start_pts: int
    end_pts: int

    @property
    def words(self) -> str:
        """As the model was taught: "loud high beep", "soft clap"."""
        return " ".join(word for word in (self.level, self.pitch, self.kind) if word is not None)


MARGIN = HEARING_RATE // 10
"""Samples by which voice may outlast a sound and still be nothing but that sound."""
GAP = HEARING_RATE // 2
"""Samples between two sounds in a row that may count as voice, too."""
MOST = 16
"""Sounds that the model is told of per minute: an alarm must not drive out what was said."""
_MINUTE = 60 * HEARING_RATE


class Refusal(StrEnum):
    """Why the model is not told of a sound; the word is what it is counted as."""

    OWN_VOICE = "sounds_over_own_voice"
    SPEECH = "sounds_in_speech"
    TOO_MANY = "sounds_too_many"


class SoundRules:
    """Which sounds of one conversation count. Plain code on pts."""

    def __init__(self) -> None:
        self._noted: deque[Sound] = deque(maxlen=MOST)

    def judge(
        self, sound: Sound, voice: tuple[int, int] | None, *, is_playing: bool
    ) -> Refusal | None:
        """`voice` is where the speech in progress lies, from its first voiced sample to one past the
        last so far; `is_playing`: our own voice may be in the microphone. None: it counts."""
        if is_playing:
            return Refusal.OWN_VOICE
        if voice is not None:
            is_within = sound.start_pts < voice[1] and voice[0] < sound.end_pts
            if is_within and not _is_only([*self._noted, sound], *voice):
                return Refusal.SPEECH
        if len(self._noted) == MOST and sound.end_pts - self._noted[0].end_pts < _MINUTE:
            return Refusal.TOO_MANY
        self._noted.append(sound)
        return None

    def is_only_sound(self, start_pts: int, end_pts: int) -> bool:
        """What seemed to be speech from `start_pts` to `end_pts` was the newest sound that counted,
        or some in a row, and nothing else."""
        return _is_only(list(self._noted), start_pts, end_pts)


def _is_only(sounds: list[Sound], start_pts: int, end_pts: int) -> bool:
    at, room = end_pts, MARGIN
    for sound in reversed(sounds):
        if at > sound.end_pts + room:
            return False
        if sound.start_pts - MARGIN <= start_pts:
            return True
        at, room = sound.start_pts, GAP
    return False
