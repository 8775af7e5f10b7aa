"""Lines' bytes to samples and back: every encoding and rate, no seams, positions that add up."""

from __future__ import annotations

import numpy as np
import pytest
from transport_fakes import tone

from visavis.runtime.frames import HEARING_RATE, SPEAKING_RATE
from visavis.transports.telephony.asterisk import FORMATS
from visavis.transports.telephony.coding import Ear, Mouth, decoder, encoder
from visavis.transports.telephony.line import Audio, Encoding

LINES = sorted(set(FORMATS.values()))


@pytest.mark.parametrize(("encoding", "rate"), LINES)
def test_a_tone_is_heard_as_it_was_said(encoding: Encoding, rate: int) -> None:
    ear, said = Ear(encoding, rate), encoder(encoding)(tone(rate, rate))
    step = rate // 50 * encoding.sample_bytes
    chunks = [
        chunk
        for at in range(0, len(said), step)
        for chunk in ear.hear(Audio(said[at : at + step]), 1.5)
    ]
    assert [chunk.pts for chunk in chunks] == [index * 320 for index in range(50)]
    assert {chunk.arrived for chunk in chunks} == {1.5}
    heard = np.concatenate([chunk.pcm for chunk in chunks]).astype(float)
    wanted = tone(HEARING_RATE, HEARING_RATE).astype(float)
    spectrum = np.abs(np.fft.rfft(heard[2000:14000] * np.hanning(12000)))
    assert np.fft.rfftfreq(12000, 1 / HEARING_RATE)[spectrum.argmax()] == pytest.approx(440, abs=2)
    assert np.abs(heard[2000:]).max() == pytest.approx(np.abs(wanted).max(), rel=0.03)


@pytest.mark.parametrize(("encoding", "rate"), LINES)
def test_speech_becomes_whole_packets_and_the_position_adds_up(
    encoding: Encoding, rate: int
) -> None:
    mouth, pcm = Mouth(encoding, rate), tone(SPEAKING_RATE, SPEAKING_RATE)
    packets = [
        packet
        for at in range(0, len(pcm), 7000)
        for _, packet in mouth.speak(0, 1, pcm[at : at + 7000], at + 7000 >= len(pcm))
    ]
    assert {len(packet.payload) for packet in packets} == {rate // 50 * encoding.sample_bytes}
    assert [packet.is_last for packet in packets] == [False] * (len(packets) - 1) + [True]
    assert sum(packet.samples for packet in packets) >= len(pcm)
    heard = decoder(encoding)(b"".join(packet.payload for packet in packets)).astype(float)
    middle = heard[rate // 10 : rate * 9 // 10]
    assert np.abs(middle).max() == pytest.approx(8000, rel=0.04)
    assert np.abs(np.diff(middle)).max() < 1.2 * 8000 * 2 * np.pi * 440 / rate + 600  # no seams


def test_nothing_of_a_cut_turn_is_in_the_next() -> None:
    mouth = Mouth(Encoding.L16, 8000)
    mouth.speak(0, 1, np.full(1500, 20_000, np.int16), False)
    ((epoch, packet),) = mouth.speak(1, 2, np.zeros(100, np.int16), True)
    assert epoch == 1 and packet.is_last
    assert not np.any(decoder(Encoding.L16)(packet.payload))


def test_a_turn_may_end_without_more_audio() -> None:
    mouth = Mouth(Encoding.MULAW, 8000)
    ((_, first),) = mouth.speak(0, 1, np.zeros(960, np.int16), False)
    ((_, last),) = mouth.speak(0, 1, np.zeros(0, np.int16), True)
    assert (first.is_last, last.is_last) == (False, True)


def test_what_was_left_out_moves_the_time() -> None:
    ear = Ear(Encoding.MULAW, 8000)
    assert ear.hear(Audio(b"", discarded_ms=1000), 0.0) == []
    (chunk,) = ear.hear(Audio(b"\xff" * 160), 0.0)
    assert chunk.pts == 16_000
    (chunk,) = ear.hear(Audio(b"\xff" * 160, lost=2), 0.0)
    assert (chunk.concealed, len(chunk.pcm), chunk.gap) == (640, 960, 0)
