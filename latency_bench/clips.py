"""The person's sounds: questions and nods spoken by espeak-ng, coughs and knocks made of noise.

A clip knows where its first and last voiced samples are, and its last voiced sample is the last
of a 20 ms packet: when a packet is sent, and when its last sample was said, are then one moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..models.voice.espeak import EspeakVoice
from ..runtime.errors import EngineDied
from ..runtime.events import StageFailed, VoiceReady
from ..runtime.frames import SPEAKING_RATE, Pcm
from ..runtime.protocols import Delivery
from ..runtime.settings import VoiceSettings

PACKET = SPEAKING_RATE // 50
"""Samples of a 20 ms packet."""
PERSON_WPM = 165
PEAK = 0.5
"""A person near a microphone peaks at half of full scale."""
VOICED_DB = -30.0
"""Speech is at most so much quieter than its loudest 5 ms. (ITU-T P.56 is stricter: it counts what
is within 15.9 dB of the mean level of speech.)"""
TRIM_DB = -45.0
"""What is quieter than this before and after a phrase is cut off."""
_FRAME = SPEAKING_RATE // 200
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound of the person, int16 at SPEAKING_RATE, a whole number of packets.

    `first` and `last` are the first and last voiced samples.
    """

    pcm: Pcm
    first: int
    last: int

    @property
    def packets(self) -> int:
        return len(self.pcm) // PACKET


def voiced(pcm: npt.NDArray[np.generic], limit_db: float = VOICED_DB) -> tuple[int, int]:
    """First and last sample not quieter than `limit_db` below the loudest 5 ms. Raises `ValueError`
    for a clip without sound."""
    frames = len(pcm) // _FRAME
    level = np.asarray(pcm[: frames * _FRAME], np.float64).reshape(frames, _FRAME)
    rms = np.sqrt((level**2).mean(axis=1))
    loudest = float(rms.max(initial=0.0))
    if loudest < 1.0:
        raise ValueError(f"a clip of {len(pcm)} samples has no sound in it: say something audible")
    heard = np.flatnonzero(rms > loudest * 10 ** (limit_db / 20))
    return int(heard[0]) * _FRAME, (int(heard[-1]) + 1) * _FRAME - 1


def clip(parts: Sequence[Pcm], pauses_ms: Sequence[int] = ()) -> Clip:
    """Parts of speech, each trimmed, with silences of `pauses_ms` between them."""
    pieces: list[Pcm] = []
    for index, part in enumerate(parts):
        first, last = voiced(part, TRIM_DB)
        if index:
            pieces.append(np.zeros(pauses_ms[index - 1] * SPEAKING_RATE // 1000, np.int16))
        pieces.append(part[first : last + 1])
    joined = np.concatenate(pieces).astype(np.float64)
    joined *= PEAK * 32767 / max(1.0, float(np.abs(joined).max()))
    first, last = voiced(joined)
    lead = -(last + 1) % PACKET
    tail = -(lead + len(joined)) % PACKET
    pcm = np.concatenate([np.zeros(lead), joined, np.zeros(tail)]).astype(np.int16)
    return Clip(pcm, lead + first, lead + last)


def noise(name: str, seed: int = 1) -> Clip:
    """A "cough", a "throat" that is cleared (with voice in it), or a "knock"."""
    dice = np.random.default_rng(seed)
    match name:
        case "cough":  # a burst of breath and a shorter one, both dull
            bursts, smooth = [(0.0, 0.14, 0.045, 1.0), (0.2, 0.1, 0.035, 0.6)], 24
        case "throat":  # the same, through a rough voice in an open mouth
            bursts, smooth = [(0.0, 0.18, 0.09, 1.0), (0.22, 0.14, 0.07, 0.8)], 24
        case "knock":  # two taps on a table
            bursts, smooth = [(0.0, 0.04, 0.008, 1.0), (0.16, 0.04, 0.008, 0.9)], 60
        case _:
            raise ValueError(f"noise is {name!r}: cough, throat and knock can be made")
    out = np.zeros(round(0.38 * SPEAKING_RATE))
    for start, length, decay, level in bursts:
        n = round(length * SPEAKING_RATE)
        raw = dice.standard_normal(n + smooth)
        dull = np.convolve(raw, np.hanning(smooth) / smooth, mode="valid")[:n]
        if name == "throat":
            dull = 0.2 * dull / np.abs(dull).max() + _rough_voice(n, dice)
        at = round(start * SPEAKING_RATE)
        out[at : at + n] += level * dull * np.exp(-np.arange(n) / (decay * SPEAKING_RATE))
    out *= 20_000 / np.abs(out).max()
    return clip([out.astype(np.int16)])


def _rough_voice(samples: int, dice: np.random.Generator) -> npt.NDArray[np.float64]:
    """Glottal pulses of uneven distance through three formants, at most 1 loud."""
    pulses = np.zeros(samples)
    at = 0.0
    while at < samples:
        pulses[int(at)] = 1.0
        at += SPEAKING_RATE / 105 * dice.uniform(0.75, 1.3)
    time = np.arange(SPEAKING_RATE // 25) / SPEAKING_RATE
    mouth = np.zeros(time.size)
    for hertz, width, level in ((650, 90, 1.0), (1150, 110, 0.6), (2500, 160, 0.25)):
        mouth += level * np.exp(-np.pi * width * time) * np.sin(2 * np.pi * hertz * time)
    voiced_part: npt.NDArray[np.float64] = np.convolve(pulses, mouth)[:samples]
    return voiced_part / float(np.abs(voiced_part).max())


async def speak(phrases: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Pcm]:
    """Each (voice, text) as espeak-ng says it. Raises `EngineDied` when it can't."""
    wanted: dict[str, set[str]] = {}
    for voice, text in phrases:
        wanted.setdefault(voice, set()).add(text)
    spoken: dict[tuple[str, str], Pcm] = {}
    for voice, texts in wanted.items():
        engine = EspeakVoice(VoiceSettings(name=voice, rate_wpm=PERSON_WPM))
        await engine.ready()
        try:
            for text in sorted(texts):
                spoken[voice, text] = await _say(engine, text)
        finally:
            await engine.stop()
    return spoken


async def _say(engine: EspeakVoice, text: str) -> Pcm:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    pieces: list[Pcm] = []

    def deliver(deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            match delivery.event:
                case VoiceReady(pcm=pcm, is_last=is_last):
                    pieces.append(pcm)
                    if is_last and not done.done():
                        done.set_result(None)
                case StageFailed(why=why) if not done.done():
                    done.set_exception(EngineDied(f"espeak-ng can't say {text!r}: {why}"))
                case _:
                    pass

    handle = engine.open(deliver)
    try:
        engine.speak(handle, 1, text, True)
        async with asyncio.timeout(_PATIENCE_S):
            await done
    finally:
        engine.close(handle)
    return np.concatenate(pieces)
