"""What happens to speech between a mouth and the model: room, noise, other talkers, codec, gain.

Every effect takes float32 audio at 16 kHz and a seeded generator, and is a pure function of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .codec import PACKET, burst_loss, opus_round_trip
from .dsp import RATE, Pcm, Random, convolve, level, shape
from .noises import babble, noise

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


def room_response(random: Random, rt60_s: float) -> Pcm:
    """A synthetic impulse response: the direct sound, a few early reflections, a decaying tail.

    `rt60_s` is the time the tail takes to fall by 60 dB. The direct sound is at sample 0, so
    nothing moves in time.
    """
    size = int(rt60_s * RATE)
    times = np.arange(size) / RATE
    rough = random.standard_normal(size) * 10 ** (-3 * times / rt60_s)
    gap = int(random.uniform(0.002, 0.015) * RATE)  # nothing is heard before the nearest wall
    rough[: min(gap, size)] = 0
    reflections = random.integers(3, 9)
    for delay in random.uniform(0.001, 0.04, reflections):
        place = int(delay * RATE)
        if 0 < place < size:
            rough[place] += random.choice((-1, 1)) * random.uniform(1, 4) * 10 ** (-delay * 25)
    dull_db = float(random.uniform(3, 15))  # walls take the high sounds first
    tail = shape(rough.astype(np.float32), [0, 150, 3000, 8000], [-6, 0, 0, -dull_db])
    direct_to_tail_db = random.uniform(0, 16)
    tail *= np.float32(10 ** (-direct_to_tail_db / 20) / (np.linalg.norm(tail) + 1e-9))
    tail[0] += 1.0
    return tail


def band_limit(random: Random, audio: Pcm) -> Pcm:
    """A telephone line, or a microphone that hears no high sounds."""
    if random.random() < 0.5:
        return shape(audio, [0, 200, 320, 3300, 3600, 8000], [-60, -30, 0, 0, -40, -80])
    top = float(random.uniform(2800, 6500))
    return shape(audio, [0, top, top * 1.15, 8000], [0, 0, -40, -60])


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
        tilt = float(random.uniform(-8, 8))
        audio = shape(audio, [0, 200, 1000, 7000], [-tilt / 2, -tilt / 2, 0, tilt])
    if random.random() < conditions.room:
        audio = convolve(audio, room_response(random, float(random.uniform(*conditions.rt60_s))))
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
            snr_db = float(random.uniform(*conditions.snr_db))
            audio = audio + around * np.float32(level(audio) * 10 ** (-snr_db / 20))
        else:
            audio = around * np.float32(SPEECH_LEVEL * 10 ** (-random.uniform(0, 35) / 20))
    if random.random() < conditions.band:
        audio = band_limit(random, audio)
    gain = 10 ** (random.uniform(*conditions.gain_db) / 20)
    peak = float(np.abs(audio).max())
    if random.random() < conditions.clip and peak > 0:
        overdriven = np.clip(audio * np.float32(random.uniform(1.5, 5) / peak), -1, 1)
        audio = overdriven * np.float32(min(1.0, gain))
    else:
        audio = audio * np.float32(min(gain, 0.97 / (peak + 1e-9)))
    if random.random() < conditions.codec:
        lost = burst_loss(random, audio.size // PACKET + 5, float(random.uniform(0, 0.06)))
        audio = opus_round_trip(audio, int(random.integers(8, 33)) * 1000, lost)
    # a converter's own noise: silence is never all zeros from a real microphone
    floor = random.standard_normal(audio.size) * 10 ** (-random.uniform(66, 90) / 20)
    return (audio + floor).astype(np.float32), snr_db
