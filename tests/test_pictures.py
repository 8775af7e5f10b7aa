"""Luma is looked at where it lies; colour is made on demand."""

from __future__ import annotations

import av
import numpy as np
import pytest

from visavis.runtime.frames import Pixels
from visavis.transports.pictures import AvPixels


def picture(name: str, width: int = 50, height: int = 30) -> Pixels:
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, width // 2 :] = (220, 220, 220)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=name)
    return AvPixels(frame)


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "yuv422p", "nv12", "gray", "rgb24"])
def test_luma_has_the_size_of_the_picture(name: str) -> None:
    luma = picture(name).luma()
    assert luma.shape == (30, 50) and luma.dtype == np.uint8
    assert luma[:, :20].max() < 30 and luma[:, 30:].min() > 180


def test_luma_of_a_camera_picture_is_a_view() -> None:
    pixels = picture("yuv420p")
    assert not pixels.luma().flags.owndata
    assert pixels.luma() is pixels.luma()


def test_colour_is_scaled_by_area() -> None:
    rgb = picture("yuv444p", 64, 64).rgb(2, 1)
    assert rgb.shape == (1, 2, 3) and rgb.dtype == np.uint8
    assert rgb[0, 0].max() < 12 and rgb[0, 1].min() > 205
    assert picture("yuv444p", 64, 64).rgb(1, 1).mean() == pytest.approx(110, abs=6)
