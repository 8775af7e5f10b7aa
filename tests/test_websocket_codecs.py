"""Audio inside messages: what comes in is what was said, in every format, cut anywhere."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from transport_fakes import tone

from visavis.runtime.audio_path import AudioFormat
from visavis.runtime.errors import BadInput
from visavis.runtime.frames import HEARING_RATE, SPEAKING_RATE, Pcm
from visavis.transports.g711 import alaw_encode, mulaw_decode, mulaw_encode
from visavis.transports.websocket.codecs import InputCodec, OutputCodec


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def like(found: Pcm, wanted: Pcm) -> float:
    """Correlation at the best alignment; the tone repeats every few milliseconds."""
    n = min(len(found), len(wanted)) - 400
    best = 0.0
    for lag in range(40):
        a = found[lag : lag + n].astype(float)
        b = wanted[:n].astype(float)
        best = max(best, float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))))
    return best


@pytest.mark.parametrize("kind", list(AudioFormat))
def test_audio_is_heard_as_it_was_said_however_it_is_cut(kind: AudioFormat) -> None:
    said = tone(kind.rate // 4, kind.rate)
    data = {
        AudioFormat.PCM: lambda: said.astype("<i2").tobytes(),
        AudioFormat.PCMU: lambda: mulaw_encode(said),
        AudioFormat.PCMA: lambda: alaw_encode(said),
    }[kind]()
    whole = InputCodec(kind)
    heard = np.concatenate([whole.decode(b64(data)), whole.flush()])
    pieces = InputCodec(kind)
    step = 202
    cut = [pieces.decode(b64(data[at : at + step])) for at in range(0, len(data), step)]
    assert np.array_equal(np.concatenate([*cut, pieces.flush()]), heard)
    assert like(heard, tone(HEARING_RATE // 4, HEARING_RATE)) > 0.99


@pytest.mark.parametrize("kind", list(AudioFormat))
def test_a_second_said_is_a_second_of_bytes(kind: AudioFormat) -> None:
    codec = OutputCodec(kind)
    said = tone(SPEAKING_RATE, SPEAKING_RATE)
    halves = [codec.encode(said[:20_000], is_last=False), codec.encode(said[20_000:], is_last=True)]
    data = b"".join(halves)
    size = 2 if kind is AudioFormat.PCM else 1
    assert kind.rate * size <= len(data) <= kind.rate * size * 1.02
    if kind is AudioFormat.PCMU:
        assert like(mulaw_decode(data)[:2000], tone(2000, 8000)) > 0.99


@pytest.mark.parametrize(
    ("audio", "word"), [("@@@", "base64"), (b64(b"odd"), "3 bytes"), ("YWJ", "base64")]
)
def test_what_is_no_audio_is_said(audio: str, word: str) -> None:
    codec = InputCodec(AudioFormat.PCM)
    with pytest.raises(BadInput, match=word) as error:
        codec.decode(audio)
    assert error.value.code == "invalid_audio"
    assert len(codec.decode("")) == 0
