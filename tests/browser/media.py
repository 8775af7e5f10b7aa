"""What Chromium's microphone and camera hear and see in a test: made by the package's own voice and
by numpy, so that tests need no files and no further program."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from visavis.models.voice.espeak import EspeakVoice
from visavis.runtime.events import VoiceReady
from visavis.runtime.frames import SPEAKING_RATE, Pcm
from visavis.runtime.protocols import Delivery
from visavis.runtime.settings import VoiceSettings

Picture = npt.NDArray[np.uint8]
"""[H, W, 3], RGB; even height and width."""


def write_microphone(
    path: Path, parts: Sequence[str | float], voice: VoiceSettings | None = None
) -> Path:
    """Words are spoken, numbers are seconds of silence: `[3.0, "What colour is this?", 5.0]`.

    The file begins with the press of "Start talking"; the line needs a second or two to come up.
    """
    said = asyncio.run(_say([p for p in parts if isinstance(p, str)], voice or VoiceSettings()))
    pieces = [
        next(said) if isinstance(p, str) else np.zeros(int(p * SPEAKING_RATE), np.int16)
        for p in parts
    ]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SPEAKING_RATE)
        file.writeframes(np.concatenate(pieces).astype("<i2").tobytes())
    return path


async def _say(phrases: Sequence[str], settings: VoiceSettings) -> Iterator[Pcm]:
    voice = EspeakVoice(settings)
    await voice.ready()
    try:
        said: list[Pcm] = []
        for turn, phrase in enumerate(phrases):
            pieces: list[Pcm] = []
            done = asyncio.Event()

            def deliver(
                deliveries: list[Delivery], pieces: list[Pcm] = pieces, done: asyncio.Event = done
            ) -> None:
                for delivery in deliveries:
                    if isinstance(delivery.event, VoiceReady):
                        pieces.append(delivery.event.pcm)
                        if delivery.event.is_last:
                            done.set()

            handle = voice.open(deliver)
            voice.speak(handle, turn, phrase, is_last=True)
            async with asyncio.timeout(20):
                await done.wait()
            voice.close(handle)
            said.append(np.concatenate(pieces))
        return iter(said)
    finally:
        await voice.stop()


def write_camera(path: Path, pictures: Iterable[Picture], fps: int = 15) -> Path:
    """A .y4m file that Chromium shows as its camera, over and over."""
    with path.open("wb") as file:
        for index, picture in enumerate(pictures):
            height, width, _ = picture.shape
            if index == 0:
                file.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
            yuv = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            file.write(b"FRAME\n" + yuv.to_ndarray().tobytes())
    return path


def red_ball(width: int = 640, height: int = 480, frames: int = 15) -> Iterable[Picture]:
    """A red ball on the left of a light wall, trembling a little as a hand does."""
    y, x = np.mgrid[0:height, 0:width]
    for frame in range(frames):
        picture = np.full((height, width, 3), (214, 208, 196), np.uint8)
        centre = width * 0.3 + 6 * np.sin(frame / frames * 2 * np.pi)
        inside = (x - centre) ** 2 + (y - height * 0.55) ** 2 < (height * 0.2) ** 2
        picture[inside] = (205, 60, 50)
        yield picture
