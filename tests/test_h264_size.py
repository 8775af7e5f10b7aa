"""Sizes read from parameter sets that a real encoder wrote."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest

from visavis.transports.webrtc.h264_size import h264_size


def coded(width: int, height: int, profile: str) -> bytes:
    context: Any = av.VideoCodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.framerate = 30
    context.options = {"profile": profile, "tune": "zerolatency", "preset": "ultrafast"}
    frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
    packets = context.encode(frame.reformat(format="yuv420p"))
    return b"".join(bytes(packet) for packet in packets)


@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
@pytest.mark.parametrize("size", [(16, 16), (640, 480), (1920, 1080), (322, 242), (130, 2000)])
def test_the_declared_size_is_found(profile: str, size: tuple[int, int]) -> None:
    assert h264_size(coded(*size, profile)) == size


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\1", b"\0\0\1\x67", b"\0\0\0\1\x67\x42\0\x1f" + 20 * b"\0", b"\0\0\1\x41a"]
)
def test_what_carries_no_readable_set_has_no_size(data: bytes) -> None:
    assert h264_size(data) is None
