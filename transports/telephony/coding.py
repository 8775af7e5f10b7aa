"""Between a line's bytes and the runtime's samples; runs on the media threads, one job at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ...runtime.frames import HEARING_RATE, SPEAKING_RATE, AudioChunk, Pcm
from .. import g711
from ..playout import NOBODY, Packetizer, Spoken
from ..rates import Resampler
from .line import Audio, Encoding

CONCEALED_MS = 200
"""Lost packets up to so much become silence; a longer hole is a gap in the audio."""


def encoder(encoding: Encoding) -> Callable[[Pcm], bytes]:
    match encoding:
        case Encoding.MULAW:
            return g711.mulaw_encode
        case Encoding.ALAW:
            return g711.alaw_encode
        case Encoding.L16:
            return lambda pcm: pcm.astype("<i2", copy=False).tobytes()


def decoder(encoding: Encoding) -> Callable[[bytes], Pcm]:
    match encoding:
        case Encoding.MULAW:
            return g711.mulaw_decode
        case Encoding.ALAW:
            return g711.alaw_decode
        case Encoding.L16:
            return lambda data: np.frombuffer(data, "<i2").astype(np.int16, copy=False)


@dataclass(slots=True)
class Ear:
    """The caller's bytes to `AudioChunk`s at HEARING_RATE, without a seam from packet to packet."""

    encoding: Encoding
    rate: int
    pts: int = 0
    _resampler: Resampler = field(init=False)
    _decode: Callable[[bytes], Pcm] = field(init=False)

    def __post_init__(self) -> None:
        self._resampler = Resampler(self.rate, HEARING_RATE)
        self._decode = decoder(self.encoding)

    def hear(self, audio: Audio, arrived: float) -> list[AudioChunk]:
        """What one message carried; `arrived` in monotonic seconds."""
        pcm = self._decode(audio.payload)
        missing = audio.lost * len(pcm) + audio.discarded_ms * self.rate // 1000
        gap = concealed = 0
        if missing * 1000 > CONCEALED_MS * self.rate:
            gap = missing * HEARING_RATE // self.rate
        elif missing:
            concealed = missing * HEARING_RATE // self.rate
            pcm = np.concatenate([np.zeros(missing, np.int16), pcm])
        out = self._resampler.feed(pcm)
        self.pts += gap
        if not len(out):
            return []
        chunk = AudioChunk(out, self.pts, arrived, min(concealed, len(out)), gap)
        self.pts += len(out)
        return [chunk]


class Mouth:
    """The agent's samples at SPEAKING_RATE to a line's 20 ms packets."""

    def __init__(self, encoding: Encoding, rate: int) -> None:
        self._encode = encoder(encoding)
        self._rate = rate
        self._key = (0, NOBODY)
        self._resampler = Resampler(SPEAKING_RATE, rate)
        # Every rate has a whole number of samples in 20 ms, so the resampler gives packets alike.
        self._packets = Packetizer(
            lambda pcm: self._encode(self._resampler.feed(pcm)), are_alike=True
        )
        self._tail = np.zeros(-(-self._resampler.delay * SPEAKING_RATE // rate), np.int16)

    def speak(self, epoch: int, turn: int, pcm: Pcm, is_last: bool) -> list[tuple[int, Spoken]]:
        """The packets that are full now, each with its epoch; all of them when `is_last`."""
        if (epoch, turn) != self._key:
            self._key = (epoch, turn)
            self._resampler = Resampler(SPEAKING_RATE, self._rate)
        if is_last:
            pcm = np.concatenate([pcm, self._tail])  # what the filter still holds
        return self._packets.cut(epoch, turn, pcm, is_last)
