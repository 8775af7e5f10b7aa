"""Audio of any length in, listening windows out; bounded, and a gap keeps its place in time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..runtime.frames import WINDOW, AudioChunk


@dataclass(frozen=True, slots=True)
class Window:
    """32 ms to be judged and encoded. `end` is the pts after its last sample; `arrived` that of the
    audio which completed it, `dequeued` when the engine took it up (monotonic seconds)."""

    samples: npt.NDArray[np.float32]  # [512] in -1..1
    end: int
    arrived: float
    dequeued: float


class WindowCutter:
    """One conversation's waiting windows.

    At most `limit` wait; then the oldest goes, is counted in `dropped`, and the windows after it
    keep their pts, so that later parts see how much is missing.
    """

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._limit = limit
        self._waiting: deque[Window] = deque()
        self._partial = np.zeros(WINDOW, np.float32)
        self._filled = 0
        self._pts: int | None = None  # of the next sample

    def __len__(self) -> int:
        return len(self._waiting)

    def __getitem__(self, index: int) -> Window:
        return self._waiting[index]

    def take(self) -> Window:
        """The oldest window. Raises IndexError when none waits."""
        return self._waiting.popleft()

    def add(self, chunk: AudioChunk, dequeued: float) -> None:
        """Samples that were there before are left out; missing ones are skipped, or filled with
        silence where they fit into the window begun."""
        pcm = chunk.pcm
        if self._pts is None:
            self._pts = chunk.pts
        missing = chunk.pts - self._pts
        if missing < 0:
            pcm = pcm[-missing:]
        elif missing > 0:
            self._skip(missing, chunk.arrived, dequeued)
        self._fill(pcm.astype(np.float32) / 32768.0, chunk.arrived, dequeued)

    def _skip(self, missing: int, arrived: float, dequeued: float) -> None:
        assert self._pts is not None
        if self._filled and missing <= WINDOW:
            self._fill(np.zeros(missing, np.float32), arrived, dequeued)
            return
        if self._filled:
            rest = WINDOW - self._filled
            self._fill(np.zeros(rest, np.float32), arrived, dequeued)
            missing -= rest
        self._pts += missing

    def _fill(self, samples: npt.NDArray[np.float32], arrived: float, dequeued: float) -> None:
        assert self._pts is not None
        while len(samples):
            piece = samples[: WINDOW - self._filled]
            self._partial[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
            self._pts += len(piece)
            samples = samples[len(piece) :]
            if self._filled == WINDOW:
                self._keep(Window(self._partial.copy(), self._pts, arrived, dequeued))
                self._filled = 0

    def _keep(self, window: Window) -> None:
        if len(self._waiting) >= self._limit:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(window)
