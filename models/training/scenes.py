"""The facts of a picture: what is in it, where, before what background and in what light.

Scenes are drawn from a seed and become pixels in `drawing`; this file needs no array library, so
the grammar can be used without one.
"""

from __future__ import annotations

import colorsys
import json
import math
import random
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

Rgb = tuple[int, int, int]

SHAPES: Final = ("circle", "square", "triangle", "star", "heart", "cross", "diamond")
COLORS: Final = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray",
)  # fmt: skip
PLACES: Final = ("left", "right", "top", "bottom", "middle")
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SYMBOLS: Final = "0123456789" + LETTERS
BACKGROUNDS: Final = (
    "plain", "gradient", "noise", "stripes", "wood", "checks", "clutter", "room",
)  # fmt: skip
ASPECTS: Final = (4 / 3, 16 / 9, 1.0)

# Hue in degrees, saturation and value, each from–to. The gaps between neighbours are what keeps
# orange, brown and red, or pink and purple, apart once the light has changed them.
_HSV: Final[dict[str, tuple[float, float, float, float, float, float]]] = {
    "red": (-6, 6, 0.82, 1.0, 0.68, 0.92),
    "orange": (24, 33, 0.86, 1.0, 0.93, 1.0),
    "yellow": (51, 59, 0.75, 1.0, 0.92, 1.0),
    "green": (105, 148, 0.60, 0.95, 0.42, 0.78),
    "blue": (210, 234, 0.72, 1.0, 0.55, 0.95),
    "purple": (272, 288, 0.60, 0.90, 0.42, 0.66),
    "pink": (328, 344, 0.36, 0.58, 0.95, 1.0),
    "brown": (18, 27, 0.60, 0.78, 0.33, 0.46),
    "black": (0, 360, 0.0, 0.15, 0.02, 0.09),
    "white": (0, 360, 0.0, 0.03, 0.95, 1.0),
    "gray": (0, 360, 0.0, 0.05, 0.44, 0.56),
}
# White in dim light is gray, orange in dim light is brown: pictures that hold one of these are lit
# more evenly.
_DELICATE: Final = frozenset(("black", "white", "gray", "brown", "orange", "yellow"))
_LEAST_CONTRAST: Final = 30.0  # CIE76 between an object and what is behind it


@dataclass(frozen=True, slots=True)
class Item:
    """One coloured shape; x, y (centre) and size (height) as fractions of the picture.

    x is a fraction of the width, y and size of the height; angle in degrees; rgb 0–255.
    """

    shape: str
    color: str
    x: float
    y: float
    size: float
    angle: float = 0.0
    rgb: Rgb = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Card:
    """A card with one digit or capital letter; lengths as fractions of the picture's height.

    `height` is the symbol's, `paper` the card's; `font` counts through the fonts at hand;
    `tilt` is the perspective (0 none).
    """

    symbol: str
    x: float = 0.5
    y: float = 0.5
    height: float = 0.5
    paper: float = 0.8
    ratio: float = 0.8
    angle: float = 0.0
    tilt: float = 0.0
    font: int = 0
    paper_rgb: Rgb = (245, 245, 240)
    ink_rgb: Rgb = (20, 20, 20)


@dataclass(frozen=True, slots=True)
class Background:
    """What is behind everything: a style of BACKGROUNDS made of two related colours."""

    style: str = "plain"
    rgb: Rgb = (220, 220, 215)
    second: Rgb = (220, 220, 215)


@dataclass(frozen=True, slots=True)
class Lighting:
    """What light and camera do. Lengths in pixels of a picture 144 high; the rest are factors."""

    gain: float = 1.0
    gamma: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    slope: float = 0.0  # brightness change across the picture
    direction: float = 0.0  # of the slope and of the shake, degrees
    vignette: float = 0.0
    blur: float = 0.0
    shake: float = 0.0
    noise: float = 0.0  # standard deviation, of 255
    quality: int = 90  # JPEG
    chroma: int = 1  # factor by which colour is coarser than brightness


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that decides a picture. `seed` settles what has no name (grain, distractors)."""

    kind: str  # "objects", "card", "dark" or "empty"
    items: tuple[Item, ...] = ()
    card: Card | None = None
    background: Background = field(default_factory=Background)
    lighting: Lighting = field(default_factory=Lighting)
    aspect: float = 4 / 3
    seed: int = 0

    @property
    def is_dark(self) -> bool:
        """Whether nothing can be seen (camera covered, or no light)."""
        return self.kind == "dark"

    def to_json(self) -> str:
        """The scene as one line of JSON; `from_json` gives back an equal scene."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Scene:
        """Read what `to_json` wrote. Raises ValueError or KeyError for anything else."""
        raw: dict[str, Any] = json.loads(text)  # Any: the border with untyped JSON
        lighting = raw["lighting"] | {"cast": tuple(raw["lighting"]["cast"])}
        card = raw["card"]
        if card is not None:
            card = Card(**_tuples(card, "paper_rgb", "ink_rgb"))
        return Scene(
            kind=raw["kind"],
            items=tuple(Item(**_tuples(item, "rgb")) for item in raw["items"]),
            card=card,
            background=Background(**_tuples(raw["background"], "rgb", "second")),
            lighting=Lighting(**lighting),
            aspect=raw["aspect"],
            seed=raw["seed"],
        )


def _tuples(raw: dict[str, Any], *names: str) -> dict[str, Any]:
    return raw | {name: tuple(raw[name]) for name in names}


def render(scene: Scene) -> npt.NDArray[np.uint8]:
    """The picture as the model sees it: uint8 RGB [96, 96, 3], squeezed from its true aspect."""
    from . import drawing

    return drawing.render(scene)


def render_frames(
    scene: Scene, width: int, height: int, n: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.uint8]]:
    """n camera frames of the scene, uint8 RGB [height, width, 3], with a hand's slight movement."""
    from . import drawing

    return drawing.render_frames(scene, width, height, n, rng)


# --- places ---------------------------------------------------------------------------------


def place_of(item: Item) -> str | None:
    """Where an object is, in one word, or None where one word would not do (a corner)."""
    dx, dy = item.x - 0.5, item.y - 0.5
    if abs(dx) <= 0.1 and abs(dy) <= 0.1:
        return "middle"
    if abs(dx) >= 0.15 and abs(dx) > 1.35 * abs(dy):
        return "left" if dx < 0 else "right"
    if abs(dy) >= 0.15 and abs(dy) > 1.35 * abs(dx):
        return "top" if dy < 0 else "bottom"
    return None


def items_at(scene: Scene, place: str) -> tuple[Item, ...] | None:
    """The one object at a place, () where that place is clearly empty, None where it is unclear."""
    near = tuple(item for item in scene.items if _leans(item, place))
    if not near:
        return ()
    clear = len(near) == 1 and place_of(near[0]) == place
    return near if clear else None


def _leans(item: Item, place: str) -> bool:
    """Whether somebody might count this object as being at the place."""
    dx, dy = item.x - 0.5, item.y - 0.5
    match place:
        case "left":
            return dx < -0.1
        case "right":
            return dx > 0.1
        case "top":
            return dy < -0.1
        case "bottom":
            return dy > 0.1
        case _:
            return abs(dx) < 0.22 and abs(dy) < 0.22


# --- colours --------------------------------------------------------------------------------


def _rgb(hue: float, saturation: float, value: float) -> Rgb:
    r, g, b = colorsys.hsv_to_rgb((hue % 360) / 360, saturation, value)
    return round(r * 255), round(g * 255), round(b * 255)


def object_rgb(color: str, rng: random.Random) -> Rgb:
    """One shade of a named colour."""
    h0, h1, s0, s1, v0, v1 = _HSV[color]
    return _rgb(rng.uniform(h0, h1), rng.uniform(s0, s1), rng.uniform(v0, v1))


def _lab(rgb: Rgb) -> tuple[float, float, float]:
    r, g, b = (
        c / 12.92 if (c := v / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for v in rgb
    )
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def contrast(one: Rgb, other: Rgb) -> float:
    """How different two colours look (CIE76; 2 is just visible, 30 unmistakable)."""
    return math.dist(_lab(one), _lab(other))


def _background(rng: random.Random, items: tuple[Item, ...], least_value: float) -> Background:
    """A background before which every object stands out."""
    for attempt in range(60):
        roll = rng.random()
        hue = rng.uniform(0, 360)
        if roll < 0.45:  # walls, tables, paper
            hsv = (hue, rng.uniform(0, 0.12), rng.uniform(0.72, 1.0))
        elif roll < 0.60:
            hsv = (rng.uniform(20, 50), rng.uniform(0.15, 0.5), rng.uniform(0.5, 0.85))
        elif roll < 0.75:
            hsv = (hue, rng.uniform(0, 0.25), rng.uniform(0.3, 0.7))
        elif roll < 0.87:
            hsv = (hue, rng.uniform(0, 0.5), rng.uniform(0.1, 0.28))
        else:
            hsv = (hue, rng.uniform(0.25, 0.75), rng.uniform(0.4, 0.9))
        if hsv[2] < least_value:
            continue
        second = (
            hsv[0] + rng.uniform(-25, 25),
            min(1.0, max(0.0, hsv[1] + rng.uniform(-0.12, 0.12))),
            min(1.0, max(0.05, hsv[2] + rng.choice((-1, 1)) * rng.uniform(0.05, 0.16))),
        )
        style = rng.choices(BACKGROUNDS, (5, 3, 2, 1.5, 1.5, 1.5, 3, 3))[0]
        background = Background(style, _rgb(*hsv), _rgb(*second))
        least = _LEAST_CONTRAST - 0.2 * max(0, attempt - 30)
        if all(
            contrast(item.rgb, behind) >= least
            for item in items
            for behind in (background.rgb, background.second)
        ):
            return background
    # Six clashing objects are rare; some plain colour suits them best.
    plain = [
        _rgb(h, s, v) for h, s, v in ((0, 0, 0.85), (0, 0, 0.25), (200, 0.3, 0.8), (90, 0.3, 0.7))
    ]
    best = max(plain, key=lambda rgb: min((contrast(item.rgb, rgb) for item in items), default=1.0))
    return Background("plain", best, best)


def _lighting(rng: random.Random, colors: frozenset[str]) -> Lighting:
    spread = 0.5 if colors & _DELICATE else 1.0
    warmth = rng.gauss(0, 0.025) * spread
    return Lighting(
        gain=1 + rng.uniform(-0.28, 0.12) * spread,
        gamma=math.exp(rng.uniform(-0.16, 0.16) * spread),
        cast=(1 + warmth, 1 + rng.gauss(0, 0.012), 1 - warmth),
        slope=rng.uniform(0, 0.30) * spread,
        direction=rng.uniform(0, 360),
        vignette=rng.uniform(0, 0.25) * (rng.random() < 0.5),
        blur=rng.uniform(0.3, 1.3) if rng.random() < 0.5 else 0.0,
        shake=rng.uniform(1.0, 5.0) if rng.random() < 0.25 else 0.0,
        noise=rng.uniform(0, 9) if rng.random() < 0.8 else 0.0,
        quality=rng.randint(25, 90),
        chroma=rng.choice((1, 1, 2, 2, 4)),
    )


# --- choosing a scene -----------------------------------------------------------------------


def random_scene(rng: random.Random) -> Scene:
    """A scene of any kind, in the shares that give every family of questions its pictures."""
    kinds = ("one", "same", "mixed", "sizes", "card", "dark", "empty")
    kind = rng.choices(kinds, (26, 11, 22, 16, 16, 4, 5))[0]
    match kind:
        case "card":
            return card_scene(rng, rng.choice(SYMBOLS))
        case "dark":
            return Scene("dark", aspect=_aspect(rng), seed=rng.getrandbits(32))
        case "empty":
            return _finish(rng, "empty", (), _aspect(rng))
        case "one":
            return objects_scene(rng, [(rng.choice(SHAPES), rng.choice(COLORS))])
        case "same":
            alike = (rng.choice(SHAPES), rng.choice(COLORS))
            return objects_scene(rng, [alike] * rng.choices((2, 3, 4, 5), (2, 3, 4, 6))[0])
        case "sizes":
            n = rng.choices((2, 3), (3, 1))[0]
            named = [(rng.choice(SHAPES), rng.choice(COLORS)) for _ in range(n)]
            return objects_scene(rng, named, sizes=_DIFFERENT[n])
        case _:
            n = rng.choices((2, 3, 4, 5), (5, 4, 3, 1))[0]
            shapes = [rng.choice(SHAPES) for _ in range(n)]
            colors = [rng.choice(COLORS) for _ in range(n)]
            roll = rng.random()
            if roll < 0.2:
                shapes = [shapes[0]] * n
            elif roll < 0.35:
                colors = [colors[0]] * n
            return objects_scene(rng, list(zip(shapes, colors, strict=True)))


def objects_scene(
    rng: random.Random,
    named: list[tuple[str, str]],
    place: str | None = None,
    sizes: tuple[tuple[float, float], ...] | None = None,
) -> Scene:
    """A scene of these (shape, colour) objects; `place` puts a single one there; `sizes` are the
    bounds of each one's height, which are alike otherwise."""
    aspect = _aspect(rng)
    spots = _spots(rng, len(named), aspect, place) if sizes is None else _sized(rng, sizes, aspect)
    shade = {color: object_rgb(color, rng) for _, color in named}  # alike objects look alike
    items = tuple(
        Item(shape, color, x, y, size, rng.uniform(-12, 12), shade[color])
        for (shape, color), (x, y, size) in zip(named, spots, strict=True)
    )
    return _finish(rng, "objects", items, aspect)


def card_scene(rng: random.Random, symbol: str) -> Scene:
    """A scene of a card with this digit or capital letter."""
    if rng.random() < 0.85:
        paper = _rgb(rng.uniform(0, 360), rng.uniform(0, 0.15), rng.uniform(0.88, 1.0))
        ink = _rgb(rng.uniform(0, 360), rng.uniform(0, 0.9), rng.uniform(0.0, 0.35))
    else:
        paper = _rgb(rng.uniform(0, 360), rng.uniform(0, 0.8), rng.uniform(0.08, 0.3))
        ink = _rgb(rng.uniform(0, 360), rng.uniform(0, 0.2), rng.uniform(0.88, 1.0))
    height = rng.uniform(0.36, 0.62)
    size = min(0.95, height * rng.uniform(1.3, 1.7))
    room = max(0.0, (1 - size) / 2)
    card = Card(
        symbol=symbol,
        x=0.5 + rng.uniform(-0.14, 0.14),
        y=0.5 + rng.uniform(-room, room),
        height=height,
        paper=size,
        ratio=rng.uniform(0.8, 1.05),
        angle=rng.uniform(-9, 9),
        tilt=rng.uniform(-0.1, 0.1),
        font=rng.randrange(1 << 16),
        paper_rgb=paper,
        ink_rgb=ink,
    )
    aspect = _aspect(rng)
    paper_item = Item("square", "white", 0.5, 0.5, 0.5, 0.0, paper)
    background = _background(rng, (paper_item,), 0.0)
    return Scene("card", (), card, background, _lighting(rng, frozenset()), aspect, _seed(rng))


def _finish(rng: random.Random, kind: str, items: tuple[Item, ...], aspect: float) -> Scene:
    # An empty picture must not look like a covered camera.
    background = _background(rng, items, 0.38 if kind == "empty" else 0.1)
    lighting = _lighting(rng, frozenset(item.color for item in items))
    return Scene(kind, items, None, background, lighting, aspect, _seed(rng))


def _seed(rng: random.Random) -> int:
    return rng.getrandbits(32)


def _aspect(rng: random.Random) -> float:
    return rng.choices(ASPECTS, (5, 3, 2))[0]


_Spot = tuple[float, float, float]
_SIZES: Final = {
    1: (0.26, 0.60),
    2: (0.24, 0.42),
    3: (0.20, 0.32),
    4: (0.17, 0.28),
    5: (0.15, 0.25),
}
_DIFFERENT: Final = {
    2: ((0.16, 0.24), (0.36, 0.50)),
    3: ((0.14, 0.17), (0.23, 0.27), (0.37, 0.44)),
}
_REACH: Final = 0.58  # from the centre of an object to its farthest point, in sizes
_GAP: Final = 0.03  # between two objects and to the edge, of the height


def _spots(rng: random.Random, n: int, aspect: float, place: str | None) -> list[_Spot]:
    """n places (x, y, size) that neither touch each other nor leave the picture."""
    low, high = _SIZES[n]
    for attempt in range(200):
        top = high - (high - low) * min(1.0, attempt / 60)
        size = rng.uniform(low, top)
        sizes = [min(high, max(low, size * rng.uniform(0.88, 1.14))) for _ in range(n)]
        centres = _arrange(rng, n, place)
        if centres:
            spots = [(x, y, s) for (x, y), s in zip(centres, sizes, strict=True)]
        else:
            spots = _scatter(rng, sizes, aspect)
        if len(spots) == n and _fits(spots, aspect):
            rng.shuffle(spots)
            return spots
    # A ring always has room.
    turn = rng.uniform(0, 2 * math.pi)
    angles = [turn + 2 * math.pi * i / n for i in range(n)]
    radius = 0.3 if n > 1 else 0.0
    return [(0.5 + radius * math.cos(a) / aspect, 0.5 + radius * math.sin(a), low) for a in angles]


def _sized(
    rng: random.Random, bounds: tuple[tuple[float, float], ...], aspect: float
) -> list[_Spot]:
    """Places for objects of clearly different heights."""
    while True:
        sizes = [rng.uniform(low, high) for low, high in reversed(bounds)]
        spots = _scatter(rng, sizes, aspect)
        if len(spots) == len(bounds):
            rng.shuffle(spots)
            return spots


def _scatter(rng: random.Random, sizes: list[float], aspect: float) -> list[_Spot]:
    """Objects put down one by one wherever there is room; fewer than asked where it runs out."""
    spots: list[_Spot] = []
    for size in sizes:
        for _ in range(25):
            spot = (rng.uniform(0.08, 0.92), rng.uniform(0.08, 0.92), size)
            if _fits([*spots, spot], aspect):
                spots.append(spot)
                break
    return spots


def _fits(spots: list[_Spot], aspect: float) -> bool:
    for i, (x, y, size) in enumerate(spots):
        reach = size * _REACH + _GAP / 2
        if not (reach < x * aspect < aspect - reach and reach < y < 1 - reach):
            return False
        for x2, y2, size2 in spots[:i]:
            if math.hypot((x - x2) * aspect, y - y2) < reach + size2 * _REACH + _GAP / 2:
                return False
    return True


def _arrange(rng: random.Random, n: int, place: str | None) -> list[tuple[float, float]]:
    """Centres that follow a simple pattern, or [] for no pattern at all."""

    def about(x: float, y: float, by: float = 0.05) -> tuple[float, float]:
        return x + rng.uniform(-by, by), y + rng.uniform(-by, by)

    if n == 1:
        where = place or rng.choices(PLACES, (15, 15, 12, 12, 46))[0]
        along, across = rng.uniform(0.2, 0.32), rng.uniform(-0.08, 0.08)
        return [
            {
                "left": (along, 0.5 + across),
                "right": (1 - along, 0.5 + across),
                "top": (0.5 + across, along),
                "bottom": (0.5 + across, 1 - along),
                "middle": about(0.5, 0.5, 0.09),
            }[where]
        ]
    roll = rng.random()
    if n <= 3 and roll < 0.45:  # a row
        step = rng.uniform(0.24, 0.33) if n == 3 else rng.uniform(0.4, 0.55)
        return [about(0.5 + step * (i - (n - 1) / 2), 0.5) for i in range(n)]
    if n <= 3 and roll < 0.70:  # a column
        step = rng.uniform(0.28, 0.33) if n == 3 else rng.uniform(0.4, 0.52)
        return [about(0.5, 0.5 + step * (i - (n - 1) / 2), 0.03) for i in range(n)]
    if n == 4 and roll < 0.3:
        return [about(x, y) for x in (0.28, 0.72) for y in (0.28, 0.72)]
    if n >= 4 and roll < (0.45 if n == 4 else 0.25):  # one on each side, and a fifth in the middle
        cross = [(0.2, 0.5), (0.8, 0.5), (0.5, 0.2), (0.5, 0.8), (0.5, 0.5)]
        return [about(x, y, 0.03) for x, y in cross[:n]]
    return []  # anywhere
