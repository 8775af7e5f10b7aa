"""Frames of letters to positions of the decoder: each run of one letter becomes one position.

CTC compression (Gaido et al. 2021), done so that a stream gives the same positions as the whole
file: a run is closed, and its position emitted, when the best letter changes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .spelling import BLANK

Floats = npt.NDArray[np.float32]


class RunCompressor:
    """One stream. Feed frames in order; closed runs come out as (posterior [C], latent [A])."""

    def __init__(self) -> None:
        self._letter = BLANK
        self._count = 0
        self._chances: Floats | None = None
        self._latent: Floats | None = None

    def reset(self) -> None:
        """A new utterance begins."""
        self._letter, self._count, self._chances, self._latent = BLANK, 0, None, None

    def feed(self, chances: Floats, latent: Floats) -> tuple[Floats, Floats] | None:
        """One frame's posteriors [C] and latent [A]; the run it closed, if any."""
        letter = int(chances.argmax())
        if letter == self._letter and letter != BLANK:
            assert self._chances is not None and self._latent is not None
            self._chances = self._chances + chances
            self._latent = self._latent + latent
            self._count += 1
            return None
        closed = self.flush()
        if letter != BLANK:
            self._letter, self._count = letter, 1
            self._chances, self._latent = chances.copy(), latent.copy()
        return closed

    def peek(self) -> tuple[Floats, Floats] | None:
        """The run in progress as if it closed now."""
        if self._letter == BLANK or self._chances is None or self._latent is None:
            return None
        count = np.float32(self._count)
        return self._chances / count, self._latent / count

    def flush(self) -> tuple[Floats, Floats] | None:
        """Close the run in progress (the utterance ended)."""
        closed = self.peek()
        self.reset()
        return closed


def runs_of(chances: Floats, latents: Floats) -> tuple[Floats, Floats]:
    """A whole utterance: posteriors [T, C], latents [T, A] -> [N, C], [N, A]."""
    compressor = RunCompressor()
    found = [compressor.feed(c, h) for c, h in zip(chances, latents, strict=True)]
    runs = [run for run in (*found, compressor.flush()) if run is not None]
    if not runs:
        return chances[:0], latents[:0]
    return np.stack([c for c, _ in runs]), np.stack([h for _, h in runs])
