"""The ring two processes share: what goes in comes out in order, whatever its length; it never grows."""

from __future__ import annotations

import os
import random
import select
import struct

import pytest

from visavis.models.engine_process.ring import (
    BadRing,
    RingEnds,
    RingReader,
    RingWriter,
    new_ring,
    taken,
)

SIZE = 4096


def both(size: int = SIZE) -> tuple[RingWriter, RingReader, RingEnds]:
    """Each side with descriptors of its own, as in two processes."""
    ends = new_ring(size)
    copies = RingEnds(os.dup(ends.memory), os.dup(ends.written), os.dup(ends.read))
    return RingWriter(ends), RingReader(copies), ends


def test_records_of_any_length_come_out_as_they_went_in_round_after_round() -> None:
    writer, reader, _ = both()
    dice = random.Random(1)
    waiting: list[tuple[int, bytes, bytes]] = []
    seen = wrote = 0
    for number in range(3000):
        told = (number, dice.randbytes(dice.randrange(90)), dice.randbytes(dice.randrange(900)))
        if writer.write(*told):
            waiting.append(told)
            wrote += 1
        else:
            assert sum(len(head) + len(body) for _, head, body in waiting) > SIZE // 3
        if dice.random() < 0.3:
            for record in reader.records():
                assert (record.kind, record.head, record.body) == waiting.pop(0)
                seen += 1
    assert wrote > 1000 and seen == wrote - len(waiting)
    writer.close()
    reader.close()


def test_a_full_ring_takes_nothing_and_keeps_what_it_has() -> None:
    writer, reader, _ = both()
    count = 0
    while writer.write(7, b"", b"x" * 1000):
        count += 1
    assert count == 4
    assert not writer.write(7, b"", b"y" * 1000)
    assert [record.body for record in reader.records()] == [b"x" * 1000] * 4
    assert writer.write(9, b"", b"y" * 1000)
    assert [record.body for record in reader.records()] == [b"y" * 1000]


def test_the_last_part_can_be_kept_for_what_is_more_important() -> None:
    writer, _, _ = both()
    while writer.write(1, b"", b"x" * 100, spare=1024):
        pass
    assert writer.write(2, b"order")
    assert not writer.write(1, b"", b"x" * 100, spare=1024)


def test_what_can_never_fit_is_an_error() -> None:
    writer, _, _ = both()
    with pytest.raises(ValueError, match="does not go through a ring of 4096 bytes"):
        writer.write(1, b"", b"x" * (SIZE // 2))


def test_the_reader_is_woken_and_only_once_for_all_that_came() -> None:
    writer, reader, _ = both()
    poll = select.poll()
    poll.register(reader.wakes, select.POLLIN)
    assert poll.poll(0) == []
    writer.write(1, b"a")
    writer.write(2, b"b")
    assert poll.poll(0) != []
    assert [record.kind for record in reader.records()] == [1, 2]
    assert poll.poll(0) == []
    assert list(reader.records()) == []


def test_nonsense_in_the_memory_is_found() -> None:
    writer, reader, ends = both()
    os.pwrite(ends.memory, struct.pack("<III", 1, 2**31, 5), 0)
    os.eventfd_write(ends.written, 1)
    with pytest.raises(BadRing, match="are left"):
        list(reader.records())
    writer.close()


def test_an_endless_count_of_records_is_found() -> None:
    _, reader, ends = both()
    os.eventfd_write(ends.written, 2**40)  # the memory is zero: records without end
    with pytest.raises(BadRing, match="more than the 4096 bytes"):
        list(reader.records())


def test_credit_that_nobody_has_makes_no_room() -> None:
    writer, _, ends = both()
    os.eventfd_write(ends.read, 2**40)
    count = 0
    while count < 10 and writer.write(1, b"", b"x" * 1000):
        count += 1
    assert count <= 8  # a ring and what was announced at first, no more


def test_nobody_can_take_the_memory_away() -> None:
    ends = new_ring(SIZE)
    for size in (0, 2 * SIZE):
        with pytest.raises(PermissionError):
            os.ftruncate(ends.memory, size)
    ends.close()


def test_a_ring_leaves_no_file_and_no_descriptor() -> None:
    shared = set(os.listdir("/dev/shm"))
    before = len(os.listdir("/proc/self/fd"))
    writer, reader, _ = both()
    writer.write(1, b"a")
    assert set(os.listdir("/dev/shm")) == shared
    writer.close()
    reader.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_record_is_read_from_a_ring_that_was_closed_meanwhile() -> None:
    writer, reader, _ = both()
    writer.write(1, b"a")
    writer.write(2, b"b")
    for record in reader.records():
        assert record.kind == 1
        reader.close()
    writer.close()


def test_a_counter_is_read_once() -> None:
    counter = os.eventfd(3, os.EFD_NONBLOCK)
    assert [taken(counter), taken(counter)] == [3, 0]
    os.close(counter)
