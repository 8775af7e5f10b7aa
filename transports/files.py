"""Recordings as a source of audio and pictures: anything PyAV reads, from WAV to MP4 and PNG.

Media time comes from the file; the caller decides how fast to read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Literal

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from ..runtime.errors import BadInput
from ..runtime.frames import HEARING_RATE, AudioChunk, Pcm, VideoFrame
from .pictures import AvPixels

CHUNK = HEARING_RATE // 50
"""Samples per chunk: 20 ms, as over a network."""
STILL_RATE = 10.0
"""How often per second a still picture is shown."""
VIDEO_RATE = 90_000
MAX_PIXELS = 4096 * 4096

Path = str | PathLike[str]


def read_audio(path: Path, began: float = 0.0) -> Iterator[AudioChunk]:
    """The first audio stream as 20 ms chunks (the last may be shorter).

    `began` is the time that media time 0 is given in `arrived`: a chunk has arrived when its last
    sample was recorded. Raises `BadInput` at once for a file without audio, while reading for one
    that is damaged.
    """
    container = _open(path, "audio")
    return _chunks(container, path, began)


def read_video(path: Path, began: float = 0.0) -> Iterator[VideoFrame]:
    """The first video stream as pictures with `pts`, `arrived` and `audio_pts` of their time.

    A still picture repeats for ever, STILL_RATE times a second. Raises as `read_audio`.
    """
    container = _open(path, "video")
    return _frames(container, path, began)


def _open(path: Path, kind: Literal["audio", "video"]) -> InputContainer:
    try:
        container = av.open(str(path), "r")
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist: check the path", param=kind) from error
    except (FFmpegError, OSError, ValueError) as error:
        raise BadInput(
            f"{path} can't be read as media ({error}): give a file such as WAV, MP4, WebM, PNG "
            f"or Y4M",
            code="invalid_file",
            param=kind,
        ) from error
    if not getattr(container.streams, kind):
        container.close()
        raise BadInput(
            f"{path} has no {kind}: give another file for {kind}, or leave it out",
            code="invalid_file",
            param=kind,
        )
    return container


def _chunks(container: InputContainer, path: Path, began: float) -> Iterator[AudioChunk]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=HEARING_RATE)
    pts = 0
    rest: Pcm = np.zeros(0, np.int16)
    with container:
        try:
            for frame in container.decode(audio=0):
                frame.pts = None
                for out in resampler.resample(frame):
                    rest = np.concatenate([rest, out.to_ndarray()[0].astype(np.int16)])
                while len(rest) >= CHUNK:
                    yield AudioChunk(rest[:CHUNK], pts, began + (pts + CHUNK) / HEARING_RATE)
                    pts += CHUNK
                    rest = rest[CHUNK:]
            for out in resampler.resample(None):
                rest = np.concatenate([rest, out.to_ndarray()[0].astype(np.int16)])
        except (FFmpegError, ValueError) as error:
            raise _damaged(path, "audio", pts / HEARING_RATE, error) from error
    for at in range(0, len(rest), CHUNK):
        pcm = rest[at : at + CHUNK]
        pts += len(pcm)
        yield AudioChunk(pcm, pts - len(pcm), began + pts / HEARING_RATE)
    if pts == 0:
        raise BadInput(
            f"{path} holds no audio samples: record it again", code="invalid_file", param="audio"
        )


def _frames(container: InputContainer, path: Path, began: float) -> Iterator[VideoFrame]:
    count = 0
    last: av.VideoFrame | None = None
    with container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 25)
        first: float | None = None
        try:
            for frame in container.decode(video=0):
                if frame.width * frame.height > MAX_PIXELS:
                    raise BadInput(
                        f"{path} has pictures of {frame.width}x{frame.height}: scale them below "
                        f"{MAX_PIXELS} pixels",
                        code="picture_too_large",
                        param="video",
                    )
                time = float(frame.time) if frame.pts is not None else count / rate
                first = time if first is None else first
                yield _seen(frame, time - first, began)
                count += 1
                last = frame
        except (FFmpegError, ValueError) as error:
            raise _damaged(path, "video", count / rate, error) from error
    if last is None:
        raise BadInput(f"{path} holds no pictures", code="invalid_file", param="video")
    is_still = count == 1
    while is_still:
        yield _seen(last, count / STILL_RATE, began)
        count += 1


def _seen(frame: av.VideoFrame, time: float, began: float) -> VideoFrame:
    return VideoFrame(
        AvPixels(frame),
        frame.width,
        frame.height,
        round(time * VIDEO_RATE),
        began + time,
        round(time * HEARING_RATE),
    )


def _damaged(path: Path, kind: str, at_s: float, error: Exception) -> BadInput:
    return BadInput(
        f"{path} is damaged {at_s:.2f} s into its {kind} ({error}): make the file again",
        code="invalid_file",
        param=kind,
    )
