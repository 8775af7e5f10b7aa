import random
from dataclasses import replace

import numpy as np
import pytest

from visavis.models.training import drawing
from visavis.models.training.drawing import font_files, glyph, outline, paint
from visavis.models.training.scenes import (
    BACKGROUNDS,
    COLORS,
    SHAPES,
    SYMBOLS,
    Background,
    Item,
    Lighting,
    Scene,
    contrast,
    object_rgb,
    objects_scene,
    random_scene,
    render,
    render_frames,
)


def test_a_picture_is_a_square_of_bytes_that_follows_from_the_scene() -> None:
    rng = random.Random(1)
    for scene in [random_scene(rng) for _ in range(30)]:
        picture = render(scene)
        assert picture.shape == (96, 96, 3) and picture.dtype == np.uint8
        assert np.array_equal(picture, render(scene))


@pytest.mark.parametrize("color", COLORS)
def test_an_object_still_has_its_colour_after_light_and_camera(color: str) -> None:
    rng = random.Random(color)
    shades = {name: [object_rgb(name, rng) for _ in range(15)] for name in COLORS}
    right = 0
    for _ in range(20):
        scene = objects_scene(rng, [("circle", color)])
        x, y = round(scene.items[0].x * 96), round(scene.items[0].y * 96)
        seen = np.median(render(scene)[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3), axis=0)
        rgb = (int(seen[0]), int(seen[1]), int(seen[2]))
        nearest = min(COLORS, key=lambda name: min(contrast(rgb, shade) for shade in shades[name]))
        right += nearest == color
    assert right >= 17


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_about_one_unit_high_and_centred(shape: str) -> None:
    points = outline(shape)
    assert 0.85 <= np.ptp(points[:, 1]) <= 1.15
    assert np.abs(points.max(0) + points.min(0)).max() < 0.2


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="blob"):
        outline("blob")


@pytest.mark.parametrize("style", BACKGROUNDS)
def test_a_background_keeps_to_its_colours(style: str) -> None:
    scene = Scene("empty", background=Background(style, (200, 180, 160), (160, 150, 140)), seed=3)
    picture = paint(scene, 192, 144, np.random.default_rng(3))
    assert picture.min() >= 139 and picture.max() <= 201


def test_darkness_shows_nothing_and_an_empty_scene_is_not_dark() -> None:
    rng = random.Random(2)
    for scene in [random_scene(rng) for _ in range(600)]:
        if scene.kind in ("dark", "empty"):
            assert (render(scene).mean() < 35) == scene.is_dark


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_symbol_has_ink_in_every_font(symbol: str) -> None:
    for font in range(0, 60, 7):
        ink = glyph(symbol, font)
        assert ink.shape[0] == 128 and 0.05 < (ink > 128).mean() <= 1


def test_cards_are_drawn_without_any_font_file(monkeypatch: pytest.MonkeyPatch) -> None:
    font_files.cache_clear()
    monkeypatch.setattr(drawing, "_FONT_PLACES", ())
    assert font_files() == ()
    assert glyph("B", 5).max() == 255
    font_files.cache_clear()


def test_light_camera_and_compression_change_the_picture_only_as_told() -> None:
    item = Item("square", "red", 0.5, 0.5, 0.5, 0.0, (220, 20, 20))
    plain = Scene("objects", (item,), lighting=Lighting(quality=95), seed=9)
    dim = replace(plain, lighting=replace(plain.lighting, gain=0.7))
    shaken = replace(plain, lighting=replace(plain.lighting, shake=5.0, direction=0.0))
    assert render(dim).mean() < 0.8 * render(plain).mean()

    def steepness(scene: Scene) -> float:
        return float(np.abs(np.diff(render(scene)[48, :, 1].astype(float))).max())

    assert steepness(shaken) < 0.7 * steepness(plain)


def test_frames_move_a_little_and_show_the_same_scene() -> None:
    scene = objects_scene(random.Random(4), [("star", "blue"), ("heart", "red")])
    frames = list(render_frames(scene, 320, 240, 12, np.random.default_rng(1)))
    assert len(frames) == 12 and all(frame.shape == (240, 320, 3) for frame in frames)
    first, last = frames[0].astype(float), frames[-1].astype(float)
    assert 0.1 < np.abs(first - last).mean() < 25
    again = list(render_frames(scene, 320, 240, 12, np.random.default_rng(1)))
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))
