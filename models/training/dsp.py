"""Plain signal arithmetic on float32 mono arrays, shared by the voices and the rooms.

Everything works on a whole utterance at once with FFTs, which at a few seconds of audio costs
about a millisecond; nothing here streams.
"""

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Sample rate of everything the recipe trains on, in hertz."""

Pcm = NDArray[np.float32]
"""Mono audio, full scale is 1.0."""

Random = np.random.Generator


def good_size(samples: int) -> int:
    """The next multiple of 1024 at or above `samples`, a length FFTs are quick at."""
    return max(1024, -(-samples // 1024) * 1024)


def resample(audio: Pcm, ratio: float) -> Pcm:
    """Stretch `audio` to about `len(audio) * ratio` samples, band-limited to what both rates hold."""
    if ratio == 1.0 or audio.size == 0:
        return audio
    size = good_size(audio.size + 512)
    out = round(size * ratio / 64) * 64
    spectrum = np.fft.rfft(audio, size)
    bins = out // 2 + 1
    kept = np.zeros(bins, dtype=np.complex128)
    common = min(bins, spectrum.size)
    kept[:common] = spectrum[:common]
    edge = max(1, common // 50)  # a soft edge keeps the ringing of the brick wall short
    kept[common - edge : common] *= np.linspace(1.0, 0.0, edge)
    stretched = np.fft.irfft(kept, out) * (out / size)
    return stretched[: round(audio.size * out / size)].astype(np.float32)


def convolve(audio: Pcm, response: Pcm) -> Pcm:
    """`audio` through `response`, cut to the length of `audio`."""
    size = good_size(audio.size + response.size)
    product = np.fft.rfft(audio, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: audio.size].astype(np.float32)


def shape(audio: Pcm, hertz: list[float], gain_db: list[float]) -> Pcm:
    """`audio` with its spectrum raised or lowered along straight lines through the given points."""
    size = good_size(audio.size + 1024)
    spectrum = np.fft.rfft(audio, size)
    gain = np.interp(np.fft.rfftfreq(size, 1 / RATE), hertz, gain_db)
    return np.fft.irfft(spectrum * 10 ** (gain / 20), size)[: audio.size].astype(np.float32)


def level(audio: Pcm) -> float:
    """Root mean square of the part that sounds: 10 ms frames within 30 dB of the loudest one."""
    frames = audio[: audio.size // 160 * 160].reshape(-1, 160)
    if frames.size == 0:
        return 0.0
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    loud = power[power >= power.max() * 1e-3]
    return float(np.sqrt(loud.mean()))


def to_int16(audio: Pcm) -> NDArray[np.int16]:
    """Full scale 1.0 becomes 32767; what lies beyond is clipped."""
    whole: NDArray[np.int16] = np.clip(np.rint(audio * 32767.0), -32768, 32767).astype(np.int16)
    return whole


def from_int16(audio: NDArray[np.int16]) -> Pcm:
    """The inverse of `to_int16`."""
    return audio.astype(np.float32) / 32768.0
