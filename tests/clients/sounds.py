"""What the tests' person says, in the formats that clients send."""

from __future__ import annotations

import asyncio
import functools

import numpy as np

from visavis.latency_bench.clips import clip, speak
from visavis.runtime.frames import SPEAKING_RATE, Pcm
from visavis.transports.rates import Resampler

QUESTION = "What can you do?"
RATE = 24_000
SILENCE_S = 1.6
"""After the question: any pause that ends a turn is shorter."""


@functools.cache
def question() -> bytes:
    """The question as espeak-ng asks it, with silence around: 16-bit PCM at 24 kHz."""
    spoken = asyncio.run(speak([("en-gb-x-rp", QUESTION)]))
    asked = clip([spoken["en-gb-x-rp", QUESTION]]).pcm
    resampler = Resampler(SPEAKING_RATE, RATE)
    pcm: Pcm = np.concatenate([resampler.feed(asked), resampler.flush()])
    before = np.zeros(RATE // 2, np.int16)
    after = np.zeros(round(SILENCE_S * RATE), np.int16)
    return np.concatenate([before, pcm, after]).astype("<i2").tobytes()


def pieces(data: bytes, milliseconds: int = 100) -> list[bytes]:
    """As a microphone would deliver it."""
    step = RATE * 2 * milliseconds // 1000
    return [data[at : at + step] for at in range(0, len(data), step)]
