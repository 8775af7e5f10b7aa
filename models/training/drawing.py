"""Scenes as pixels: what a camera would see, squeezed to the model's square the way frames are.

Everything is drawn at the true aspect, then lit, blurred, shaken, made noisy and compressed, and
averaged down to 96 x 96. H, W: height and width in pixels; colours are RGB throughout.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from .scenes import Background, Card, Item, Lighting, Scene

Image = npt.NDArray[np.uint8]  # [H, W, 3], RGB
Plane = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]  # [N, 2], x right, y down

SIDE: Final = 96
_HEIGHT: Final = 144
_SHIFT: Final = 4  # sub-pixel bits of the polygon filler
_GLYPH: Final = 128  # pixels, height of a symbol before it is put on its card


def render(scene: Scene) -> Image:
    """The picture as the model sees it: uint8 RGB [96, 96, 3]."""
    width = round(_HEIGHT * scene.aspect)
    rng = np.random.default_rng(scene.seed)
    canvas = paint(scene, width, _HEIGHT, rng)
    if not scene.is_dark:
        canvas = _expose(canvas, scene.lighting, rng)
    small = cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, dtype=np.uint8)


def render_frames(
    scene: Scene, width: int, height: int, n: int, rng: np.random.Generator
) -> Iterator[Image]:
    """n frames, uint8 RGB [height, width, 3]: the same scene held by a hand that is never still.

    Uncompressed: a video codec adds its own marks.
    """
    margin = max(4, height // 24)
    canvas = paint(
        scene, width + 2 * margin, height + 2 * margin, np.random.default_rng(scene.seed)
    )
    if not scene.is_dark:
        canvas = _light(canvas, scene.lighting)
    drift = np.zeros(3)  # x and y in margins, turn in degrees
    for _ in range(n):
        drift = 0.9 * drift + rng.normal(0, (0.12, 0.12, 0.15))
        dx, dy = np.clip(drift[:2], -0.9, 0.9) * margin
        turn = cv2.getRotationMatrix2D((width / 2 + margin, height / 2 + margin), drift[2], 1.0)
        turn[:, 2] += (dx - margin, dy - margin)
        frame = cv2.warpAffine(canvas, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
        yield _grain(np.asarray(frame, dtype=np.uint8), min(4.0, scene.lighting.noise), rng)


def paint(scene: Scene, width: int, height: int, rng: np.random.Generator) -> Image:
    """The scene in even light and perfect focus: uint8 RGB [height, width, 3]."""
    if scene.is_dark:
        return _darkness(width, height, rng)
    canvas = _backdrop(scene.background, width, height, rng)
    # A picture narrower than the scene was laid out for would push its objects together.
    fit = min(1.0, (width / height) / scene.aspect)
    for item in scene.items:
        _draw_item(canvas, item, fit, rng)
    if scene.card is not None:
        _draw_card(canvas, scene.card, fit)
    return canvas


# --- backgrounds ----------------------------------------------------------------------------


def _flat(rgb: tuple[int, int, int], width: int, height: int) -> Image:
    return np.full((height, width, 3), rgb, np.uint8)


def _mix(weight: Plane | Points, one: tuple[int, int, int], two: tuple[int, int, int]) -> Image:
    """weight [H, W] in 0–1: 0 is the first colour, 1 the second."""
    a, b = np.asarray(one, np.float32), np.asarray(two, np.float32)
    return (a + weight[..., None] * (b - a)).astype(np.uint8)


def _ramp(width: int, height: int, degrees: float) -> Plane:
    """A plane [H, W] that rises from -0.5 to 0.5 in one direction."""
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    plane = x[None, :] * c + y[:, None] * s
    return (plane / max(1e-6, abs(c) + abs(s))).astype(np.float32)


def _blobs(width: int, height: int, cells: tuple[int, int], rng: np.random.Generator) -> Plane:
    """Smooth noise in 0–1, [H, W]; cells: how many bumps across and down."""
    coarse = rng.random((cells[1], cells[0]), dtype=np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.asarray(smooth, np.float32), 0, 1)


def _backdrop(background: Background, width: int, height: int, rng: np.random.Generator) -> Image:
    one, two = background.rgb, background.second
    match background.style:
        case "gradient":
            return _mix(_ramp(width, height, rng.uniform(0, 360)) + 0.5, one, two)
        case "noise":
            cells = int(rng.integers(6, 40))
            return _mix(_blobs(width, height, (cells, cells), rng), one, two)
        case "stripes":
            waves = rng.uniform(5, 22) * 2 * math.pi
            phase = _ramp(width, height, rng.uniform(0, 180)) * waves
            return _mix(np.clip(np.sin(phase) * 3 + 0.5, 0, 1), one, two)
        case "wood":
            bend = _blobs(width, height, (3, 6), rng)
            grain = _ramp(width, height, 90 + rng.uniform(-10, 10)) * rng.uniform(20, 45)
            return _mix((np.sin(grain + bend * 14) + 1) / 2, one, two)
        case "checks":
            across = rng.integers(5, 12)
            cell = width / across
            x = (np.arange(width) / cell + rng.random()).astype(np.int32)
            y = (np.arange(height) / cell + rng.random()).astype(np.int32)
            return _mix(((x[None, :] + y[:, None]) % 2).astype(np.float32), one, two)
        case "clutter":
            return _clutter(_flat(one, width, height), one, two, rng)
        case "room":
            return _room(_flat(one, width, height), one, two, rng)
        case _:
            return _flat(one, width, height)


def _between(
    one: tuple[int, int, int], two: tuple[int, int, int], t: float
) -> tuple[float, float, float]:
    r, g, b = (a + (c - a) * t for a, c in zip(one, two, strict=True))
    return r, g, b


def _clutter(
    canvas: Image, one: tuple[int, int, int], two: tuple[int, int, int], rng: np.random.Generator
) -> Image:
    """Faint slabs and lines, never a shape that could be asked about."""
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(8, 25))):
        colour = _between(one, two, float(rng.uniform(0.2, 1.0)))
        centre = rng.random(2) * (width, height)
        if rng.random() < 0.5:
            end = centre + rng.normal(0, 0.4, 2) * height
            thickness = int(rng.integers(1, max(2, height // 40) + 1))
            cv2.line(canvas, _pixel(centre), _pixel(end), colour, thickness, cv2.LINE_AA)
        else:
            box = rng.uniform(0.05, 0.3, 2) * height
            corners = rng.uniform(-1, 1, (4, 2)) * 0.25 + [(-1, -1), (1, -1), (1, 1), (-1, 1)]
            _fill(canvas, centre + corners * box / 2, colour)
    return canvas


def _room(
    canvas: Image, one: tuple[int, int, int], two: tuple[int, int, int], rng: np.random.Generator
) -> Image:
    """A wall, a floor or table, and a few straight edges: window, shelf, door."""
    height, width = canvas.shape[:2]
    left, right = rng.uniform(0.5, 0.9, 2) * height
    floor = np.array([(0, left), (width, right), (width, height), (0, height)])
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(-0.1, 0.9) * width, rng.uniform(-0.1, 0.6) * height
        w, h = rng.uniform(0.1, 0.5, 2) * height
        lean = rng.uniform(-0.08, 0.08) * height
        frame = np.array([(x, y), (x + w, y + lean), (x + w, y + h + lean), (x, y + h)])
        _fill(canvas, frame, _between(one, two, float(rng.uniform(0.2, 0.7))))
    _fill(canvas, floor, two)
    return canvas


def _darkness(width: int, height: int, rng: np.random.Generator) -> Image:
    """A covered lens or a room without light: hardly any signal, and the sensor's noise."""
    if rng.random() < 0.3:  # a finger lets a little red through
        base = np.array([rng.uniform(15, 70), rng.uniform(2, 10), rng.uniform(2, 10)])
    else:
        base = np.full(3, rng.uniform(0, 24)) + rng.uniform(0, 5, 3)
    glow = 1 + rng.uniform(0, 0.6) * _ramp(width, height, rng.uniform(0, 360))
    noise = rng.standard_normal((height, width, 3), dtype=np.float32) * rng.uniform(0.5, 7)
    return np.asarray(np.clip(base * glow[..., None] + noise, 0, 255), np.uint8)


# --- objects --------------------------------------------------------------------------------


def _pixel(point: npt.NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _fill(canvas: npt.NDArray[np.uint8], points: Points, colour: tuple[float, ...] | float) -> None:
    fixed = np.round(points * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], colour, cv2.LINE_AA, _SHIFT)


@cache
def outline(shape: str) -> Points:
    """A shape's corners [N, 2] about its centre, one unit high."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    match shape:
        case "circle":
            points = np.stack([np.cos(turn), np.sin(turn)], 1) / 2
        case "square":
            points = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * 0.45
        case "triangle":
            points = np.array([(0, -0.5), (0.56, 0.45), (-0.56, 0.45)])
        case "star":
            angle = np.arange(10) * np.pi / 5 - np.pi / 2
            radius = np.where(np.arange(10) % 2 == 0, 0.56, 0.24)
            points = np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]
        case "heart":
            x = 16 * np.sin(turn) ** 3
            y = 13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)
            points = np.stack([x, -y], 1) / 30
            points -= (points.max(0) + points.min(0)) / 2
        case "cross":
            a, b = 0.5, 0.16
            points = np.array(
                [(-b, -a), (b, -a), (b, -b), (a, -b), (a, b), (b, b)]
                + [(b, a), (-b, a), (-b, b), (-a, b), (-a, -b), (-b, -b)]
            )
        case "diamond":
            points = np.array([(0, -0.54), (0.38, 0), (0, 0.54), (-0.38, 0)])
        case _:
            raise ValueError(f"shape is {shape!r}: draw one of scenes.SHAPES")
    return points.astype(np.float64)


def _turned(points: Points, degrees: float) -> Points:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.asarray(points @ np.array([(c, s), (-s, c)]), np.float64)


def item_points(item: Item, width: int, height: int, fit: float = 1.0) -> Points:
    """An object's corners [N, 2] in pixels of a picture of this size."""
    scale = item.size * height * fit
    shape = _turned(outline(item.shape), item.angle) * scale
    return np.asarray(shape + np.array([item.x * width, item.y * height]), np.float64)


def _draw_item(canvas: Image, item: Item, fit: float, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    points = item_points(item, width, height, fit)
    if rng.random() < 0.3:  # a soft shadow
        offset = rng.uniform(0.02, 0.06) * item.size * height
        _blend(canvas, points + offset, (0, 0, 0), opacity=0.2, soft=max(1.0, offset))
    shine = rng.uniform(0, 0.12) * _ramp(width, height, rng.uniform(0, 360))
    _blend(canvas, points, item.rgb, shade=shine / max(0.2, item.size))


def _blend(
    canvas: Image,
    points: Points,
    rgb: tuple[int, int, int],
    *,
    opacity: float = 1.0,
    soft: float = 0.0,
    shade: Plane | None = None,
) -> None:
    height, width = canvas.shape[:2]
    pad = 2 + math.ceil(2 * soft)
    x0, y0 = np.maximum(0, np.floor(points.min(0)).astype(int) - pad)
    x1, y1 = np.minimum((width, height), np.ceil(points.max(0)).astype(int) + pad)
    if x0 >= x1 or y0 >= y1:
        return
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    _fill(mask, points - (x0, y0), 255.0)
    alpha = mask.astype(np.float32) * np.float32(opacity / 255)
    if soft:
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), soft), np.float32)
    colour = np.asarray(rgb, np.float32)
    ink = colour if shade is None else colour * (1 + shade[y0:y1, x0:x1, None])
    patch = canvas[y0:y1, x0:x1]
    patch[...] = np.clip(patch + alpha[..., None] * (ink - patch), 0, 255).astype(np.uint8)


# --- cards ----------------------------------------------------------------------------------

_FONT_PLACES: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts")
_FONT_NAMES: Final = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf",
    "DejaVuSansMono-Bold.ttf", "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf",
    "LiberationSerif-Regular.ttf", "LiberationSerif-Bold.ttf", "LiberationMono-Bold.ttf",
    "LiberationSansNarrow-Bold.ttf", "DejaVuSansCondensed-Bold.ttf",
)  # fmt: skip
_BUILT_IN: Final = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)


@cache
def font_files() -> tuple[Path, ...]:
    """The known fonts this machine has, in a fixed order; empty where there are none or no Pillow."""
    if importlib.util.find_spec("PIL") is None:
        return ()
    found: dict[str, Path] = {}
    for folder in map(Path, _FONT_PLACES):
        for path in sorted(folder.rglob("*.ttf")):
            found.setdefault(path.name, path)
    return tuple(found[name] for name in _FONT_NAMES if name in found)


def glyph(symbol: str, font: int) -> Image:
    """A symbol's ink [H, W] (255 where inked), cropped, H = 128; font counts through those there."""
    choice = font % (len(_BUILT_IN) + len(font_files()))
    return _glyph(symbol, choice, font // 7 % 3 if choice < len(_BUILT_IN) else 0)


@cache
def _glyph(symbol: str, choice: int, weight: int) -> Image:
    if choice < len(_BUILT_IN):
        board = np.zeros((400, 400), np.uint8)
        thick = 6 + weight * 5
        cv2.putText(board, symbol, (80, 300), _BUILT_IN[choice], 8, 255, thick, cv2.LINE_AA)
    else:
        from PIL import Image as PilImage
        from PIL import ImageDraw, ImageFont

        picture = PilImage.new("L", (400, 400))
        face = ImageFont.truetype(str(font_files()[choice - len(_BUILT_IN)]), 240)
        ImageDraw.Draw(picture).text((80, 40), symbol, fill=255, font=face)
        board = np.asarray(picture, np.uint8)
    ys, xs = np.nonzero(board > 64)
    ink = board[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    width = max(8, round(ink.shape[1] * _GLYPH / ink.shape[0]))
    return np.asarray(cv2.resize(ink, (width, _GLYPH), interpolation=cv2.INTER_AREA), np.uint8)


def _draw_card(canvas: Image, card: Card, fit: float) -> None:
    height, width = canvas.shape[:2]
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64) / 2
    tilt = np.array(
        [(1 + card.tilt, 1), (1, 1 - card.tilt), (1, 1 + card.tilt), (1 - card.tilt, 1)]
    )
    centre = np.array([card.x * width, card.y * height])

    def place(wide: float, high: float) -> Points:
        flat = corners * tilt * (wide * fit, high * fit) * height
        return np.asarray(_turned(flat, card.angle) + centre, np.float64)

    _blend(canvas, place(card.paper * card.ratio, card.paper), card.paper_rgb)
    ink = glyph(card.symbol, card.font)
    rows, columns = ink.shape
    wide = min(card.height * columns / rows, card.paper * card.ratio * 0.85)
    source = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
    target = place(wide, card.height).astype(np.float32)
    # Drawn larger than it lands: averaging first keeps thin strokes from breaking up.
    shrink = max(1.0, rows / (card.height * fit * height))
    if shrink > 1.3:
        ink = np.asarray(cv2.blur(ink, (round(shrink), round(shrink))), np.uint8)
    matrix = cv2.getPerspectiveTransform(source, target)
    mask = np.asarray(cv2.warpPerspective(ink, matrix, (width, height)), np.float32)
    alpha = (mask * np.float32(1 / 255))[..., None]
    canvas[...] = (canvas + alpha * (np.asarray(card.ink_rgb, np.float32) - canvas)).astype(
        np.uint8
    )


# --- light and camera -----------------------------------------------------------------------


def _light(canvas: Image, light: Lighting) -> Image:
    """Exposure, colour cast, slope, vignette and gamma."""
    height, width = canvas.shape[:2]
    field = 1 + light.slope * _ramp(width, height, light.direction)
    if light.vignette:
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        field = field * (1 - light.vignette * (x * x + y * y) / 2)
    levels = np.linspace(0, 1, 256, dtype=np.float32) ** np.float32(light.gamma) * 255
    curve = levels[:, None] * np.asarray(light.cast, np.float32) * np.float32(light.gain)
    lit = np.empty(canvas.shape, np.float32)
    for channel in range(3):
        np.take(curve[:, channel], canvas[..., channel], out=lit[..., channel])
    lit *= field[..., None]
    return np.clip(lit, 0, 255, out=lit).astype(np.uint8)


def _expose(canvas: Image, light: Lighting, rng: np.random.Generator) -> Image:
    """Everything between the scene and the decoded camera frame."""
    canvas = _light(canvas, light)
    if light.blur:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), light.blur), np.uint8)
    if light.shake:
        canvas = np.asarray(cv2.filter2D(canvas, -1, _streak(light)), np.uint8)
    canvas = _grain(canvas, light.noise, rng)
    if light.chroma > 1:
        canvas = _coarse_colour(canvas, light.chroma)
    ok, packed = cv2.imencode(".jpg", canvas[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, light.quality])
    if not ok:
        raise RuntimeError(f"OpenCV could not encode a JPEG of shape {canvas.shape}")
    decoded = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    if decoded is None:
        raise RuntimeError("OpenCV could not decode a JPEG it has just written")
    return np.asarray(decoded[..., ::-1], np.uint8)


def _streak(light: Lighting) -> Plane:
    """The path of a shaking camera as a kernel: a line of light.shake pixels."""
    size = 2 * math.ceil(light.shake / 2) + 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    angle = math.radians(light.direction)
    reach = np.array([math.cos(angle), math.sin(angle)]) * light.shake / 2
    cv2.line(kernel, _pixel(middle - reach), _pixel(middle + reach), 1.0, 1, cv2.LINE_AA)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _grain(canvas: Image, noise: float, rng: np.random.Generator) -> Image:
    """Sensor noise of this standard deviation, most of it common to the three colours."""
    if not noise:
        return canvas
    height, width = canvas.shape[:2]
    gray = rng.standard_normal((height, width), dtype=np.float32) * np.float32(noise)
    out = canvas + gray[..., None]
    return np.clip(out, 0, 255, out=out).astype(np.uint8)


def _coarse_colour(canvas: Image, factor: int) -> Image:
    height, width = canvas.shape[:2]
    parts = np.array(cv2.cvtColor(canvas, cv2.COLOR_RGB2YCrCb))
    small = cv2.resize(
        parts[..., 1:], (width // factor, height // factor), interpolation=cv2.INTER_AREA
    )
    parts[..., 1:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(parts, cv2.COLOR_YCrCb2RGB), np.uint8)
