"""Pictures in messages are decoded where they are looked at, and a bad one says so."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from visavis.runtime.errors import BadInput
from visavis.runtime.item_input import EncodedPicture
from visavis.transports.pictures import EncodedPixels


def encoded(kind: str) -> EncodedPicture:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, 32:] = (200, 30, 30)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return EncodedPicture(buffer.getvalue(), f"image/{kind.lower()}", 64, 48)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_is_decoded_when_it_is_looked_at(kind: str) -> None:
    pixels = EncodedPixels(encoded(kind))
    assert pixels.luma().shape == (48, 64)
    rgb = pixels.rgb(8, 8)
    assert rgb.shape == (8, 8, 3)
    assert np.abs(rgb[4, 1].astype(int)).max() < 12
    assert np.abs(rgb[4, 6].astype(int) - (200, 30, 30)).max() < 12


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_damaged_picture_is_refused(kind: str) -> None:
    whole = encoded(kind)
    broken = EncodedPicture(whole.data[:20], whole.mime, 64, 48)
    with pytest.raises(BadInput, match="damaged"):
        EncodedPixels(broken).rgb(8, 8)
