import math
import random
from collections import Counter

import pytest

from visavis.models.training.scenes import (
    BACKGROUNDS,
    COLORS,
    PLACES,
    SHAPES,
    SYMBOLS,
    Item,
    Scene,
    contrast,
    items_at,
    object_rgb,
    objects_scene,
    place_of,
    random_scene,
)


def many(seed: int, count: int) -> list[Scene]:
    rng = random.Random(seed)
    return [random_scene(rng) for _ in range(count)]


def test_scenes_follow_from_their_seed_and_survive_json() -> None:
    scenes = many(1, 300)
    assert scenes == many(1, 300)
    assert scenes != many(2, 300)
    for scene in scenes:
        assert Scene.from_json(scene.to_json()) == scene


def test_every_kind_of_thing_comes_up() -> None:
    scenes = many(3, 2500)
    kinds = Counter(scene.kind for scene in scenes)
    assert set(kinds) == {"objects", "card", "dark", "empty"}
    assert {len(scene.items) for scene in scenes} == {0, 1, 2, 3, 4, 5}
    assert {item.color for scene in scenes for item in scene.items} == set(COLORS)
    assert {item.shape for scene in scenes for item in scene.items} == set(SHAPES)
    assert {scene.card.symbol for scene in scenes if scene.card} == set(SYMBOLS)
    assert {scene.background.style for scene in scenes} == set(BACKGROUNDS)


def test_objects_are_large_apart_and_inside() -> None:
    for scene in many(4, 1500):
        for i, one in enumerate(scene.items):
            assert one.size >= (0.25 if len(scene.items) == 1 else 0.14)
            assert 0.4 * one.size < min(one.y, 1 - one.y)
            for other in scene.items[:i]:
                apart = math.hypot((one.x - other.x) * scene.aspect, one.y - other.y)
                assert apart > 0.5 * (one.size + other.size)


def test_objects_stand_out_from_what_is_behind_them() -> None:
    for scene in many(5, 1000):
        for item in scene.items:
            for behind in (scene.background.rgb, scene.background.second):
                assert contrast(item.rgb, behind) > 20


def test_named_colours_keep_their_distance() -> None:
    rng = random.Random(6)
    shades = {color: [object_rgb(color, rng) for _ in range(30)] for color in COLORS}
    for i, one in enumerate(COLORS):
        for other in COLORS[:i]:
            assert min(contrast(a, b) for a in shades[one] for b in shades[other]) > 15


@pytest.mark.parametrize("place", PLACES)
def test_a_single_object_is_where_it_was_put(place: str) -> None:
    rng = random.Random(place)
    for _ in range(200):
        scene = objects_scene(rng, [("circle", "red")], place)
        assert place_of(scene.items[0]) == place
        assert items_at(scene, place) == scene.items


def test_a_corner_has_no_single_word_and_makes_its_sides_unclear() -> None:
    corner = Item("circle", "red", 0.2, 0.2, 0.3)
    scene = Scene("objects", (corner,))
    assert place_of(corner) is None
    assert items_at(scene, "left") is None
    assert items_at(scene, "right") == ()
