"""Coded pictures from packets, complete with the marker bit."""

from __future__ import annotations

import itertools

import pytest

from visavis.transports.webrtc.picture_assembly import (
    CodedPicture,
    PictureAssembly,
    begins_picture,
    is_key_picture,
    vp8_size,
)

KEY, DELTA = b"\x10key", b"\x11delta"


class Sender:
    """Packets of pictures of 3 packets each, numbered on, 3000 ticks apart."""

    def __init__(self, seq: int = 0, timestamp: int = 0) -> None:
        self.assembly = PictureAssembly()
        self.seq, self.timestamp, self.now = seq, timestamp, 0.0
        self.asked = 0

    def packets(self, first: bytes) -> list[tuple[int, int, bool, bool, bytes]]:
        self.timestamp = (self.timestamp + 3000) % 2**32
        made: list[tuple[int, int, bool, bool, bytes]] = []
        for part in range(3):
            data = first if part == 0 else b"rest"
            made.append((self.seq, self.timestamp, part == 2, part == 0, data))
            self.seq = (self.seq + 1) % 2**16
        return made

    def push(self, packet: tuple[int, int, bool, bool, bytes]) -> list[CodedPicture]:
        seq, timestamp, is_last, starts, data = packet
        pictures, should_ask = self.assembly.push(
            seq,
            timestamp,
            is_last=is_last,
            starts=starts,
            data=data,
            arrived=self.now,
            codec="VP8",
        )
        self.asked += should_ask
        return pictures

    def picture(self, first: bytes) -> list[CodedPicture]:
        self.now += 1 / 30
        return [picture for packet in self.packets(first) for picture in self.push(packet)]


def test_a_picture_is_complete_with_its_marker_and_not_a_packet_later() -> None:
    sender = Sender()
    one, two, three = sender.packets(KEY)
    assert sender.push(one) == sender.push(two) == []
    (picture,) = sender.push(three)
    assert picture.data == KEY + b"restrest" and picture.is_key


def test_numbers_and_timestamps_wrap() -> None:
    sender = Sender(seq=65_530, timestamp=2**32 - 9000)
    pictures = [p for n in range(10) for p in sender.picture(DELTA if n else KEY)]
    steps = {b.timestamp - a.timestamp for a, b in itertools.pairwise(pictures)}
    assert len(pictures) == 10 and steps == {3000}


def test_reordered_and_repeated_packets_change_nothing() -> None:
    sender = Sender()
    one, two, three = sender.packets(KEY)
    assert sender.push(one) == sender.push(three) == sender.push(three) == []
    (picture,) = sender.push(two)
    assert picture.data == KEY + b"restrest"
    assert sender.push(two) == []


def test_a_missing_packet_holds_pictures_back_until_it_comes() -> None:
    sender = Sender()
    sender.picture(KEY)
    one, missing, three = sender.packets(DELTA)
    sender.push(one)
    sender.push(three)
    assert sender.picture(DELTA) == []
    assert [p.data[:6] for p in sender.push(missing)] == [DELTA, DELTA]
    assert sender.assembly.dropped == 0 and sender.asked == 0


def test_a_lost_packet_asks_for_a_whole_picture_and_waits_for_it() -> None:
    sender = Sender()
    sender.picture(KEY)
    one, _, three = sender.packets(DELTA)
    sender.push(one)
    sender.push(three)
    seen = [p for _ in range(9) for p in sender.picture(DELTA)]
    assert seen == [] and sender.asked == 1
    (key,) = sender.picture(KEY)
    assert key.is_key
    assert len(sender.picture(DELTA)) == 1


def test_a_whole_picture_behind_the_hole_is_taken_at_once() -> None:
    sender = Sender()
    sender.picture(KEY)
    one, _, three = sender.packets(DELTA)
    sender.push(one)
    sender.push(three)
    sender.picture(DELTA)
    sender.picture(KEY)
    seen = [p for _ in range(6) for p in sender.picture(DELTA)]
    assert seen[0].is_key and len(seen) == 7


def test_the_request_is_repeated_while_no_whole_picture_comes() -> None:
    sender = Sender()
    for _ in range(60):
        assert sender.picture(DELTA) == []
    assert sender.asked == 4


def test_after_a_broken_picture_only_a_whole_one_is_handed_on() -> None:
    sender = Sender()
    sender.picture(KEY)
    sender.assembly.broken()
    assert sender.picture(DELTA) == []
    assert len(sender.picture(KEY)) == 1


def test_a_sender_without_marker_still_gets_through() -> None:
    sender = Sender()
    first = [(s, t, False, b, d) for s, t, _, b, d in sender.packets(KEY)]
    assert [p for packet in first for p in sender.push(packet)] == []
    assert len(sender.push(sender.packets(DELTA)[0])) == 1


def test_memory_is_bounded_by_packets_that_never_end() -> None:
    sender = Sender()
    for number in range(5000):
        sender.push((number % 2**16, 1, False, False, b"x"))
    assert len(sender.assembly._parts) <= 1025  # pyright: ignore[reportPrivateUsage]


def test_a_jump_of_numbers_begins_anew() -> None:
    sender = Sender()
    sender.picture(KEY)
    sender.seq = 30_000
    assert len(sender.picture(KEY)) == 1


@pytest.mark.parametrize(
    ("codec", "data", "is_key"),
    [
        ("VP8", KEY, True),
        ("VP8", DELTA, False),
        ("VP8", b"", False),
        ("H264", b"\0\0\0\1\x67sps\0\0\0\1\x68pps\0\0\0\1\x65idr", True),
        ("H264", b"\0\0\0\1\x41slice", False),
        ("H264", b"\0\0\1\x65", True),
        ("H264", b"\0\0\1", False),
    ],
)
def test_which_pictures_stand_alone(codec: str, data: bytes, is_key: bool) -> None:
    assert is_key_picture(codec, data) is is_key


@pytest.mark.parametrize(
    ("codec", "payload", "begins"),
    [
        ("VP8", b"\x90\x80", True),
        ("VP8", b"\x10", True),
        ("VP8", b"\x11", False),
        ("VP8", b"\x00", False),
        ("VP8", b"", False),
        ("H264", b"\x67\x42", True),
        ("H264", b"\x78\x00\x04\x67", True),
        ("H264", b"\x7c\x85", False),
        ("H264", b"\x41", False),
    ],
)
def test_which_packets_begin_a_picture(codec: str, payload: bytes, begins: bool) -> None:
    assert begins_picture(codec, payload) is begins


def test_the_size_is_read_before_decoding() -> None:
    header = b"\x10\0\0\x9d\x01\x2a" + (640).to_bytes(2, "little") + (480).to_bytes(2, "little")
    assert vp8_size(header) == (640, 480)
    assert vp8_size(header[:9]) is None and vp8_size(b"\x11" + 20 * b"\0") is None
