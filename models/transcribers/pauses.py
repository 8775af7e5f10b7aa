"""Where in an utterance somebody speaks: windows are cut where nobody does. Plain code, one utterance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...runtime.frames import WINDOW

Samples = npt.NDArray[np.float32]
Judge = Callable[[Samples], float]
"""Probability of speech in one window of 512 samples in -1..1, called in order."""

VOICED = 0.5
VOICELESS = 0.35
"""Silero's own hysteresis: speech from the first on, until below the second."""


class Pauses:
    """Follows the voice activity detection of one utterance. All places are in samples (pts)."""

    def __init__(self, start_pts: int, judge: Judge, pause: int) -> None:
        """`pause` is the silence, in samples, that counts as one."""
        self.voiced_end = start_pts
        """One past the last voiced window."""
        self.has_voice = False
        self._pts = start_pts
        self._judge = judge
        self._pause = pause
        self._is_voiced = False
        self._rest: Samples = np.zeros(0, np.float32)

    def push(self, samples: Samples) -> None:
        """More audio, any length."""
        rest = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(rest) - len(rest) % WINDOW
        for at in range(0, whole, WINDOW):
            probability = self._judge(rest[at : at + WINDOW])
            self._pts += WINDOW
            self._is_voiced = probability >= (VOICELESS if self._is_voiced else VOICED)
            if self._is_voiced:
                self.voiced_end = self._pts
                self.has_voice = True
        self._rest = rest[whole:]

    def is_pause_after(self, pts: int) -> bool:
        """Somebody spoke after `pts`, and has paused since."""
        return self.has_voice and self.voiced_end > pts and self._is_long

    @property
    def _is_long(self) -> bool:
        return self._pts - self.voiced_end >= self._pause
