"""What else is to be heard while someone speaks: noises of many kinds, and other people's talk.

Everything is generated from a seeded generator; no recording is used.
"""

from collections.abc import Sequence

import numpy as np

from .dsp import RATE, Pcm, Random, level, shape


def _coloured(random: Random, size: int, slope_db_per_octave: float) -> Pcm:
    white = random.standard_normal(size).astype(np.float32)
    octaves = [float(f) for f in (20, 62.5, 125, 250, 500, 1000, 2000, 4000, 8000)]
    gains = [slope_db_per_octave * float(np.log2(f / 1000)) for f in octaves]
    return shape(white, octaves, gains)


def _with_floor(random: Random, sound: Pcm, share: float) -> Pcm:
    return (sound + _coloured(random, sound.size, -3) * share).astype(np.float32)


def _hum(random: Random, size: int) -> Pcm:
    times = np.arange(size) / RATE
    mains = random.choice((50.0, 60.0)) * random.uniform(0.99, 1.01)
    made = np.zeros(size)
    for harmonic in range(1, int(random.integers(4, 16))):
        made += random.uniform(0, 1) / harmonic**0.7 * np.sin(2 * np.pi * mains * harmonic * times)
    return _with_floor(random, made.astype(np.float32), 0.1)


def _fan(random: Random, size: int) -> Pcm:
    made = _coloured(random, size, float(random.uniform(-7, -2)))
    turns = 1 + random.uniform(0.1, 0.6) * np.sin(
        2 * np.pi * random.uniform(3, 40) * np.arange(size) / RATE
    )
    return (made * turns).astype(np.float32)


def _knocks(random: Random, size: int) -> Pcm:
    """Key presses, clicks, claps, things put down."""
    made = np.zeros(size, dtype=np.float32)
    for _ in range(int(random.integers(1, 2 + size // 4000))):
        length = int(random.uniform(0.003, 0.12) * RATE)
        decaying = random.standard_normal(length) * np.exp(np.linspace(0, -6, length))
        hertz = float(random.uniform(200, 4000))
        burst = shape(decaying.astype(np.float32), [0, hertz, 8000], [-20, 0, -20])
        start = int(random.integers(0, max(1, size - length)))
        made[start : start + length] += burst[: size - start] * np.float32(random.uniform(0.2, 1))
    return _with_floor(random, made, 0.01)


def _tones(random: Random, size: int) -> Pcm:
    """Beeps, alarms, ring tones, a sung or played note."""
    times = np.linspace(0, size / RATE, size, endpoint=False)
    made = np.zeros(size)
    for _ in range(int(random.integers(1, 5))):
        start, length = random.uniform(0, size / RATE), random.uniform(0.05, 1.5)
        hertz = float(10 ** random.uniform(2, 3.6))
        inside = (times >= start) & (times < start + length)
        vibrato = np.multiply(np.sin(31 * times), float(random.uniform(0, 5)))
        note = np.sin(2 * np.pi * hertz * times + vibrato)
        made += inside * note * random.uniform(0.2, 1)
    return _with_floor(random, made.astype(np.float32), 0.02)


def _music(random: Random, size: int) -> Pcm:
    """Chords of plucked harmonics on a beat, sometimes with a drum."""
    made = np.zeros(size, dtype=np.float32)
    beat = int(random.uniform(0.15, 0.6) * RATE)
    root = random.uniform(110, 330)
    drum = random.random() < 0.5
    for start in range(0, size, beat):
        length = min(beat * 2, size - start)
        times = np.arange(length) / RATE
        for step in random.choice((0, 2, 4, 5, 7, 9, 11, 12), 3, replace=False):
            hertz = root * 2 ** (step / 12)
            partials = np.arange(1, 7)[:, None]
            note = np.sum(np.sin(2 * np.pi * hertz * partials * times) / partials**1.3, axis=0)
            made[start : start + length] += (note * np.exp(-times * 4)).astype(np.float32)
        if drum:
            hit = random.standard_normal(length) * np.exp(-times * 30) * 3
            made[start : start + length] += hit.astype(np.float32)
    return made


NOISES = ("white", "pink", "brown", "hum", "fan", "knocks", "tones", "music")


def noise(random: Random, size: int, kind: str | None = None) -> Pcm:
    """`size` samples of one kind of noise, of any level; without `kind`, one is drawn."""
    match kind or str(random.choice(NOISES)):
        case "white":
            return _coloured(random, size, 0)
        case "pink":
            return _coloured(random, size, -3)
        case "brown":
            return _coloured(random, size, -6)
        case "hum":
            return _hum(random, size)
        case "fan":
            return _fan(random, size)
        case "knocks":
            return _knocks(random, size)
        case "tones":
            return _tones(random, size)
        case "music":
            return _music(random, size)
        case other:
            raise ValueError(f"noise {other!r} is not one of {', '.join(NOISES)}")


def babble(random: Random, size: int, talkers: Sequence[Pcm]) -> Pcm:
    """Several other utterances at once, each from a random place, as from the next table.

    Always at least four voices: fewer could be followed word by word, and then the model would be
    asked to ignore speech as clear as what it must write down.
    """
    made = np.zeros(size, dtype=np.float32)
    for index in random.integers(0, len(talkers), int(random.integers(4, 9))):
        voice = talkers[int(index)]
        if voice.size == 0:
            continue
        looped = np.resize(np.concatenate([voice, np.zeros(4000, dtype=np.float32)]), size)
        loudness = level(voice)
        if loudness > 0:
            shifted = np.roll(looped, int(random.integers(0, size)))
            made += shifted * np.float32(random.uniform(0.4, 1) / loudness)
    return made
