"""Decoded pictures as the runtime sees them: luma as a view, colour only when asked for."""

from __future__ import annotations

import threading
from typing import Protocol, cast

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import Interpolation, VideoReformatter

from ..runtime.errors import BadInput
from ..runtime.frames import Picture
from ..runtime.item_input import EncodedPicture

_local = threading.local()

_PLANAR = frozenset(
    f"yuv{'j' if full else ''}{layout}p" for full in (0, 1) for layout in (420, 422, 444)
) | {"gray", "nv12", "nv21"}


class AvPixels:
    """`Pixels` over a frame of PyAV; the frame must not be written to any more."""

    __slots__ = ("_frame", "_luma")

    def __init__(self, frame: av.VideoFrame) -> None:
        self._frame = frame
        self._luma: Picture | None = None

    def luma(self) -> Picture:
        """[height, width] uint8. A view of the decoder's plane; computed once where the picture
        has no luma plane (a PNG)."""
        if self._luma is None:
            if self._frame.format.name in _PLANAR:
                plane = self._frame.planes[0]
                rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
                self._luma = rows[: self._frame.height, : self._frame.width]
            else:
                gray = _reformatter().reformat(self._frame, format="gray").to_ndarray()
                self._luma = np.asarray(gray, np.uint8)
        return self._luma

    def rgb(self, width: int, height: int) -> Picture:
        """[height, width, 3] uint8, scaled by area. Takes about a millisecond: off the loop."""
        frame = _reformatter().reformat(
            self._frame,
            width=width,
            height=height,
            format="rgb24",
            interpolation=Interpolation.AREA,
        )
        return np.asarray(frame.to_ndarray(), np.uint8)


def _reformatter() -> VideoReformatter:
    """swscale's context is rebuilt when sizes change, so each thread keeps its own."""
    if not hasattr(_local, "reformatter"):
        _local.reformatter = VideoReformatter()
    return cast(VideoReformatter, _local.reformatter)


_DECODERS = {"image/jpeg": "mjpeg", "image/png": "png"}


class _Decoder(Protocol):
    """What is needed of PyAV's codec context, whose types leave its packets open."""

    def decode(self, packet: object) -> list[av.VideoFrame]: ...


class EncodedPixels:
    """`Pixels` of a compressed picture from a message, decoded when they are first asked for: by
    the engine, on its thread. Raises `BadInput` for one that can't be decoded."""

    __slots__ = ("_decoded", "_picture")

    def __init__(self, picture: EncodedPicture) -> None:
        self._picture = picture
        self._decoded: AvPixels | None = None

    def luma(self) -> Picture:
        """[height, width] uint8."""
        return self._pixels().luma()

    def rgb(self, width: int, height: int) -> Picture:
        """[height, width, 3] uint8, scaled by area."""
        return self._pixels().rgb(width, height)

    def _pixels(self) -> AvPixels:
        if self._decoded is None:
            # A decoder and no demuxer: nothing guesses what else the bytes could be.
            codec = av.CodecContext.create(_DECODERS[self._picture.mime], "r")
            decoder = cast(_Decoder, codec)  # both are decoders of video
            try:
                frames = [*decoder.decode(av.Packet(self._picture.data)), *decoder.decode(None)]
            except FFmpegError as error:
                raise BadInput(f"the picture is damaged: {error}", code="invalid_image") from error
            if not frames:
                raise BadInput("the picture is damaged: it has no frame", code="invalid_image")
            self._decoded = AvPixels(frames[0])
        return self._decoded
