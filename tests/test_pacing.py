"""When packets leave, in what groups, and what is known to have been played."""

from __future__ import annotations

import pytest

from visavis.transports.playout import Spoken
from visavis.transports.telephony.pacing import MARK_EVERY, MAX_WAITING, Due, Pacer, Playback

PACKET = 960


def packet(turn: int = 1, is_last: bool = False) -> Spoken:
    return Spoken(b"x", turn, PACKET, is_last)


def run(pacer: Pacer, until: float) -> list[tuple[float, int]]:
    """Times and sizes of what leaves, woken when the pacer says."""
    now, sent = 0.0, list[tuple[float, int]]()
    while (due := pacer.due()) is not None and max(due, now) <= until:
        now = max(due, now)
        if batch := pacer.pop(now):
            sent.append((round(now, 6), len(batch)))
    return sent


def test_without_a_lead_a_packet_leaves_every_twenty_milliseconds() -> None:
    pacer = Pacer(0.0)
    for _ in range(4):
        pacer.add(packet())
    assert run(pacer, 1.0) == [(0.0, 1), (0.02, 1), (0.04, 1), (0.06, 1)]


def test_a_lead_goes_at_once_and_the_rest_at_the_pace() -> None:
    pacer = Pacer(0.1)
    for _ in range(8):
        pacer.add(packet())
    times = [time for time, _ in run(pacer, 1.0)]
    assert times == pytest.approx([0, 0, 0, 0, 0, 0, 0.02, 0.04], abs=1e-6)


def test_groups_leave_whole_and_the_last_as_it_is() -> None:
    pacer = Pacer(0.2, group=5)
    for index in range(17):
        pacer.add(packet(is_last=index == 16))
    sent = run(pacer, 2.0)
    assert [size for _, size in sent] == [5, 5, 5, 2]
    assert sent[0][0] == 0 and sent[-1][0] < 17 * 0.02


def test_an_unfinished_group_leaves_before_the_provider_runs_dry() -> None:
    pacer = Pacer(0.2, group=10)
    for _ in range(12):
        pacer.add(packet())
    sent = run(pacer, 2.0)
    assert [size for _, size in sent] == [10, 2]
    assert 0.1 < sent[1][0] <= 0.2 - 0.04 + 1e-6


def test_after_a_pause_the_clock_goes_on_and_a_hiccup_is_caught_up() -> None:
    pacer = Pacer(0.0)
    pacer.add(packet())
    pacer.pop(0.0)
    for _ in range(3):
        pacer.add(packet())
    assert len(pacer.pop(0.055)) == 1  # due at 0.02 and 0.04: both leave now
    assert len(pacer.pop(0.055)) == 1
    assert pacer.pop(0.055) == []
    assert pacer.pop(5.0)[0].ends_at == pytest.approx(5.02)


def test_held_flushed_and_full() -> None:
    pacer = Pacer(0.1)
    pacer.add(packet())
    pacer.is_held = True
    assert pacer.due() is None and pacer.pop(9.0) == []
    pacer.is_held = False
    pacer.flush()
    assert pacer.due() is None and len(pacer) == 0
    for _ in range(MAX_WAITING + 3):
        pacer.add(packet())
    assert (len(pacer), pacer.dropped) == (MAX_WAITING, 3)


def test_marks_tell_what_was_played() -> None:
    playback = Playback(has_marks=True)
    names = [playback.sent(Due(packet(is_last=n == 4), n / 50), n / 50) for n in range(5)]
    marks = [name for name in names if name is not None]
    assert len(marks) == -(-5 // MARK_EVERY)
    assert playback.elapsed(99.0) == [] and playback.due() is None
    (first,) = playback.reached(marks[0])
    assert (first.turn, first.samples, first.is_done) == (1, MARK_EVERY * PACKET, False)
    assert first.sent_at == (MARK_EVERY - 1) / 50
    rest = playback.reached(marks[-1])  # one in between was lost
    assert [report.samples for report in rest][-1] == 5 * PACKET and rest[-1].is_done
    assert playback.reached(marks[-1]) == playback.reached("never sent") == []
    assert playback.is_idle and playback.position(1) == 5 * PACKET and playback.position(2) == 0


def test_without_marks_the_clock_tells() -> None:
    playback = Playback(has_marks=False)
    for index in range(3):
        assert playback.sent(Due(packet(), (index + 1) / 50), 0.0) is None
    assert playback.due() == 0.02
    assert [report.samples for report in playback.elapsed(0.041)] == [PACKET, 2 * PACKET]
    assert [report.samples for report in playback.drained()] == [3 * PACKET]
    assert playback.is_idle


def test_a_flush_forgets_what_is_on_its_way() -> None:
    playback = Playback(has_marks=True)
    name = None
    for _ in range(MARK_EVERY):
        name = playback.sent(Due(packet(), 0.1), 0.0)
    assert name is not None
    playback.flush()
    assert playback.reached(name) == [] and playback.position(1) == 0 and playback.is_idle


def test_a_turn_that_goes_on_after_a_flush_goes_on_where_it_was_heard() -> None:
    playback = Playback(has_marks=True)
    marks = [playback.sent(Due(packet(), 0.1), 0.0) for _ in range(3 * MARK_EVERY)]
    first = next(name for name in marks if name is not None)
    playback.reached(first)
    playback.flush()
    name = [playback.sent(Due(packet(), 0.2), 0.1) for _ in range(MARK_EVERY)][-1]
    assert name is not None
    assert playback.reached(name)[-1].samples == 2 * MARK_EVERY * PACKET


def test_a_new_turn_begins_at_nothing() -> None:
    playback = Playback(has_marks=False)
    playback.sent(Due(packet(1), 0.02), 0.0)
    playback.elapsed(1.0)
    playback.sent(Due(packet(2), 0.04), 0.0)
    assert playback.position(1) == 0
    assert [report.samples for report in playback.elapsed(1.0)] == [PACKET]
