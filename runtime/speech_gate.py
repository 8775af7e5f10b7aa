"""When speech starts and how long it has been silent, from the VAD's windows. Counts in `pts`.

Hysteresis: a window is voiced from the upper threshold on; once speech runs, its end begins below
the lower one, and only a window at the upper one takes that back.
"""

from __future__ import annotations

from .frames import HEARING_RATE, WINDOW
from .settings import AudioSettings


class SpeechGate:
    """Follows one person. `is_open` from the onset of speech until `reset`."""

    def __init__(self, settings: AudioSettings) -> None:
        self.settings = settings
        self.pts = 0
        """End of the newest window, in samples."""
        self.start_pts = 0
        """First voiced sample of the speech in progress; meaningful while open."""
        self.end_pts = 0
        """One past the last voiced sample so far; meaningful while open."""
        self.voiced = 0
        """Voiced samples since `start_pts`; the evidence that this is speech and no cough."""
        self.is_open = False
        self._is_silent = False
        self._run = 0

    def feed(self, pts: int, probability: float, *, is_playing: bool = False) -> bool:
        """Take one window ending at `pts`; returns True at the onset of speech.

        While our own voice plays, onset and resumption need the higher threshold. A window that
        is not newer than the last one is ignored.
        """
        if pts <= self.pts and self.pts:
            return False
        self.pts = pts
        on = self.settings.vad_on_playing if is_playing else self.settings.vad_on
        if not self.is_open:
            return self._wait_for_onset(probability, on)
        if probability >= on or (not self._is_silent and probability >= self.settings.vad_off):
            self._is_silent = False
            self.end_pts = pts
            self.voiced += WINDOW
        else:
            self._is_silent = True
        return False

    @property
    def silence(self) -> int:
        """Samples since the last voiced one; 0 while closed."""
        return self.pts - self.end_pts if self.is_open else 0

    @property
    def silence_ms(self) -> float:
        """The same in milliseconds."""
        return self.silence * 1000 / HEARING_RATE

    @property
    def is_voiced(self) -> bool:
        """True while the newest window is part of speech."""
        return self.is_open and not self._is_silent

    def reset(self) -> None:
        """The utterance is over: wait for the next onset."""
        self.is_open = False
        self._is_silent = False
        self._run = 0
        self.voiced = 0

    def _wait_for_onset(self, probability: float, on: float) -> bool:
        if probability < on:
            # One doubtful window does not break a run, or soft onsets would be lost.
            if probability < self.settings.vad_off or self._run == 0:
                self._run = 0
            return False
        if self._run == 0:
            self.start_pts = self.pts - WINDOW
        self._run += 1
        if self._run < self.settings.onset_windows:
            return False
        self.is_open = True
        self._is_silent = False
        self.voiced = self._run * WINDOW
        self.end_pts = self.pts
        return True
