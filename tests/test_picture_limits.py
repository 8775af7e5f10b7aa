"""Pictures of odd sizes are refused with the reason."""

from __future__ import annotations

import pytest

from visavis.runtime.settings import LimitsSettings
from visavis.transports.picture_limits import PictureLimits

LIMITS = PictureLimits()


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [
        (1921, 1920, "picture_too_large"),
        (5000, 700, "picture_too_large"),
        (15, 600, "picture_too_small"),
        (0, 0, "picture_too_small"),
        (4000, 400, "picture_shape"),
        (100, 801, "picture_shape"),
    ],
)
def test_it_does_not_fit(width: int, height: int, code: str) -> None:
    assert not LIMITS.fits(width, height)
    refusal = LIMITS.refusal(width, height)
    assert refusal.code == code
    assert f"{width}x{height}" in str(refusal)


@pytest.mark.parametrize(("width", "height"), [(1920, 1920), (16, 16), (3840, 960), (100, 800)])
def test_it_fits(width: int, height: int) -> None:
    assert LIMITS.fits(width, height)


def test_limits_are_those_of_the_settings() -> None:
    assert PictureLimits.of(LimitsSettings()) == LIMITS
    small = LimitsSettings(max_picture_pixels=4096, max_picture_edge=64, max_picture_aspect=2)
    assert PictureLimits.of(small) == PictureLimits(4096, 64, 2)
