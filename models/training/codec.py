"""Voice calls' lines: Opus at a low bitrate with packets that never arrive, and the telephone."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from .dsp import RATE, Pcm, Random, from_int16, resample, shape, to_int16

PACKET = RATE // 50
"""Samples in one 20 ms packet at 16 kHz."""
_PACKET_48K = 960
_LOOKAHEAD = 104  # libopus is 6.5 ms late, in samples at 16 kHz


def _encode(encoder: Any, frame: av.AudioFrame) -> list[Any]:
    # PyAV's Packet is generic without a parameter in its own signatures, hence Any
    return [*encoder.encode(frame), *encoder.encode(None)]


def _decode(decoder: Any, packet: Any) -> list[av.AudioFrame]:
    return list(decoder.decode(packet))


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
    padded = padded[: padded.size // PACKET * PACKET]
    frame = av.AudioFrame.from_ndarray(to_int16(padded)[None], format="s16", layout="mono")
    frame.sample_rate = RATE
    frame.pts = 0
    packets = _encode(encoder, frame)
    pieces: list[NDArray[np.int16]] = []
    last: NDArray[np.int16]
    last, gone = np.zeros(_PACKET_48K, dtype=np.int16), 0
    for place, packet in enumerate(packets):
        if place < len(lost) and lost[place]:
            gone += 1
            last = (last * max(0.0, 1 - gone / 3)).astype(np.int16)
            pieces.append(last)
            continue
        gone = 0
        for out in _decode(decoder, packet):
            # libopus hands out packed s16, as many channels as the stream says: here one or two
            packed = out.to_ndarray().reshape(-1, len(out.layout.channels))
            mono = packed[:, 0].astype(np.int16)
            last = mono if mono.size >= _PACKET_48K else last
            pieces.append(mono)
    heard = resample(from_int16(np.concatenate(pieces)), RATE / 48_000)
    heard = heard[_LOOKAHEAD : _LOOKAHEAD + audio.size]
    return np.pad(heard, (0, audio.size - heard.size))


def burst_loss(random: Random, packets: int, rate: float) -> list[bool]:
    """A Gilbert channel: losses come in bursts of two packets on average; `rate` of all are lost."""
    lost, now = [False] * packets, False
    for place in range(packets):
        now = random.random() < (0.5 if now else rate * 0.5 / (1 - rate))
        lost[place] = now
    return lost


TELEPHONE_RATE = 8_000
_TELEPHONE_PACKET = TELEPHONE_RATE // 50


def telephone_round_trip(audio: Pcm, lost: Sequence[bool] = ()) -> Pcm:
    """Through a telephone line and back: 300 to 3400 Hz, µ-law at 8 kHz (FFmpeg's G.711), 20 ms
    packets of which those marked in `lost` are silence. As long as `audio` and not shifted."""
    narrow = shape(audio, [0, 200, 320, 3300, 3600, 8000], [-60, -30, 0, 0, -40, -80])
    slow = to_int16(resample(narrow, TELEPHONE_RATE / RATE))
    encoder = av.CodecContext.create("pcm_mulaw", "w")
    decoder = av.CodecContext.create("pcm_mulaw", "r")
    assert isinstance(encoder, av.AudioCodecContext) and isinstance(decoder, av.AudioCodecContext)
    for codec in (encoder, decoder):
        codec.sample_rate = TELEPHONE_RATE
        codec.layout = "mono"
    encoder.format = av.AudioFormat("s16")
    frame = av.AudioFrame.from_ndarray(slow[None], format="s16", layout="mono")
    frame.sample_rate = TELEPHONE_RATE
    packets = _encode(encoder, frame)
    frames = [out for packet in packets for out in _decode(decoder, packet)]
    line = np.concatenate([out.to_ndarray().reshape(-1) for out in frames]).astype(np.int16)
    for place, is_lost in enumerate(lost):
        if is_lost:
            line[place * _TELEPHONE_PACKET : (place + 1) * _TELEPHONE_PACKET] = 0
    heard = resample(from_int16(line), RATE / TELEPHONE_RATE)[: audio.size]
    return np.pad(heard, (0, audio.size - heard.size))
