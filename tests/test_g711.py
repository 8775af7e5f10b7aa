"""Both laws against known values, FFmpeg's decoders, and the rule that a level is the middle of its interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest

from visavis.transports.g711 import (
    ALAW_SILENCE,
    MULAW_SILENCE,
    Pcm,
    alaw_decode,
    alaw_encode,
    mulaw_decode,
    mulaw_encode,
)

EVERY_BYTE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32_768, 32_768).astype(np.int16)


def ffmpeg(codec: str, data: bytes) -> Pcm:
    decoder: Any = av.CodecContext.create(codec, "r")  # PyAV's packets are generic without a type
    decoder.sample_rate, decoder.layout = 8000, "mono"
    decoder.open()
    frames = list(decoder.decode(av.Packet(data)))
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16)


@pytest.mark.parametrize(
    ("sample", "code"),
    [(0, 0xFF), (-1, 0x7F), (3, 0xFF), (4, 0xFE), (-32_768, 0x00), (32_767, 0x80), (1000, 0xCE)],
)
def test_mulaw_of_known_samples(sample: int, code: int) -> None:
    assert mulaw_encode(np.array([sample], np.int16)) == bytes([code])


@pytest.mark.parametrize(
    ("sample", "code"),
    [(0, 0xD5), (-1, 0x55), (-32_768, 0x2A), (32_767, 0xAA), (5504, 0x80), (-5504, 0x00)],
)
def test_alaw_of_known_samples(sample: int, code: int) -> None:
    assert alaw_encode(np.array([sample], np.int16)) == bytes([code])


def test_silence_is_silence() -> None:
    assert mulaw_decode(bytes([MULAW_SILENCE])).tolist() == [0]
    assert alaw_decode(bytes([ALAW_SILENCE])).tolist() == [8]
    assert len(mulaw_decode(b"")) == len(alaw_decode(b"")) == 0
    assert mulaw_encode(np.zeros(0, np.int16)) == b""


@pytest.mark.parametrize(
    ("decode", "codec"), [(mulaw_decode, "pcm_mulaw"), (alaw_decode, "pcm_alaw")]
)
def test_every_byte_decodes_as_ffmpeg_decodes_it(
    decode: Callable[[bytes], Pcm], codec: str
) -> None:
    assert np.array_equal(decode(EVERY_BYTE), ffmpeg(codec, EVERY_BYTE))


def test_every_byte_comes_back() -> None:
    assert alaw_encode(alaw_decode(EVERY_BYTE)) == EVERY_BYTE
    again = mulaw_encode(mulaw_decode(EVERY_BYTE))
    assert [i for i in range(256) if again[i] != i] == [0x7F]  # negative zero
    assert again[0x7F] == 0xFF


@pytest.mark.parametrize(
    ("encode", "decode"), [(mulaw_encode, mulaw_decode), (alaw_encode, alaw_decode)]
)
def test_every_level_is_the_middle_of_the_samples_that_get_it(
    encode: Callable[[Pcm], bytes], decode: Callable[[bytes], Pcm]
) -> None:
    codes = np.frombuffer(encode(EVERY_SAMPLE), np.uint8)
    heard = decode(encode(EVERY_SAMPLE)).astype(np.int64)
    assert np.all(np.diff(heard) >= 0)  # louder stays louder
    for code in np.unique(codes):
        samples = EVERY_SAMPLE[codes == code].astype(np.int64)
        assert len(samples) == samples[-1] - samples[0] + 1  # an interval
        level = int(decode(bytes([code]))[0])
        if abs(level) in (0, 32_124):  # the zeros lie at an edge; the last level takes what clips
            continue
        assert abs((samples[0] + samples[-1]) / 2 - level) <= 2
