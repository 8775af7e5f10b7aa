"""Immutable media, as it travels through the runtime. Knows nothing of codecs or sockets.

Two times, and a name says which: `pts` counts samples of media on the sender's clock;
`arrived` is seconds of one monotonic clock, taken when the last packet of the media came in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

HEARING_RATE = 16_000
"""Samples per second of everything that is listened to (mono)."""

SPEAKING_RATE = 48_000
"""Samples per second of everything that is played (mono), the rate Opus runs at."""

WINDOW = 512
"""Samples in one listening window: 32 ms, what Silero VAD and the audio encoder both step by."""

Pcm = npt.NDArray[np.int16]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Mono PCM at `HEARING_RATE`.

    `pts` counts samples since the first audio of the session. `concealed` is how many of the
    samples were invented for lost packets; `gap` how many samples before this chunk were dropped
    and never will come.
    """

    pcm: Pcm  # [N] int16
    pts: int
    arrived: float
    concealed: int = 0
    gap: int = 0


class Pixels(Protocol):
    """A decoded picture that has not been converted yet: judging it costs a view, not a copy."""

    def luma(self) -> Picture:
        """The luma plane, [height, width] uint8; a view, valid as long as the frame."""
        ...

    def rgb(self, width: int, height: int) -> Picture:
        """Scaled by area and converted once, [height, width, 3] uint8. Off the event loop only."""
        ...


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One decoded camera picture. `pts` is in 90 kHz ticks of the sender's clock; `audio_pts` is
    the position in the session's audio that belongs to it (None until both clocks are known)."""

    pixels: Pixels
    width: int
    height: int
    pts: int
    arrived: float
    audio_pts: int | None = None
    source: str = field(default="camera")
