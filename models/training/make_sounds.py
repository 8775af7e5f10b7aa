"""Sounds to be noticed and sounds to be left alone, made from seeds.

Beeps, claps, whistles and hums, alone or several in a row, as a microphone in a room hears them; and
what must not be taken for them: music, keys of a telephone, knocks, clicks of lost packets, noise
that comes and goes. Speech comes from the pool of questions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...runtime.sounds import Loudness, Pitch, Sound, SoundKind
from .codec import PACKET, burst_loss, opus_round_trip, telephone_round_trip
from .dsp import RATE, Pcm, Random, convolve, level, shape
from .noises import noise
from .rooms import room_response

HERTZ = {
    (SoundKind.BEEP, Pitch.LOW): (340.0, 800.0),
    (SoundKind.BEEP, Pitch.HIGH): (1150.0, 3200.0),
    (SoundKind.WHISTLE, Pitch.LOW): (750.0, 1150.0),
    (SoundKind.WHISTLE, Pitch.HIGH): (1700.0, 3000.0),
    (SoundKind.HUM, Pitch.LOW): (90.0, 155.0),
    (SoundKind.HUM, Pitch.HIGH): (225.0, 380.0),
}
"""What is low and what is high; between them nothing is made."""
LEVEL_DB = {Loudness.SOFT: (-46.0, -34.0), Loudness.LOUD: (-22.0, -7.0)}
"""Of the loudest 4 ms, full scale 0."""
STEADY = ("white", "pink", "brown", "hum", "fan")
"""Kinds of noise that hold nothing that could be meant as a sound."""
DISTRACTIONS = ("music", "keys", "knocks", "clicks", "bursts", "note", "swells", "glide")


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording at 16 kHz and the sounds in it, with their pts."""

    pcm: Pcm
    sounds: tuple[Sound, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What lies between the sound and the spotter. `snr_db`: of the softest sound, where it is."""

    snr_db: float = np.inf
    room_s: float = 0.0
    noises: tuple[str, ...] = STEADY
    telephone: bool = False
    opus: bool = False
    loss: float = 0.0


def _times(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.arange(int(seconds * RATE)) / RATE


def _fade(size: int, rise_s: float, fall_s: float) -> Pcm:
    """1 in the middle, raised cosines at both ends."""
    gain = np.ones(size)
    rise, fall = min(size // 2, int(rise_s * RATE)), min(size // 2, int(fall_s * RATE))
    if rise:
        gain[:rise] = 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    if fall:
        gain[-fall:] = 0.5 + 0.5 * np.cos(np.pi * np.arange(fall) / fall)
    return gain.astype(np.float32)


def _log_uniform(random: Random, low: float, high: float) -> float:
    return math.exp(random.uniform(math.log(low), math.log(high)))


def _wander(random: Random, size: int, steps_s: float) -> Pcm:
    """A slow random curve of mean 0 and size 1."""
    count = max(3, int(size / RATE / steps_s) + 2)
    curve = np.interp(np.linspace(0, count - 1, size), range(count), random.standard_normal(count))
    return np.asarray(curve, np.float32)


def beep(random: Random, hertz: float) -> Pcm:
    """A machine's: one pitch, on and off at once; a sine or a few harmonics of it."""
    times = _times(_log_uniform(random, 0.07, 0.7))
    made = np.sin(2 * np.pi * hertz * times)
    timbre = random.random()
    for harmonic in range(2, 8):
        if hertz * harmonic > 7000:
            break
        if timbre < 0.3 and harmonic % 2:
            made += np.sin(2 * np.pi * hertz * harmonic * times) / harmonic
        elif timbre < 0.5:
            made += random.uniform(0, 0.5) / harmonic * np.sin(2 * np.pi * hertz * harmonic * times)
    edge = _log_uniform(random, 0.0005, 0.012)
    return (made * _fade(times.size, edge, edge)).astype(np.float32)


def clap(random: Random) -> Pcm:
    """Two hands: noise from nothing to its loudest within a millisecond or two, soon gone."""
    decay_s = _log_uniform(random, 0.0025, 0.014)
    times = _times(decay_s * 9)
    burst = random.standard_normal(times.size) * np.exp(-times / decay_s)
    burst *= 1 - np.exp(-times / random.uniform(0.0001, 0.0012))
    if random.random() < 0.4:  # the hands do not meet everywhere at once
        late = int(random.uniform(0.001, 0.006) * RATE)
        burst[late:] += burst[: burst.size - late] * random.uniform(0.3, 1)
    middle = _log_uniform(random, 700, 2400)
    low_db, high_db = random.uniform(-22, -8), random.uniform(-20, -6)
    points = [0.0, 150.0, middle, min(7800.0, middle * 3), 8000.0]
    return shape(burst.astype(np.float32), points, [-40.0, low_db, 0.0, high_db, high_db - 6])


def whistle(random: Random, hertz: float) -> Pcm:
    """A person's: nearly a sine, but it swells, wavers or glides, and breath is in it."""
    times = _times(_log_uniform(random, 0.2, 1.4))
    size = times.size
    curve = _wander(random, size, 0.12) * random.uniform(0.08, 0.3)  # semitones
    curve += (
        random.uniform(0.1, 0.6)
        * (random.random() < 0.4)
        * np.sin(2 * np.pi * random.uniform(4, 7) * times)
    )
    if random.random() < 0.5:
        curve += np.linspace(-1, 1, size) * random.uniform(-3, 3)
    begin = random.uniform(0.5, 3) * np.exp(-times / random.uniform(0.02, 0.06))
    curve -= begin * (random.random() < 0.7)
    track = hertz * 2 ** (curve / 12)
    phase = 2 * np.pi * np.cumsum(track) / RATE
    made = np.sin(phase) + random.uniform(0, 0.08) * np.sin(2 * phase)
    breath = shape(
        random.standard_normal(size).astype(np.float32),
        [0.0, hertz * 0.5, hertz, min(7500.0, hertz * 1.6), 8000.0],
        [-40.0, -18.0, 0.0, -12.0, -20.0],
    )
    made += breath * 10 ** (random.uniform(-32, -16) / 20)
    swell = 1 + 0.18 * _wander(random, size, 0.15)
    edges = _fade(size, random.uniform(0.02, 0.09), random.uniform(0.03, 0.12))
    return np.asarray(made * np.clip(swell, 0.4, 2) * edges, np.float32)


def hum(random: Random, hertz: float) -> Pcm:
    """A person's with the mouth closed: a held note, hardly anything above a kilohertz."""
    times = _times(_log_uniform(random, 0.35, 2.0))
    size = times.size
    curve = _wander(random, size, 0.1) * random.uniform(0.05, 0.3)
    curve += random.uniform(0, 0.4) * np.sin(2 * np.pi * random.uniform(4, 6.5) * times)
    curve += np.linspace(-1, 1, size) * random.uniform(-1.2, 1.2)
    phase = 2 * np.pi * np.cumsum(hertz * 2 ** (curve / 12)) / RATE
    made = np.zeros(size)
    nasal, steep = random.uniform(220, 380), random.uniform(1.2, 2.4)
    for harmonic in range(1, 24):
        middle = hertz * harmonic
        if middle > 3800:
            break
        gain = harmonic**-steep * (1 + 1.5 * np.exp(-(((middle - nasal) / 120) ** 2)))
        gain *= 1 - random.uniform(0.3, 0.9) * np.exp(-(((middle - 800) / 250) ** 2))
        gain *= random.uniform(0.6, 1.2)
        made += gain * np.sin(harmonic * phase + random.uniform(0, 6.28))
    made += 0.01 * random.standard_normal(size) * np.abs(made).max()
    swell = 1 + 0.2 * _wander(random, size, 0.2)
    edges = _fade(size, random.uniform(0.03, 0.15), random.uniform(0.05, 0.2))
    return np.asarray(made * np.clip(swell, 0.4, 2) * edges, np.float32)


def loudest(audio: Pcm) -> float:
    """Root mean square of the loudest 4 ms."""
    blocks = audio[: audio.size // 64 * 64].reshape(-1, 64)
    return float(np.sqrt(np.square(blocks).mean(axis=1).max())) if blocks.size else 0.0


def sound(random: Random, kind: SoundKind, loudness: Loudness, pitch: Pitch | None) -> Pcm:
    """One sound, dry, at a level that is loud or soft. A clap's pitch is None."""
    if kind is SoundKind.CLAP or pitch is None:
        made = clap(random)
    else:
        hertz = _log_uniform(random, *HERTZ[kind, pitch])
        makers = {SoundKind.BEEP: beep, SoundKind.WHISTLE: whistle, SoundKind.HUM: hum}
        made = makers[kind](random, hertz)
    gain = 10 ** (random.uniform(*LEVEL_DB[loudness]) / 20) / max(loudest(made), 1e-9)
    return made * np.float32(min(gain, 0.98 / float(np.abs(made).max())))


def in_a_row(random: Random, kind: SoundKind, count: int, line: Line) -> Clip:
    """`count` sounds of a kind, each of its own level and pitch, at least 0.15 s apart."""
    loudness = Loudness(str(random.choice(tuple(Loudness))))
    pieces: list[Pcm] = [np.zeros(int(random.uniform(0.6, 1.0) * RATE), np.float32)]
    sounds: list[Sound] = []
    at = pieces[0].size
    for _ in range(count):
        pitch = None
        if kind is not SoundKind.CLAP:
            pitch = Pitch(str(random.choice(tuple(Pitch))))
        made = sound(random, kind, loudness, pitch)
        gap = np.zeros(int(random.uniform(0.15, 0.6) * RATE), np.float32)
        sounds.append(Sound(kind, loudness, pitch, at, at + made.size))
        pieces += [made, gap]
        at += made.size + gap.size
    pieces.append(np.zeros(RATE // 2, np.float32))
    whole = np.concatenate(pieces)
    softest = min((level(piece) for piece in pieces[1:-1:2]), default=0.0)
    return Clip(through(random, whole, line, softest), tuple(sounds))


def through(random: Random, dry: Pcm, line: Line, sounding: float) -> Pcm:
    """`dry` as it arrives over a line. The noise is `line.snr_db` below the level `sounding`."""
    made = dry
    if line.room_s > 0:
        made = convolve(made, room_response(random, line.room_s))
    if np.isfinite(line.snr_db):
        around = noise(random, made.size, str(random.choice(line.noises)))
        around /= np.float32(np.sqrt(np.mean(np.square(around))) + 1e-9)
        made = made + around * np.float32(sounding * 10 ** (-line.snr_db / 20))
    made = made + random.standard_normal(made.size).astype(np.float32) * np.float32(
        10 ** (-random.uniform(66, 90) / 20)
    )
    made = np.clip(made, -1, 1).astype(np.float32)
    if line.telephone:
        made = telephone_round_trip(made, burst_loss(random, made.size // 320, line.loss))
    elif line.opus:
        lost = burst_loss(random, made.size // PACKET + 5, line.loss)
        made = opus_round_trip(made, int(random.integers(16, 33)) * 1000, lost)
    return made


def any_line(random: Random) -> Line:
    """A line to train on."""
    draw = random.random()
    return Line(
        snr_db=float(8 + 27 * random.random() ** 2) if random.random() < 0.8 else np.inf,
        room_s=float(random.uniform(0.1, 0.7)) if random.random() < 0.6 else 0.0,
        telephone=draw < 0.25,
        opus=0.25 <= draw < 0.4,
        loss=0.02 if random.random() < 0.3 else 0.0,
    )


# --- what must be left alone ----------------------------------------------------------------------

_KEYS_LOW, _KEYS_HIGH = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0, 1633.0)


def keys(random: Random, seconds: float) -> Pcm:
    """Somebody dials: pairs of tones (DTMF), and what a line says (dial, busy and ring tones)."""
    made = np.zeros(int(seconds * RATE), np.float32)
    at = 0.3
    line = ((350.0, 440.0), (480.0, 620.0), (440.0, 480.0))[int(random.integers(3))]
    is_keys = random.random() < 0.7
    while at < seconds - 0.3:
        pair = line
        if is_keys:
            pair = (float(random.choice(_KEYS_LOW)), float(random.choice(_KEYS_HIGH)))
        times = _times(random.uniform(0.05, 0.3) if is_keys else 0.5)
        tilt = 10 ** (random.uniform(-4, 4) / 20)
        tone = np.sin(2 * np.pi * pair[0] * times) + tilt * np.sin(2 * np.pi * pair[1] * times)
        start = int(at * RATE)
        part = (tone * _fade(times.size, 0.002, 0.002)).astype(np.float32)
        made[start : start + part.size] += part[: made.size - start]
        at += times.size / RATE + (random.uniform(0.05, 0.4) if is_keys else 0.5)
    return made


def knocks(random: Random, seconds: float) -> Pcm:
    """Keyboards, things put down, doors: too short, too dull or too slow for two hands."""
    made = np.zeros(int(seconds * RATE), np.float32)
    for _ in range(int(random.integers(2, 9))):
        which = random.random()
        if which < 0.4:  # a key: a millisecond or two, high
            decay, low, high = random.uniform(0.0003, 0.0012), 2500.0, 6000.0
        elif which < 0.8:  # a thud
            decay, low, high = random.uniform(0.01, 0.05), 60.0, 300.0
        else:  # rustling, a drawer
            decay, low, high = random.uniform(0.06, 0.2), 300.0, 3000.0
        times = _times(decay * 8 + 0.002)
        burst = random.standard_normal(times.size) * np.exp(-times / decay)
        if which >= 0.8:
            burst *= 1 - np.exp(-times / 0.03)
        middle = _log_uniform(random, low, high)
        points = [0.0, middle / 2, middle, min(7500.0, middle * 2), 8000.0]
        part = shape(burst.astype(np.float32), points, [-50, -24, 0, -24, -50])
        part *= np.float32(random.uniform(0.2, 1) / max(loudest(part), 1e-6))
        start = int(random.integers(0, max(1, made.size - part.size)))
        made[start : start + part.size] += part[: made.size - start]
    return made


def clicks(random: Random, seconds: float) -> Pcm:
    """What lost packets leave: jumps to silence and back, spikes of a few samples."""
    size = int(seconds * RATE)
    carrier = noise(random, size, str(random.choice(STEADY)))
    carrier = (
        carrier / np.float32(loudest(carrier) + 1e-9) * np.float32(10 ** random.uniform(-2, -1))
    )
    for _ in range(int(random.integers(2, 10))):
        start = int(random.integers(0, size - 1000))
        if random.random() < 0.5:
            carrier[start : start + PACKET * int(random.integers(1, 4))] = 0
        else:
            carrier[start : start + int(random.integers(1, 12))] += random.choice((-0.5, 0.5))
    return np.asarray(carrier, np.float32)


def bursts(random: Random, seconds: float) -> Pcm:
    """Breaths, coughs, clothes on a microphone: noise that comes in gulps."""
    made = np.zeros(int(seconds * RATE), np.float32)
    for _ in range(int(random.integers(2, 6))):
        length = random.uniform(0.08, 0.6)
        part = noise(random, int(length * RATE), str(random.choice(("white", "pink", "brown"))))
        middle = _log_uniform(random, 250, 3500)
        part = shape(
            part, [0, middle / 3, middle, min(7500, middle * 2.5), 8000], [-30, -15, 0, -15, -30]
        )
        part *= _fade(part.size, random.uniform(0.015, 0.1), random.uniform(0.04, 0.3))
        part *= np.float32(random.uniform(0.2, 1) / max(loudest(part), 1e-6))
        start = int(random.integers(0, max(1, made.size - part.size)))
        made[start : start + part.size] += part[: made.size - start]
    return made


def note(random: Random, seconds: float) -> Pcm:
    """An instrument, one note at a time: struck or plucked, it fades from its beginning on."""
    made = np.zeros(int(seconds * RATE), np.float32)
    at = 0.2
    while at < seconds - 0.4:
        hertz = 110 * 2 ** (int(random.integers(0, 37)) / 12)
        times = _times(random.uniform(0.3, 1.2))
        part = np.zeros(times.size)
        for harmonic in range(1, 9):
            if hertz * harmonic < 7000:
                gain = random.uniform(0.4, 1) / harmonic ** random.uniform(0.7, 1.6)
                fading = np.exp(-times * random.uniform(3, 9) * (1 + harmonic / 4))
                part += gain * fading * np.sin(2 * np.pi * hertz * harmonic * times)
        start = int(at * RATE)
        made[start : start + part.size] += part[: made.size - start].astype(np.float32)
        at += random.uniform(0.15, 0.6)
    return made


def swells(random: Random, seconds: float) -> Pcm:
    """Steady noise that gets louder and softer: traffic, wind, a mains hum that is switched."""
    size = int(seconds * RATE)
    made = noise(random, size, str(random.choice(STEADY)))
    curve = 10 ** (_wander(random, size, random.uniform(0.15, 0.8)) * random.uniform(3, 10) / 20)
    if random.random() < 0.4:
        curve[: int(random.uniform(0.3, 0.7) * size)] *= 0.05
    return (made * curve).astype(np.float32)


def glide(random: Random, seconds: float) -> Pcm:
    """A siren or an engine: a tone with harmonics that moves far and never rests."""
    times = _times(seconds)
    curve = 9 * np.sin(2 * np.pi * random.uniform(0.15, 0.8) * times + random.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(random.uniform(300, 1200) * 2 ** (curve / 12)) / RATE
    made = sum(random.uniform(0.2, 1) / n * np.sin(n * phase) for n in range(1, 6))
    return np.asarray(made, np.float32)


def distraction(random: Random, kind: str, seconds: float) -> Pcm:
    """`seconds` of one of `DISTRACTIONS`, dry, of any level."""
    if kind == "music":
        made = noise(random, int(seconds * RATE), "music")
    else:
        makers = {"keys": keys, "knocks": knocks, "clicks": clicks, "bursts": bursts,
                  "note": note, "swells": swells, "glide": glide}  # fmt: skip
        if kind not in makers:
            raise ValueError(f"distraction {kind!r} is not one of {', '.join(DISTRACTIONS)}")
        made = makers[kind](random, seconds)
    gain = 10 ** (random.uniform(-45, -7) / 20) / max(loudest(made), 1e-9)
    return made * np.float32(min(gain, 0.98 / max(float(np.abs(made).max()), 1e-9)))


def distracted(random: Random, kind: str, seconds: float, line: Line) -> Clip:
    """A distraction over a line: nothing in it is to be noticed."""
    made = distraction(random, kind, seconds)
    return Clip(through(random, made, line, level(made)), ())


def mixed(random: Random, clips: Sequence[Clip]) -> Clip:
    """One after the other."""
    sounds: list[Sound] = []
    at = 0
    for clip in clips:
        sounds += [
            replace(s, start_pts=s.start_pts + at, end_pts=s.end_pts + at) for s in clip.sounds
        ]
        at += clip.pcm.size
    return Clip(np.concatenate([clip.pcm for clip in clips]), tuple(sounds))
