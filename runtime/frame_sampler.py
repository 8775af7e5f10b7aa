"""Decides which camera pictures are looked at, on a thinned-out luma plane. Converts nothing.

Looked at are pictures that changed, a fresh one when somebody begins to speak, and one now and
then. Not looked at are repeats, blurred ones while better may come, and more than the rate.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .frames import Picture
from .settings import VisionSettings

GRID = 12
"""The change is measured over GRID x GRID blocks."""
THIN = 96
"""About so many rows and columns of the picture are read."""
BLUR_PATIENCE_S = 0.5
"""A picture is taken however blurred once nothing sharp came for so long."""

Blocks = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`accept`, and why: first | changed | speech | keep_alive, or rate | same | blurred | late |
    too_small.

    `changed`: the picture differs from the last one looked at. `is_usable`: neither too dark nor
    washed out (such a picture is still shown to the model, which then says that it sees nothing).
    """

    accept: bool
    reason: str
    changed: bool = False
    is_usable: bool = True


@dataclass(frozen=True, slots=True)
class SamplerHint:
    """More than this is not looked at."""

    max_fps: int
    max_width: int


class FrameSampler:
    """Judges one camera. `counts` says how often for which reason."""

    def __init__(self, settings: VisionSettings) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self._accepted: Blocks | None = None
        self._accepted_at = 0.0
        self._accepted_pts = 0
        self._blurred_since: float | None = None
        self._was_speaking = False
        self._wants_fresh = False

    @property
    def hint(self) -> SamplerHint:
        """What the sender may keep to."""
        return SamplerHint(self.settings.send_max_fps, self.settings.send_max_width)

    def judge(self, luma: Picture, pts: int, now: float, is_speaking: bool) -> Verdict:
        """Whether to look at this picture. `luma` [height, width]; `pts` in 90 kHz ticks;
        `is_speaking`: somebody is in the middle of an utterance. Costs well under a millisecond."""
        verdict = self._judge(luma, pts, now, is_speaking)
        self.counts[verdict.reason] += 1
        return verdict

    def forget(self) -> None:
        """The camera was switched: the next picture is the first."""
        self._accepted = None
        self._blurred_since = None

    def _judge(self, luma: Picture, pts: int, now: float, is_speaking: bool) -> Verdict:
        if luma.ndim != 2 or min(luma.shape) < GRID:
            return Verdict(False, "too_small", is_usable=False)
        if is_speaking and not self._was_speaking:
            self._wants_fresh = now - self._accepted_at >= self.settings.fresh_s
        self._was_speaking = is_speaking
        age = now - self._accepted_at
        if self._accepted is not None:
            if pts == self._accepted_pts:
                return Verdict(False, "late")
            if age < 1 / self.settings.max_rate and not self._wants_fresh:
                return Verdict(False, "rate")
        thin = _thin(luma)
        blocks = _blocks(thin)
        if self._accepted is None:
            return self._accept("first", blocks, thin, pts, now, changed=True)
        changed = float(np.abs(blocks - self._accepted).max()) >= self.settings.change
        if self._wants_fresh:
            return self._accept("speech", blocks, thin, pts, now, changed=changed)
        if not changed:
            self._blurred_since = None
            if age < self.settings.keep_alive_s:
                return Verdict(False, "same")
            return self._accept("keep_alive", blocks, thin, pts, now, changed=False)
        if self._is_usable(thin) and _sharpness(thin) < self.settings.min_sharpness:
            if self._blurred_since is None:
                self._blurred_since = now
            if now - self._blurred_since < BLUR_PATIENCE_S:
                return Verdict(False, "blurred", changed=True)
        return self._accept("changed", blocks, thin, pts, now, changed=True)

    def _accept(
        self,
        reason: str,
        blocks: Blocks,
        thin: npt.NDArray[np.float32],
        pts: int,
        now: float,
        *,
        changed: bool,
    ) -> Verdict:
        self._accepted = blocks
        self._accepted_at = now
        self._accepted_pts = pts
        self._blurred_since = None
        self._wants_fresh = False
        return Verdict(True, reason, changed, self._is_usable(thin))

    def _is_usable(self, thin: npt.NDArray[np.float32]) -> bool:
        return self.settings.dark <= float(thin.mean()) <= self.settings.bright


def _thin(luma: Picture) -> npt.NDArray[np.float32]:
    """Every n-th row and column, [h, w] float32: a view copied once, whatever the resolution."""
    rows = max(1, luma.shape[0] // THIN)
    columns = max(1, luma.shape[1] // THIN)
    return luma[::rows, ::columns].astype(np.float32)


def _blocks(thin: npt.NDArray[np.float32]) -> Blocks:
    """Mean luma of GRID x GRID blocks, [GRID, GRID]."""
    height, width = thin.shape[0] // GRID, thin.shape[1] // GRID
    cut = thin[: height * GRID, : width * GRID]
    blocks: Blocks = cut.reshape(GRID, height, GRID, width).mean(axis=(1, 3), dtype=np.float32)
    return blocks


def _sharpness(thin: npt.NDArray[np.float32]) -> float:
    """Variance of the Laplacian."""
    laplacian = (
        thin[:-2, 1:-1] + thin[2:, 1:-1] + thin[1:-1, :-2] + thin[1:-1, 2:] - 4 * thin[1:-1, 1:-1]
    )
    return float(laplacian.var())
