"""What the scripted person holds into the camera: simple scenes drawn with numpy, never quite still.

One scene is a background and some coloured shapes at places of the picture. Knows no codec.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..runtime.frames import Picture

WIDTH, HEIGHT = 640, 480

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (208, 28, 30),
    "yellow": (246, 226, 40),
    "green": (40, 160, 70),
    "blue": (36, 88, 200),
    "purple": (126, 44, 150),
    "black": (16, 16, 18),
}
SHAPES = ("circle", "square", "triangle", "diamond")

_WALL = (186, 182, 174)
_TREMOR_PX = 3
"""How far a hand that holds still moves, in pixels."""
_GRAIN = 2.0


@dataclass(frozen=True, slots=True)
class Thing:
    """One shape; `x`, `y` (centre) and `size` (height) as shares of the picture."""

    shape: str
    colour: str
    x: float = 0.5
    y: float = 0.5
    size: float = 0.45


class Scene:
    """Pictures of some things. The same scene and tick give the same picture."""

    def __init__(self, things: tuple[Thing, ...], width: int = WIDTH, height: int = HEIGHT) -> None:
        self.width, self.height = width, height
        margin = _TREMOR_PX
        canvas = np.empty((height + 2 * margin, width + 2 * margin, 3), np.float32)
        shade = np.linspace(1.05, 0.93, canvas.shape[1], dtype=np.float32)
        canvas[:] = np.asarray(_WALL, np.float32) * shade[None, :, None]
        y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]].astype(np.float32) - margin
        for thing in things:
            cover = _cover(thing, x, y, width, height)[..., None]
            canvas += cover * (np.asarray(COLOURS[thing.colour], np.float32) - canvas)
        self._canvas = canvas  # [H + 2m, W + 2m, 3]

    def picture(self, tick: int) -> Picture:
        """The scene at one moment, [height, width, 3] uint8 RGB."""
        dice = np.random.default_rng(tick)
        dx = _TREMOR_PX + round(_TREMOR_PX * float(np.sin(tick * 0.31)))
        dy = _TREMOR_PX + round(_TREMOR_PX * float(np.sin(tick * 0.23 + 1.0)))
        view = self._canvas[dy : dy + self.height, dx : dx + self.width]
        grain = dice.standard_normal((self.height, self.width, 1), dtype=np.float32) * _GRAIN
        return np.clip(view + grain, 0, 255).astype(np.uint8)


def _cover(
    thing: Thing, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], width: int, height: int
) -> npt.NDArray[np.float32]:
    """How much of each pixel the thing covers, 0..1, with an edge one pixel soft."""
    half = thing.size * height / 2
    u, v = (x - thing.x * width) / half, (y - thing.y * height) / half
    inside: npt.NDArray[np.float64 | np.float32]
    match thing.shape:
        case "circle":
            inside = 1 - np.hypot(u, v)
        case "square":
            inside = 0.9 - np.maximum(np.abs(u), np.abs(v))
        case "diamond":
            inside = 1 - (np.abs(u) / 0.7 + np.abs(v))
        case "triangle":
            inside = np.minimum(0.9 - v, (v + 1) * 0.55 - np.abs(u))
        case _:
            raise ValueError(f"shape is {thing.shape!r}: one of {', '.join(SHAPES)} can be drawn")
    return np.asarray(np.clip(inside * half + 0.5, 0, 1), np.float32)
