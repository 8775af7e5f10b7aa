"""A question as a person would say it: the shipped voice, at any rate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from visavis.models.voice.espeak import EspeakVoice
from visavis.models.voice.resample import Resampler
from visavis.runtime.events import VoiceReady
from visavis.runtime.frames import SPEAKING_RATE, Pcm
from visavis.runtime.protocols import Delivery
from visavis.runtime.settings import VoiceSettings


def spoken(words: str, rate: int) -> Pcm:
    """The shipped voice says it, at `rate`."""

    async def main() -> Pcm:
        parts: list[Pcm] = []
        done = asyncio.Event()

        def deliver(deliveries: Sequence[Delivery]) -> None:
            for delivery in deliveries:
                if isinstance(delivery.event, VoiceReady):
                    parts.append(delivery.event.pcm)
                    if delivery.event.is_last:
                        done.set()

        voice = EspeakVoice(VoiceSettings())
        await voice.ready()
        voice.speak(voice.open(deliver), 1, words, True)
        async with asyncio.timeout(60):
            await done.wait()
        await voice.stop()
        resampler = Resampler(SPEAKING_RATE, rate)
        samples = np.concatenate(parts).astype(np.float32)
        return np.concatenate([resampler.push(samples), resampler.flush()]).astype(np.int16)

    return asyncio.run(main())
