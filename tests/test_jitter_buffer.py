"""The jitter buffer on traces of arrivals, beside aiortc's own on the same traces."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import pytest
from aiortc.jitterbuffer import JitterBuffer as AiortcBuffer
from aiortc.rtp import RtpPacket

from visavis.transports.jitter_buffer import JitterBuffer, JitterLimits, Piece

SIZE = 960
STEP_S = 0.020
Trace = list[tuple[float, int]]
"""(arrival in seconds, packet number), in order of arrival."""


def trace(
    packets: int,
    *,
    loss: float = 0.0,
    jitter_s: float = 0.0,
    burst: range = range(0),
    seed: int = 1,
) -> Trace:
    dice = random.Random(seed)
    arrivals: Trace = []
    for number in range(packets):
        late, lost = dice.random() * jitter_s, dice.random() < loss
        if not lost and number not in burst:
            arrivals.append((number * STEP_S + late, number))
    return sorted(arrivals)


@dataclass
class Run:
    """What came out: (time, piece), and by packet number how long it was held."""

    pieces: list[tuple[float, Piece[bytes]]]
    held: dict[int, float]
    buffer: JitterBuffer[bytes]


def run(arrivals: Trace, *, first_seq: int = 0, first_ts: int = 0, tail_s: float = 0.0) -> Run:
    """Drive the buffer as its owner does: pop after each push and whenever it is due."""
    buffer: JitterBuffer[bytes] = JitterBuffer()
    out: list[tuple[float, Piece[bytes]]] = []
    held: dict[int, float] = {}
    end = arrivals[-1][0] + tail_s

    def take(now: float) -> None:
        for piece in buffer.pop(now):
            out.append((now, piece))
            if piece.payload is not None:
                held[int(piece.payload)] = now - piece.arrived

    pending = list(arrivals)
    while True:
        due = buffer.next_due()
        at = pending[0][0] if pending else end
        if due is not None and due <= at:
            take(due)
        elif pending:
            _, number = pending.pop(0)
            seq, ts = (first_seq + number) & 0xFFFF, (first_ts + number * SIZE) & 0xFFFFFFFF
            buffer.push(seq, ts, str(number).encode(), at, SIZE)
            take(at)
        else:
            return Run(out, held, buffer)


def aiortc_held(arrivals: Trace) -> dict[int, float]:
    """How long aiortc's buffer holds each packet of the same trace."""
    buffer = AiortcBuffer(capacity=16, prefetch=4)
    came = {number: at for at, number in arrivals}
    held: dict[int, float] = {}
    for at, number in arrivals:
        packet = RtpPacket(sequence_number=number & 0xFFFF, timestamp=number * SIZE)
        packet._data = b"x"  # type: ignore[attr-defined]  # what its depayload sets
        _, frame = buffer.add(packet)
        if frame is not None:
            number = frame.timestamp // SIZE
            held[number] = at - came[number]
    return held


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def is_continuous(pieces: list[tuple[float, Piece[bytes]]]) -> bool:
    """Every sample of the sender's clock comes out once, invented or real."""
    spans = [(p.timestamp - p.gap, p.timestamp + p.samples) for _, p in pieces]
    return all(before[1] == after[0] for before, after in itertools.pairwise(spans))


def test_a_clean_link_costs_nothing() -> None:
    arrivals = trace(500)
    ours = run(arrivals)
    assert max(ours.held.values()) == 0.0
    assert quantile(list(aiortc_held(arrivals).values()), 0.5) == pytest.approx(0.080)
    assert len(ours.held) == 500 and ours.buffer.counts.concealed_samples == 0


def test_two_percent_loss_and_thirty_milliseconds_of_jitter() -> None:
    arrivals = trace(3000, loss=0.02, jitter_s=0.030)
    ours, theirs = run(arrivals), aiortc_held(arrivals)
    assert quantile(list(ours.held.values()), 0.95) <= 0.040
    assert max(ours.held.values()) <= 0.060
    assert quantile(list(ours.held.values()), 0.95) < quantile(list(theirs.values()), 0.95) / 2
    counts = ours.buffer.counts
    assert counts.late <= 3 and counts.lost <= 3000 - len(arrivals) + 3
    assert is_continuous(ours.pieces)


def test_after_a_burst_of_loss_it_is_back_to_base_within_a_second() -> None:
    burst = range(200, 215)
    arrivals = trace(500, burst=burst)
    ours, theirs = run(arrivals), aiortc_held(arrivals)
    after = [ours.held[number] for number in range(burst.stop, 500)]
    assert max(after[50:]) == 0.0 and ours.buffer.target_s == pytest.approx(0.020)
    # aiortc never recovers: what it holds stays high for good (its issue 543).
    assert theirs[490] > 0.08
    invented = [p for _, p in ours.pieces if p.concealed]
    assert sum(p.samples for p in invented) + sum(p.gap for _, p in ours.pieces) == 15 * SIZE
    assert is_continuous(ours.pieces)


def test_packets_held_up_and_let_go_together_are_all_heard() -> None:
    arrivals = [(max(at, 2.3) if 100 <= n < 115 else at, n) for at, n in trace(400)]
    ours = run(sorted(arrivals))
    assert set(ours.held) == set(range(400))
    invented = sum(p.samples for _, p in ours.pieces if p.concealed)
    assert invented <= 0.3 * 48_000
    late = [ours.held[number] for number in range(170, 400)]
    assert max(late) == 0.0 and ours.buffer.target_s == pytest.approx(0.020)


def test_a_path_that_becomes_longer_costs_its_length_once() -> None:
    arrivals = [(at + 0.150 if number >= 100 else at, number) for at, number in trace(800)]
    ours = run(arrivals)
    assert set(ours.held) == set(range(800)) and max(ours.held.values()) == 0.0
    assert sum(p.samples for _, p in ours.pieces if p.concealed) <= 0.150 * 48_000


def test_reordered_packets_come_out_in_order() -> None:
    arrivals = sorted((at + 0.027 if number == 10 else at, number) for at, number in trace(50))
    ours = run(arrivals)
    assert [int(p.payload) for _, p in ours.pieces if p.payload is not None] == list(range(50))
    assert ours.buffer.counts.lost == 0 and ours.buffer.counts.late == 0


def test_a_packet_later_than_its_place_is_counted_and_dropped() -> None:
    arrivals = trace(50)
    del arrivals[10]
    ours = run(sorted([*arrivals, (0.5, 10)]))
    assert 10 not in ours.held
    assert (ours.buffer.counts.lost, ours.buffer.counts.late) == (1, 1)


def test_duplicates_are_dropped() -> None:
    arrivals = sorted(trace(50) + trace(50))
    ours = run(arrivals)
    assert len(ours.pieces) == 50 and ours.buffer.counts.duplicate == 50


def test_numbers_and_timestamps_wrap() -> None:
    ours = run(trace(100, loss=0.1), first_seq=65_500, first_ts=2**32 - 20 * SIZE)
    assert is_continuous(ours.pieces)
    assert ours.buffer.counts.restarts == 0


def test_the_packet_after_a_hole_is_offered_for_its_copy_of_the_lost_one() -> None:
    arrivals = trace(20)
    del arrivals[10]
    (_, piece) = next((at, p) for at, p in run(arrivals).pieces if p.concealed)
    assert (piece.following, piece.samples) == (b"11", SIZE)


def test_silence_of_the_sender_goes_on_as_time_and_ends() -> None:
    """Discontinuous transmission: no packets while nobody speaks, no numbers are missing."""
    buffer: JitterBuffer[bytes] = JitterBuffer()
    for number in range(10):
        buffer.push(number, number * SIZE, b"a", number * STEP_S, SIZE)
        buffer.pop(number * STEP_S)
    invented: list[Piece[bytes]] = []
    while (due := buffer.next_due()) is not None:
        assert not buffer.pop(due - 1e-6)
        invented += buffer.pop(due)
    assert sum(p.samples for p in invented) == int(buffer.limits.fill_s * 48_000)
    assert due is None and all(p.concealed for p in invented)
    buffer.push(10, 10 * SIZE + 5 * 48_000, b"b", 10 * STEP_S + 5.0, SIZE)
    (piece,) = buffer.pop(10 * STEP_S + 5.0)
    assert piece.gap == 5 * 48_000 - sum(p.samples for p in invented)


def test_a_sender_whose_clock_stood_still_is_heard_at_once() -> None:
    buffer: JitterBuffer[bytes] = JitterBuffer()
    for number in range(10):
        buffer.push(number, number * SIZE, b"a", number * STEP_S, SIZE)
        buffer.pop(number * STEP_S)
    while (due := buffer.next_due()) is not None:
        buffer.pop(due)
    for number in range(10, 20):
        at = 4.0 + number * STEP_S
        buffer.push(number, number * SIZE, b"b", at, SIZE)
        assert [(p.payload, p.gap) for p in buffer.pop(at)] == [(b"b", 0)]


def test_a_sender_that_starts_again_is_believed_at_its_second_packet() -> None:
    buffer: JitterBuffer[bytes] = JitterBuffer()
    for number in range(10):
        buffer.push(number, number * SIZE, b"a", number * STEP_S, SIZE)
        buffer.pop(number * STEP_S)
    buffer.push(30_000, 7_000_000, b"stray", 0.20, SIZE)
    assert buffer.pop(0.20) == []
    buffer.push(10, 10 * SIZE, b"a", 0.20, SIZE)
    assert [p.payload for p in buffer.pop(0.20)] == [b"a"]
    buffer.push(50_000, 9_000_000, b"b0", 0.22, SIZE)
    buffer.push(50_001, 9_000_000 + SIZE, b"b1", 0.24, SIZE)
    assert [(p.payload, p.gap) for p in buffer.pop(0.24)] == [(b"b0", 0), (b"b1", 0)]
    assert buffer.counts.restarts == 1


def test_the_wait_is_bounded_on_the_worst_link() -> None:
    limits = JitterLimits()
    ours = run(trace(2000, loss=0.2, jitter_s=0.5, seed=3), tail_s=1.0)
    assert max(ours.held.values()) <= limits.max_s + limits.patience_s
    assert ours.buffer.target_s == limits.max_s


def test_a_forged_timestamp_invents_little() -> None:
    buffer: JitterBuffer[bytes] = JitterBuffer()
    buffer.push(0, 0, b"a", 0.0, SIZE)
    buffer.pop(0.0)
    buffer.push(1, 2**31 - 1, b"b", 0.02, SIZE)
    assert sum(p.samples for p in buffer.pop(0.02)) <= 0.25 * 48_000
