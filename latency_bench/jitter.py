"""`visavis bench jitter`: our jitter buffer beside aiortc's, on the same traces of arrivals.

No network and no waiting: a trace says when each packet of 20 ms came, both buffers are driven as
their owners drive them, and every packet's time inside is noted.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiortc.jitterbuffer import JitterBuffer as AiortcBuffer
from aiortc.rtp import RtpPacket

from ..transports.jitter_buffer import JitterBuffer
from .figures import Figures
from .report import facts_table, figures_table, show

PACKET_SAMPLES = 960
STEP_S = 0.020
PACKETS = 3000
"""One minute."""
BURST = range(1500, 1515)
"""300 ms of trouble."""
BASE_S = 0.020

Trace = list[tuple[float, int]]
"""(arrival in seconds, packet number), in order of arrival."""
Held = dict[int, float]
"""Seconds in the buffer by packet number; lost packets are not in it."""


def trace(
    *,
    loss: float = 0.0,
    jitter_s: float = 0.0,
    burst: range = range(0),
    stall: range = range(0),
    seed: int = 1,
) -> Trace:
    """A minute of packets: each is lost with the chance `loss`, or late by up to `jitter_s`. Those
    of `burst` are lost together, those of `stall` come together with the next one after them."""
    dice = random.Random(seed)
    arrivals: Trace = []
    for number in range(PACKETS):
        late, is_lost = dice.random() * jitter_s, dice.random() < loss
        if not is_lost and number not in burst:
            sent = stall.stop if number in stall else number
            arrivals.append((sent * STEP_S + late, number))
    return sorted(arrivals)


TRACES: Mapping[str, Trace] = {
    "clean": trace(),
    "2 % lost, 30 ms jitter": trace(loss=0.02, jitter_s=0.030),
    "one lost": trace(burst=BURST[:1]),
    "300 ms lost": trace(burst=BURST),
    "300 ms held up": trace(stall=BURST),
}
TROUBLED = ("one lost", "300 ms lost", "300 ms held up")
"""Traces with one trouble from which a buffer should recover."""


def ours(arrivals: Trace) -> Held:
    """Through our buffer: pop after each push and whenever it is due."""
    buffer: JitterBuffer[bytes] = JitterBuffer()
    held: Held = {}

    def take(now: float) -> None:
        for piece in buffer.pop(now):
            if piece.payload is not None:
                held[int(piece.payload)] = now - piece.arrived

    for at, number in arrivals:
        while (due := buffer.next_due()) is not None and due <= at:
            take(due)
        timestamp = number * PACKET_SAMPLES & 0xFFFFFFFF
        buffer.push(number & 0xFFFF, timestamp, str(number).encode(), at, PACKET_SAMPLES)
        take(at)
    return held


def aiortcs(arrivals: Trace) -> Held:
    """Through aiortc's, with the sizes its receiver gives it for audio."""
    buffer = AiortcBuffer(capacity=16, prefetch=4)
    came = {number: at for at, number in arrivals}
    held: Held = {}
    for at, number in arrivals:
        packet = RtpPacket(sequence_number=number & 0xFFFF, timestamp=number * PACKET_SAMPLES)
        packet._data = b"x"  # type: ignore[attr-defined]  # what its depayload sets
        _, frame = buffer.add(packet)
        if frame is not None:
            out = frame.timestamp // PACKET_SAMPLES
            held[out] = at - came[out]
    return held


def back_to_base_s(held: Held, burst: range = BURST) -> float | None:
    """Seconds from the end of the trouble until no packet is held longer than `BASE_S` any more;
    None when that never comes."""
    slow = [n for n, seconds in held.items() if n > burst.start and seconds > BASE_S + 1e-9]
    if not slow:
        return 0.0
    last = max(slow)
    return None if last >= max(held) - 1 else max(0, last + 1 - burst.stop) * STEP_S


@dataclass(frozen=True, slots=True)
class Side:
    """One buffer on one trace."""

    delay_ms: Figures
    heard: int
    """Packets that came out."""
    back_s: float | None


def compare(arrivals: Trace) -> dict[str, Side]:
    """Both on one trace."""
    return {
        name: Side(Figures.of(s * 1e3 for s in held.values()), len(held), back_to_base_s(held))
        for name, held in (("visavis", ours(arrivals)), ("aiortc", aiortcs(arrivals)))
    }


def run_jitter(path: Path | None) -> None:
    """Measure and show."""
    rows: dict[str, Figures] = {}
    facts: dict[str, str] = {}
    result: dict[str, object] = {"bench": "jitter"}
    for name, arrivals in TRACES.items():
        sides = compare(arrivals)
        for who, side in sides.items():
            rows[f"{name}: {who}"] = side.delay_ms
        for who, side in sides.items():
            told: dict[str, object] = {
                "delay_ms": side.delay_ms.summary(),
                "heard": side.heard,
                "of": len(arrivals),
            }
            if name in TROUBLED:
                told["back_to_base_s"] = side.back_s
                back = "never" if side.back_s is None else f"after {side.back_s:.2f} s"
                facts[f"{name}: {who} is back at {BASE_S * 1e3:.0f} ms"] = back
            result[f"{name}: {who}"] = told
    show([figures_table("delay added", rows), facts_table(facts)], result, path)
