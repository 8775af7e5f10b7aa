"""Which windows the audio encoder hears: speech with some time before and after it, no more.

Plain code for one conversation; it is told what the VAD thought and says what to encode.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .windows import Window

JUST_NOW = 5
"""Silent windows (160 ms) in which a question that is over gets its answer begun."""


@dataclass(frozen=True, slots=True)
class HearingSettings:
    """When the encoder listens. Counts are windows of 32 ms."""

    onset: float = 0.3
    """A window of this probability or more may be speech."""
    sure: float = 0.5
    """An utterance in which no window reached this is dropped when the encoder stops."""
    preroll: int = 10
    """Windows before the first that may be speech which are encoded, too."""
    hangover: int = 25
    """Windows encoded after the last that may be speech (25 are 800 ms)."""


@dataclass(frozen=True, slots=True)
class Hear:
    """What to do now: `opens` a new utterance, then encode `windows` in order; or `forgets` it."""

    windows: tuple[Window, ...] = ()
    opens: bool = False
    forgets: bool = False
    pts: int = 0
    """Where it was forgotten."""


NOTHING = Hear()


class HearingGate:
    """Opens at the onset of speech, closes after the hangover unless a shadow runs.

    The utterance outlives a pause: only `close_utterance` ends it, or that it was never surely
    speech.
    """

    def __init__(self, settings: HearingSettings) -> None:
        self.has_utterance = False
        self._settings = settings
        self._recent: deque[Window] = deque(maxlen=settings.preroll + 1)
        self._is_hearing = False
        self._is_sure = False
        self._silent = 0  # windows since the last that may be speech
        self._voiced_end = -1  # pts
        self._heard_end = -1  # pts up to which windows went to this utterance, or to the last one
        self._asked_end: int | None = None  # pts of the last window when the shadow began

    def add(self, window: Window, probability: float, has_shadow: bool) -> Hear:
        """The next window and what the VAD thinks of it."""
        self._recent.append(window)
        if probability >= self._settings.onset:
            self._silent = 0
            self._voiced_end = window.end
            if not self._is_hearing:
                return self._start_hearing(probability)
        else:
            self._silent += 1
        if not self._is_hearing:
            return NOTHING
        self._is_sure = self._is_sure or probability >= self._settings.sure
        if self._silent > self._settings.hangover and not has_shadow:
            return self._stop_hearing()
        self._heard_end = window.end
        return Hear((window,))

    @property
    def may_be_over(self) -> bool:
        """The person just fell silent after what surely was speech."""
        return self._is_hearing and self._is_sure and 1 <= self._silent <= JUST_NOW

    @property
    def is_voiced(self) -> bool:
        """The person speaks in the newest window."""
        return self._is_hearing and self._silent == 0

    def begin(self) -> None:
        """A shadow begins now: what comes later belongs to the next utterance if it is committed."""
        self._asked_end = self._recent[-1].end if self._recent else None

    def retract(self) -> None:
        """The shadow is dropped: what came since it began belongs to the utterance after all."""
        self._asked_end = None

    def close_utterance(self) -> Hear:
        """The utterance was answered or forgotten. Where the person is already speaking again the
        next one opens at once, with what was said since the shadow began."""
        self._heard_end = self._asked_end if self._asked_end is not None else -1
        self._asked_end = None
        was_hearing, self._is_hearing = self._is_hearing, False
        self.has_utterance = False
        self._is_sure = False
        if was_hearing and self._silent <= 1 and self._voiced_end > self._heard_end:
            return self._start_hearing(0.0)
        return NOTHING

    def _start_hearing(self, probability: float) -> Hear:
        windows = tuple(window for window in self._recent if window.end > self._heard_end)
        opens = not self.has_utterance
        self.has_utterance = True
        self._is_hearing = True
        self._is_sure = self._is_sure or probability >= self._settings.sure
        self._heard_end = windows[-1].end
        return Hear(windows, opens=opens)

    def _stop_hearing(self) -> Hear:
        self._is_hearing = False
        if self._is_sure:
            return NOTHING
        self.has_utterance = False
        return Hear(forgets=True, pts=self._recent[-1].end)
