"""G.711 in both laws, table driven: one byte per sample at 8 kHz, as every telephone line has it.

The laws are those of ITU-T G.711; which side of a decision value an input belongs to is taken from
the ITU's own software tool library (G.191), so that a decoded byte encodes to itself. The one
exception is µ-law's negative zero, 0x7F, which comes back as 0xFF.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]

RATE = 8_000
"""Samples per second of a G.711 stream."""
MULAW_SILENCE = 0xFF
ALAW_SILENCE = 0xD5

_MULAW_BIAS = 33  # of 14-bit magnitudes


def mulaw_encode(pcm: Pcm) -> bytes:
    """µ-law of mono samples, one byte each."""
    return _MULAW_OF[pcm.astype(np.int16, copy=False).view(np.uint16)].tobytes()


def mulaw_decode(data: bytes) -> Pcm:
    """Samples of µ-law bytes; full scale is ±32124."""
    return _OF_MULAW[np.frombuffer(data, np.uint8)]


def alaw_encode(pcm: Pcm) -> bytes:
    """A-law of mono samples, one byte each."""
    return _ALAW_OF[pcm.astype(np.int16, copy=False).view(np.uint16)].tobytes()


def alaw_decode(data: bytes) -> Pcm:
    """Samples of A-law bytes; full scale is ±32256, silence is ±8."""
    return _OF_ALAW[np.frombuffer(data, np.uint8)]


def _every_sample() -> npt.NDArray[np.int64]:
    """All 16-bit samples in the order of their bit patterns: [65536]."""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int64)


def _make_mulaw_of() -> npt.NDArray[np.uint8]:
    samples = _every_sample()
    magnitude = np.where(samples < 0, ~samples, samples) >> 2
    biased = np.minimum(magnitude + _MULAW_BIAS, 0x1FFF)  # 33 … 8191
    segment = np.floor(np.log2(biased)).astype(np.int64) - 5  # 0 … 7
    step = (biased >> (segment + 1)) & 0xF
    code = (segment << 4 | step) ^ 0x7F  # all bits of the magnitude are inverted on the line
    codes: npt.NDArray[np.uint8] = np.where(samples < 0, code, code | 0x80).astype(np.uint8)
    return codes


def _make_of_mulaw() -> Pcm:
    code = ~np.arange(256) & 0xFF
    segment, step = (code >> 4) & 7, code & 0xF
    magnitude = (((step << 1) + _MULAW_BIAS) << segment) - _MULAW_BIAS  # 14 bits
    return np.where(code & 0x80, -magnitude * 4, magnitude * 4).astype(np.int16)


def _make_alaw_of() -> npt.NDArray[np.uint8]:
    samples = _every_sample()
    magnitude = np.where(samples < 0, ~samples, samples) >> 4  # 0 … 2047
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int64) - 3, 0)
    step = (magnitude >> np.maximum(segment - 1, 0)) & 0xF
    code = segment << 4 | step
    signed = np.where(samples < 0, code, code | 0x80)
    codes: npt.NDArray[np.uint8] = (signed ^ 0x55).astype(np.uint8)
    return codes


def _make_of_alaw() -> Pcm:
    code = np.arange(256) ^ 0x55
    segment, step = (code >> 4) & 7, code & 0xF
    # The middle of the step; segments 0 and 1 have steps of the same height.
    middle = (step << 4) + 8
    magnitude = np.where(segment == 0, middle, (middle + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_MULAW_OF = _make_mulaw_of()
_OF_MULAW = _make_of_mulaw()
_ALAW_OF = _make_alaw_of()
_OF_ALAW = _make_of_alaw()
