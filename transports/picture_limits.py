"""Which pictures are looked at, by their size alone: known before, or at worst right after decoding."""

from __future__ import annotations

from dataclasses import dataclass

from ..runtime.errors import BadInput
from ..runtime.settings import LimitsSettings

MIN_EDGE = 16
"""Pixels; smaller is nothing to look at, and scalers are not made for it."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """For one picture, in pixels."""

    max_pixels: int = 1920 * 1920
    max_edge: int = 4096
    max_aspect: float = 8.0
    """Longer edge over shorter edge."""

    @classmethod
    def of(cls, settings: LimitsSettings) -> PictureLimits:
        """Those of the settings."""
        return cls(
            settings.max_picture_pixels, settings.max_picture_edge, settings.max_picture_aspect
        )

    def fits(self, width: int, height: int) -> bool:
        """Whether it may be looked at."""
        return self._problem(width, height) is None

    def refusal(self, width: int, height: int) -> BadInput:
        """Why a picture that does not fit is refused."""
        code, why = self._problem(width, height) or ("picture_refused", "it is damaged")
        return BadInput(f"pictures of {width}x{height} are refused: {why}", code=code)

    def _problem(self, width: int, height: int) -> tuple[str, str] | None:
        short, long = sorted((width, height))
        if short < MIN_EDGE:
            return "picture_too_small", f"each edge must have at least {MIN_EDGE} pixels"
        if width * height > self.max_pixels:
            return (
                "picture_too_large",
                f"at most {self.max_pixels} pixels are taken: send a smaller picture",
            )
        if long > self.max_edge:
            return (
                "picture_too_large",
                f"an edge may have {self.max_edge} pixels: send a smaller picture",
            )
        if long > self.max_aspect * short:
            return (
                "picture_shape",
                f"the longer edge may be {self.max_aspect:g} times the shorter: crop it",
            )
        return None
