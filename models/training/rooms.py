"""What happens to speech between a mouth and the model: room, noise, other talkers, codec, gain.

Every effect takes float32 audio at 16 kHz and a seeded generator, and is a pure function of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from .dsp import RATE, Pcm, convolve, from_int16, level, resample, shape, to_int16

Random = np.random.Generator

SPEECH_LEVEL = 10 ** (-20 / 20)
"""Level of the sounding part of an utterance before gain, full scale 1.0."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How likely each effect is, and how strong."""

    room: float = 0.4
    noise: float = 0.6
    codec: float = 0.2
    band: float = 0.1
    clip: float = 0.05
    rt60_s: tuple[float, float] = (0.1, 0.6)
    snr_db: tuple[float, float] = (5.0, 35.0)
    gain_db: tuple[float, float] = (-25.0, 6.0)


HARD = Conditions()
"""What the model is trained on."""
MILD = Conditions(
    room=0.4,
    noise=0.7,
    codec=0.2,
    band=0.0,
    clip=0.0,
    rt60_s=(0.1, 0.35),
    snr_db=(15.0, 35.0),
    gain_db=(-12.0, 3.0),
)
"""A laptop in an ordinary room: the augmented half of the test sets."""
CLEAN = Conditions(room=0, noise=0, codec=0, band=0, clip=0, gain_db=(-6.0, 0.0))
"""The engine's own sound, at slightly different levels."""


# --- room --------------------------------------------------------------------------------------


def room_response(random: Random, rt60_s: float) -> Pcm:
    """A synthetic impulse response: the direct sound, a few early reflections, a decaying tail.

    `rt60_s` is the time the tail takes to fall by 60 dB. The direct sound is at sample 0, so
    nothing moves in time.
    """
    size = int(rt60_s * RATE)
    times = np.arange(size) / RATE
    tail = random.standard_normal(size) * 10 ** (-3 * times / rt60_s)
    gap = int(random.uniform(0.002, 0.015) * RATE)  # nothing is heard before the nearest wall
    tail[: min(gap, size)] = 0
    reflections = random.integers(3, 9)
    for delay in random.uniform(0.001, 0.04, reflections):
        place = int(delay * RATE)
        if 0 < place < size:
            tail[place] += random.choice((-1, 1)) * random.uniform(1, 4) * 10 ** (-delay * 25)
    tail = shape(tail.astype(np.float32), [0, 150, 3000, 8000], [-6, 0, 0, -random.uniform(3, 15)])
    direct_to_tail_db = random.uniform(0, 16)
    tail *= 10 ** (-direct_to_tail_db / 20) / (np.sqrt(np.sum(np.square(tail))) + 1e-9)
    tail[0] += 1.0
    return tail


# --- noise -------------------------------------------------------------------------------------


def _coloured(random: Random, size: int, slope_db_per_octave: float) -> Pcm:
    white = random.standard_normal(size).astype(np.float32)
    octaves = [float(f) for f in (20, 62.5, 125, 250, 500, 1000, 2000, 4000, 8000)]
    gains = [slope_db_per_octave * float(np.log2(f / 1000)) for f in octaves]
    return shape(white, octaves, gains)


def _hum(random: Random, size: int) -> Pcm:
    times = np.arange(size) / RATE
    mains = random.choice((50.0, 60.0)) * random.uniform(0.99, 1.01)
    made = np.zeros(size)
    for harmonic in range(1, int(random.integers(4, 16))):
        made += random.uniform(0, 1) / harmonic**0.7 * np.sin(2 * np.pi * mains * harmonic * times)
    return made.astype(np.float32) + 0.1 * _coloured(random, size, -3)


def _fan(random: Random, size: int) -> Pcm:
    made = _coloured(random, size, random.uniform(-7, -2))
    turns = 1 + random.uniform(0.1, 0.6) * np.sin(
        2 * np.pi * random.uniform(3, 40) * np.arange(size) / RATE
    )
    return (made * turns).astype(np.float32)


def _knocks(random: Random, size: int) -> Pcm:
    """Key presses, clicks, claps, things put down."""
    made = np.zeros(size, dtype=np.float32)
    for _ in range(int(random.integers(1, 2 + size // 4000))):
        length = int(random.uniform(0.003, 0.12) * RATE)
        burst = random.standard_normal(length) * np.exp(-np.arange(length) / length * 6)
        burst = shape(burst.astype(np.float32), [0, random.uniform(200, 4000), 8000], [-20, 0, -20])
        start = int(random.integers(0, max(1, size - length)))
        made[start : start + length] += burst[: size - start] * random.uniform(0.2, 1)
    return made + 0.01 * _coloured(random, size, -3)


def _tones(random: Random, size: int) -> Pcm:
    """Beeps, alarms, ring tones, a sung or played note."""
    times = np.arange(size) / RATE
    made = np.zeros(size)
    for _ in range(int(random.integers(1, 5))):
        start, length = random.uniform(0, size / RATE), random.uniform(0.05, 1.5)
        hertz = float(np.exp(random.uniform(np.log(100), np.log(4000))))
        inside = (times >= start) & (times < start + length)
        note = np.sin(2 * np.pi * hertz * times + random.uniform(0, 5) * np.sin(31 * times))
        made += inside * note * random.uniform(0.2, 1)
    return made.astype(np.float32) + 0.02 * _coloured(random, size, -3)


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
            note = sum(np.sin(2 * np.pi * hertz * k * times) / k**1.3 for k in range(1, 7))
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


# --- line --------------------------------------------------------------------------------------


def opus_round_trip(audio: Pcm, bits_per_second: int, lost: Sequence[bool] = ()) -> Pcm:
    """Through libopus and back, 20 ms packets, of which those marked in `lost` never arrive.

    A gap is filled as a jitter buffer fills it: the last packet again, fading to silence over
    three packets. The result is as long as `audio` and not shifted.
    """
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate = RATE
    encoder.layout = "mono"
    encoder.format = av.AudioFormat("s16")
    encoder.bit_rate = bits_per_second
    encoder.time_base = Fraction(1, RATE)
    encoder.options = {"application": "voip", "compression_level": "3"}
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    padded = np.concatenate([audio, np.zeros(1600, dtype=np.float32)])
    padded = padded[: padded.size // 320 * 320]
    frame = av.AudioFrame.from_ndarray(to_int16(padded)[None], format="s16", layout="mono")
    frame.sample_rate = RATE
    frame.pts = 0
    pieces: list[NDArray[np.int16]] = []
    last, gone = np.zeros(960, dtype=np.int16), 0
    for place, packet in enumerate([*encoder.encode(frame), *encoder.encode(None)]):
        if place < len(lost) and lost[place]:
            gone += 1
            last = (last * max(0.0, 1 - gone / 3)).astype(np.int16)
            pieces.append(last)
            continue
        gone = 0
        for out in decoder.decode(packet):
            decoded = out.to_ndarray()
            mono = decoded.reshape(-1, len(out.layout.channels))[:, 0]
            if mono.dtype != np.int16:
                mono = to_int16(mono.astype(np.float32))
            last = mono if mono.size >= 960 else last
            pieces.append(mono)
    heard = resample(from_int16(np.concatenate(pieces)), RATE / 48_000)
    late = 104  # libopus looks 6.5 ms ahead
    heard = heard[late : late + audio.size]
    return np.pad(heard, (0, audio.size - heard.size))


def burst_loss(random: Random, packets: int, rate: float) -> list[bool]:
    """A Gilbert channel: losses come in bursts of two packets on average; `rate` of all are lost."""
    lost, now = [False] * packets, False
    for place in range(packets):
        now = random.random() < (0.5 if now else rate * 0.5 / (1 - rate))
        lost[place] = now
    return lost


def band_limit(random: Random, audio: Pcm) -> Pcm:
    """A telephone line, or a microphone that hears no high sounds."""
    if random.random() < 0.5:
        return shape(audio, [0, 200, 320, 3300, 3600, 8000], [-60, -30, 0, 0, -40, -80])
    top = random.uniform(2800, 6500)
    return shape(audio, [0, top, top * 1.15, 8000], [0, 0, -40, -60])


# --- all of it ---------------------------------------------------------------------------------


def record(
    random: Random, speech: Pcm, conditions: Conditions, talkers: Sequence[Pcm]
) -> tuple[Pcm, float]:
    """`speech` as a microphone would deliver it, and its signal-to-noise ratio in dB (inf: clean).

    0.1 to 0.5 s of room before and 0.5 to 0.8 s after are added. With nothing in `speech` the
    result is noise alone and the ratio is -inf.
    """
    lead, trail = random.uniform(0.1, 0.5), random.uniform(0.5, 0.8)
    audio = np.pad(speech, (int(lead * RATE), int(trail * RATE)))
    spoken = level(speech)
    if spoken > 0:
        audio *= np.float32(SPEECH_LEVEL / spoken)
    if spoken > 0 and random.random() < 0.3:  # microphones and mouths differ in colour
        tilt = random.uniform(-8, 8)
        audio = shape(audio, [0, 200, 1000, 7000], [-tilt / 2, -tilt / 2, 0, tilt])
    if random.random() < conditions.room:
        audio = convolve(audio, room_response(random, random.uniform(*conditions.rt60_s)))
    snr_db = float("inf") if spoken > 0 else float("-inf")
    if spoken == 0 or random.random() < conditions.noise:
        if talkers and spoken > 0 and random.random() < 0.3:
            around = babble(random, audio.size, talkers)
        else:
            around = noise(random, audio.size)
            if random.random() < 0.3:
                around = around / (level(around) + 1e-9)
                other = noise(random, audio.size)
                around += other / (level(other) + 1e-9) * np.float32(random.uniform(0.2, 1))
        around /= np.float32(np.sqrt(np.mean(np.square(around))) + 1e-9)
        if spoken > 0:
            snr_db = random.uniform(*conditions.snr_db)
            audio = audio + around * np.float32(level(audio) * 10 ** (-snr_db / 20))
        else:
            audio = around * np.float32(SPEECH_LEVEL * 10 ** (-random.uniform(0, 35) / 20))
    if random.random() < conditions.band:
        audio = band_limit(random, audio)
    gain = 10 ** (random.uniform(*conditions.gain_db) / 20)
    peak = float(np.abs(audio).max())
    if random.random() < conditions.clip and peak > 0:
        audio = np.clip(audio * random.uniform(1.5, 5) / peak, -1, 1) * min(1.0, gain)
    else:
        audio = audio * min(gain, 0.97 / (peak + 1e-9))
    audio = audio.astype(np.float32)
    if random.random() < conditions.codec:
        lost = burst_loss(random, audio.size // 320 + 5, float(random.uniform(0, 0.06)))
        audio = opus_round_trip(audio, int(random.integers(8, 33)) * 1000, lost)
    # a converter's own noise: silence is never all zeros from a real microphone
    audio = audio + np.float32(10 ** (-random.uniform(66, 90) / 20)) * random.standard_normal(
        audio.size, dtype=np.float32
    )
    return audio, snr_db
