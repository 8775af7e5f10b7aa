"""Opus with libopus itself and with PyAV alone."""

from __future__ import annotations

import numpy as np
import pytest
from transport_fakes import opus_packets, tone

from visavis.runtime.errors import BadInput
from visavis.transports.opus import (
    SILENT_PACKET,
    AvDecoder,
    AvEncoder,
    Decoder,
    Encoder,
    LibopusDecoder,
    LibopusEncoder,
    find_libopus,
    new_decoder,
    packet_samples,
)


def decoders() -> list[Decoder]:
    library = find_libopus()
    assert library is not None, "PyAV's wheel carries libopus"
    return [LibopusDecoder(library), AvDecoder()]


def encoders() -> list[Encoder]:
    library = find_libopus()
    assert library is not None
    return [LibopusEncoder(library, 32_000), AvEncoder(32_000)]


@pytest.mark.parametrize("which", [0, 1])
def test_a_tone_comes_out_at_sixteen_kilohertz(which: int) -> None:
    encoder, decoder = encoders()[which], decoders()[which]
    pcm = tone(48_000, 48_000)
    packets = [encoder.encode(pcm[at : at + 960]) for at in range(0, 48_000, 960)]
    out = np.concatenate([decoder.decode(packet) for packet in packets])
    assert abs(len(out) - 16_000) <= 32 and out.dtype == np.int16
    spectrum = np.abs(np.fft.rfft(out[4000:12_000].astype(float)))
    assert abs(np.argmax(spectrum) * 16_000 / 8000 - 440) < 4
    assert np.std(out[4000:12_000].astype(float)) == pytest.approx(8000 / 2**0.5, rel=0.15)


@pytest.mark.parametrize("which", [0, 1])
def test_a_lost_packet_is_invented_and_fades(which: int) -> None:
    decoder = decoders()[which]
    for packet in opus_packets(10):
        decoder.decode(packet)
    first = decoder.conceal(320, None)
    later = [decoder.conceal(320, None) for _ in range(10)][-1]
    assert len(first) == 320 and np.abs(first).max() > 500
    assert np.abs(later).max() < np.abs(first).max() / 2


def test_the_next_packets_copy_of_a_lost_one_is_used() -> None:
    decoder = decoders()[0]
    packets = opus_packets(12)
    for packet in packets[:10]:
        decoder.decode(packet)
    assert len(decoder.conceal(320, packets[11])) == 320
    assert len(decoder.conceal(321, b"\xff\xff\xff")) == 321
    assert len(decoder.conceal(7, None)) == 7
    assert len(decoder.conceal(6000, None)) == 6000


@pytest.mark.parametrize("which", [0, 1])
def test_garbage_is_refused_and_the_decoder_lives(which: int) -> None:
    decoder = decoders()[which]
    with pytest.raises(BadInput, match="3 bytes"):
        decoder.decode(b"\xff\xff\xff")
    out = [decoder.decode(packet) for packet in opus_packets(5)]
    assert np.abs(out[-1]).max() > 1000


@pytest.mark.parametrize("which", [0, 1])
def test_a_packet_is_twenty_milliseconds(which: int) -> None:
    encoder = encoders()[which]
    assert packet_samples(encoder.encode(tone(960, 48_000))) == 960
    with pytest.raises(ValueError, match="959"):
        encoder.encode(tone(959, 48_000))


def test_the_silent_packet_is_silence() -> None:
    assert packet_samples(SILENT_PACKET) == 960
    assert not new_decoder().decode(SILENT_PACKET).any()


@pytest.mark.parametrize(
    ("payload", "samples"),
    [(b"\x00", 480), (b"\x18", 2880), (b"\xf9", 1920), (b"\x83\x04", 480), (b"\xe0", 120)],
)
def test_the_first_bytes_tell_the_length(payload: bytes, samples: int) -> None:
    assert packet_samples(payload) == samples


@pytest.mark.parametrize("payload", [b"", b"\x03", b"\x03\x00", b"\x1b\x3f"])
def test_impossible_lengths_are_refused(payload: bytes) -> None:
    with pytest.raises(BadInput):
        packet_samples(payload)
