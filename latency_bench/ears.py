"""When the agent's voice was heard: audible spans of what came in, on the listener's own clock.

Plain code over chunks of audio with arrival times; invented audio (concealment) is not heard.
"""

from __future__ import annotations

import bisect

import numpy as np

from ..runtime.frames import HEARING_RATE, AudioChunk

AUDIBLE_RMS = 80.0
"""Of 5 ms in int16 steps, −52 dB of full scale: well below any speech, above any codec's noise."""
_FRAME = HEARING_RATE // 200
_FRAME_S = _FRAME / HEARING_RATE


class Ears:
    """Remembers every audible 5 ms as the time at which it could have been heard at the earliest:
    its packet's arrival and its place in the packet."""

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []

    def hear(self, chunk: AudioChunk) -> None:
        """More audio, in order."""
        if chunk.concealed:
            return
        frames = len(chunk.pcm) // _FRAME
        level = chunk.pcm[: frames * _FRAME].reshape(frames, _FRAME).astype(np.float32)
        for index in np.flatnonzero(np.sqrt((level**2).mean(axis=1)) > AUDIBLE_RMS):
            # Packets that come in one go are played one after the other.
            start = chunk.arrived + int(index) * _FRAME_S
            start = max(start, self._ends[-1]) if self._ends else start
            self._starts.append(start)
            self._ends.append(start + _FRAME_S)

    def first_after(self, at: float) -> float | None:
        """Start of the first sound at or after `at`."""
        index = bisect.bisect_left(self._starts, at)
        return self._starts[index] if index < len(self._starts) else None

    def last_before(self, at: float) -> float | None:
        """End of the last sound that began before `at`."""
        index = bisect.bisect_left(self._starts, at)
        return self._ends[index - 1] if index else None

    def is_silent_for(self, now: float, seconds: float) -> bool:
        """Nothing audible in the last `seconds`."""
        return not self._ends or now - self._ends[-1] >= seconds
