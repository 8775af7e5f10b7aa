"""Pace and position of what is said, on times given by hand."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.runtime.frames import Pcm
from visavis.transports.playout import NOBODY, Line, Packetizer, Sent, Spoken


def spoken(turn: int, *, samples: int = 960, is_last: bool = False) -> Spoken:
    return Spoken(b"x", turn, samples, is_last)


def sent_at(line: Line, now: float) -> Sent:
    sent = line.pop(now)
    assert sent is not None
    return sent


def test_packets_leave_every_twenty_milliseconds() -> None:
    line = Line()
    for _ in range(3):
        line.add(spoken(1))
    first = sent_at(line, 5.0)
    assert (first.pts, first.position, line.due()) == (0, 960, pytest.approx(5.02))
    assert line.pop(5.019) is None
    second = sent_at(line, 5.0201)
    assert (second.pts, second.position, line.due()) == (960, 1920, pytest.approx(5.04))


def test_time_goes_on_while_nothing_is_said() -> None:
    line = Line()
    line.add(spoken(1))
    sent_at(line, 5.0)
    assert line.due() is None
    line.add(spoken(2))
    sent = sent_at(line, 6.5)
    assert (sent.pts, sent.position) == (72_000, 960)


def test_a_sender_held_up_shortly_catches_up() -> None:
    line = Line()
    for _ in range(5):
        line.add(spoken(1))
    sent_at(line, 0.0)
    late = [line.pop(0.061) for _ in range(4)]
    assert [s.pts if s else None for s in late] == [960, 1920, 2880, None]


def test_a_sender_held_up_long_goes_on_from_now() -> None:
    line = Line()
    for _ in range(5):
        line.add(spoken(1))
    sent_at(line, 0.0)
    assert sent_at(line, 1.0).pts == 48_000
    assert line.pop(1.0) is None and line.due() == pytest.approx(1.02)


def test_flush_leaves_the_position_and_nothing_else() -> None:
    line = Line()
    for _ in range(5):
        line.add(spoken(7))
    sent_at(line, 0.0)
    sent_at(line, 0.02)
    line.flush()
    assert line.pop(1.0) is None
    assert (line.position(7), line.position(8)) == (1920, 0)


def test_silence_of_nobody_counts_for_no_turn() -> None:
    line = Line()
    line.add(spoken(7))
    line.add(Spoken(b"s", NOBODY, 0, False))
    sent_at(line, 0.0)
    assert sent_at(line, 0.02).position == 960 == line.position(7)


def test_a_full_line_refuses_and_counts() -> None:
    line = Line(limit=2)
    for _ in range(3):
        line.add(spoken(1))
    assert line.dropped == 1


def test_pcm_of_any_length_becomes_whole_packets() -> None:
    sizes: list[int] = []
    packets = Packetizer(lambda pcm: (sizes.append(len(pcm)), b"x")[1])
    assert packets.cut(0, 1, np.ones(500, np.int16), False) == []
    two = packets.cut(0, 1, np.ones(1500, np.int16), False)
    assert [(p.turn, p.samples, p.is_last) for _, p in two] == [(1, 960, False), (1, 960, False)]
    (last,) = packets.cut(0, 1, np.ones(0, np.int16), True)
    assert (last[1].samples, last[1].is_last) == (80, True)
    assert set(sizes) == {960}


def test_packets_that_are_alike_are_encoded_together() -> None:
    sizes: list[int] = []

    def encode(pcm: Pcm) -> bytes:
        sizes.append(len(pcm))
        return pcm[::480].astype(np.uint8).tobytes()  # two bytes a packet

    sound = np.repeat(np.arange(7, dtype=np.int16), 480)  # three and a half packets
    packets = Packetizer(encode, are_alike=True)
    three = packets.cut(0, 1, sound, False)
    assert [p.payload for _, p in three] == [b"\x00\x01", b"\x02\x03", b"\x04\x05"]
    (last,) = packets.cut(0, 1, sound[:0], True)
    assert (last[1].payload, last[1].samples, last[1].is_last) == (b"\x06\x00", 480, True)
    assert sizes == [2880, 960]


def test_a_turn_that_ends_on_a_packet_or_is_empty_still_ends() -> None:
    packets = Packetizer(lambda pcm: b"x")
    (whole,) = packets.cut(0, 1, np.ones(960, np.int16), True)
    assert (whole[1].samples, whole[1].is_last) == (960, True)
    (empty,) = packets.cut(0, 2, np.ones(0, np.int16), True)
    assert (empty[1].samples, empty[1].is_last) == (0, True)


def test_what_was_kept_is_forgotten_with_a_new_turn_or_a_flush() -> None:
    packets = Packetizer(lambda pcm: b"x")
    packets.cut(0, 1, np.ones(900, np.int16), False)
    assert packets.cut(0, 2, np.ones(100, np.int16), False) == []
    packets.cut(0, 2, np.ones(800, np.int16), False)
    assert packets.cut(1, 2, np.ones(100, np.int16), False) == []
