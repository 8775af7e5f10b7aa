"""Puts audio packets back in order, says which are lost, and waits no longer than it must.

The listener is a machine: a packet that comes in order is handed on at once, so a clean link costs
nothing. Only a hole makes us wait, for as long as the jitter of the last second makes it plausible
that the missing packet is still on its way. It knows no clock, no codec and no socket.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_DROPOUT = 3_000
"""A forward jump in sequence numbers up to this is loss, beyond it a restart (RFC 3550, A.1)."""
MAX_MISORDER = 100
"""A backward jump up to this is reordering, beyond it a restart (RFC 3550, A.1)."""
MARGIN_S = 0.005


@dataclass(frozen=True, slots=True)
class JitterLimits:
    """How long to wait, all in seconds."""

    base_s: float = 0.020
    """The wait for a missing packet on a clean link, counted from when it should have come."""
    reorder_s: float = 0.010
    """A packet that was overtaken by the next gets at least so long after it."""
    max_s: float = 0.120
    """The same wait never grows beyond this, whatever the link does."""
    patience_s: float = 0.060
    """Added to the wait when nothing at all arrives: a pause of the network, not yet of speech."""
    conceal_s: float = 0.200
    """At most so much of one hole is invented; the rest is reported as a gap."""
    fill_s: float = 1.5
    """A sender that falls silent (DTX, mute) is replaced by invented audio for so long."""
    break_s: float = 2.0
    """A sender's clock that leaps by more than this has been restarted."""


@dataclass(slots=True)
class JitterCounts:
    """What happened so far; packets unless the name says samples."""

    received: int = 0
    duplicate: int = 0
    late: int = 0
    lost: int = 0
    restarts: int = 0
    concealed_samples: int = 0
    gap_samples: int = 0


@dataclass(frozen=True, slots=True)
class Piece(Generic[T]):
    """The next stretch of audio. `payload` None: to be invented, `samples` long."""

    payload: T | None
    timestamp: int
    """Position on the sender's clock in samples, unwrapped."""
    samples: int
    arrived: float
    """When the packet came; of an invented piece, when the packet that showed the hole came, or
    the newest packet before it."""
    gap: int = 0
    """Samples missing before this piece that will not be invented."""
    following: T | None = None
    """For an invented piece: the payload right after it where that is here already, because some
    codecs carry a copy of the lost frame in it."""

    @property
    def concealed(self) -> bool:
        return self.payload is None


@dataclass(frozen=True, slots=True)
class _Held(Generic[T]):
    seq: int
    timestamp: int
    payload: T
    arrived: float
    samples: int
    is_break: bool


@dataclass(slots=True)
class _Transit:
    """How late packets are, against the quickest one of the last seconds."""

    window: deque[float]
    floor: float | None = None
    candidate: float | None = None
    turned: float = 0.0

    def add(self, transit: float, now: float) -> None:
        if self.floor is None or self.candidate is None:
            self.floor = self.candidate = transit
            self.turned = now
        elif now - self.turned > 5.0:  # forget a path, or a drift of clocks, within ten seconds
            self.floor, self.candidate, self.turned = min(self.candidate, transit), transit, now
        self.floor = min(self.floor, transit)
        self.candidate = min(self.candidate, transit)
        self.window.append(transit - self.floor)


@dataclass(slots=True)
class JitterBuffer(Generic[T]):
    """`push` what arrives, `pop` what can be used now, come back at `next_due()`.

    `rate` is the RTP clock of the payload in Hz. Times are seconds of one monotonic clock.
    """

    rate: int = 48_000
    limits: JitterLimits = field(default_factory=JitterLimits)
    counts: JitterCounts = field(default_factory=JitterCounts)
    _held: dict[int, _Held[T]] = field(default_factory=dict[int, _Held[T]])
    _lost: deque[int] = field(default_factory=lambda: deque[int](maxlen=256))
    _suspect: tuple[int, int, T, float, int] | None = None
    _transit: _Transit = field(default_factory=lambda: _Transit(deque[float](maxlen=40)))
    _next_seq: int | None = None
    _highest_seq: int = 0
    _next_ts: int = 0
    _highest_ts: int = 0
    _samples: int = 960
    _arrived: float = 0.0
    _filled: int = 0

    @property
    def target_s(self) -> float:
        """How long a missing packet is waited for now."""
        # The latest of the last 40 packets and a little: waiting costs only where there is a hole,
        # giving up a packet that comes after all costs speech.
        late = max(self._transit.window, default=0.0) + MARGIN_S
        return min(max(late, self.limits.base_s), self.limits.max_s)

    def push(self, seq: int, timestamp: int, payload: T, arrived: float, samples: int) -> None:
        """One packet: 16-bit `seq`, 32-bit `timestamp`, and the `samples` it decodes to."""
        self.counts.received += 1
        if self._next_seq is None:
            self._anchor(seq, timestamp)
        step = _signed(seq - self._highest_seq, 16)
        if step > MAX_DROPOUT or step < -MAX_MISORDER:
            self._suspected(seq, timestamp, payload, arrived, samples)
            return
        self._suspect = None
        self._accept(self._highest_seq + step, timestamp, payload, arrived, samples)

    def pop(self, now: float) -> list[Piece[T]]:
        """Everything that can be used at `now`, in order."""
        pieces: list[Piece[T]] = []
        while self._next_seq is not None:
            held = self._held.pop(self._next_seq, None)
            if held is not None:
                self._use(held, pieces)
            elif (due := self.next_due()) is None or now < due:
                break
            elif self._held:
                self._give_up(pieces)
            else:
                self._fill(pieces)
        return pieces

    def next_due(self) -> float | None:
        """When `pop` has something next if no packet comes before; None: not before a packet."""
        if self._next_seq is None or self._transit.floor is None:
            return None
        if self._next_seq in self._held:
            return self._held[self._next_seq].arrived
        expected = self._transit.floor + self._next_ts / self.rate
        if self._held:
            first = self._held[min(self._held)]
            earliest = first.arrived + self.limits.reorder_s
            return min(max(expected + self.target_s, earliest), first.arrived + self.target_s)
        if self._filled >= self.limits.fill_s * self.rate:
            return None
        # While packets come, however late, nothing is invented: they are all taken.
        return max(expected, self._arrived) + self.target_s + self.limits.patience_s

    def restart(self) -> None:
        """Another sender takes over (a new SSRC): the next packet is the first again."""
        self.counts.restarts += 1
        self.counts.lost += len(self._held)
        self._held.clear()
        self._lost.clear()
        self._next_seq = self._suspect = None
        self._arrived = 0.0
        self._transit = _Transit(deque[float](maxlen=40))

    def _anchor(self, seq: int, timestamp: int) -> None:
        self._next_seq = self._highest_seq = seq
        self._next_ts = self._highest_ts = timestamp
        self._filled = 0

    def _suspected(self, seq: int, ts: int, payload: T, arrived: float, samples: int) -> None:
        """One stray packet changes nothing; two in a row are a sender that started again."""
        before, self._suspect = self._suspect, (seq, ts, payload, arrived, samples)
        if before is None or _signed(seq - before[0], 16) != 1:
            return
        self.restart()
        self._anchor(before[0], before[1])
        self._accept(*before)
        self._accept(self._highest_seq + 1, ts, payload, arrived, samples)

    def _accept(self, seq: int, timestamp: int, payload: T, arrived: float, samples: int) -> None:
        assert self._next_seq is not None
        if seq < self._next_seq:
            if seq in self._lost:
                self._lost.remove(seq)
                self.counts.late += 1
            else:
                self.counts.duplicate += 1
            return
        if seq in self._held:
            self.counts.duplicate += 1
            return
        unwrapped = self._highest_ts + _signed(timestamp - self._highest_ts, 32)
        transit = arrived - unwrapped / self.rate
        floor = self._transit.floor
        is_break = floor is not None and abs(transit - floor) > self.limits.break_s
        if is_break:
            self._transit = _Transit(deque[float](maxlen=40))
        self._transit.add(transit, arrived)
        if seq >= self._highest_seq:
            self._highest_seq, self._highest_ts = seq, unwrapped
        self._held[seq] = _Held(seq, unwrapped, payload, arrived, samples, is_break)
        self._samples = samples
        self._arrived = max(self._arrived, arrived)

    def _use(self, held: _Held[T], pieces: list[Piece[T]]) -> None:
        """A packet in order. Its timestamp may have leapt: over a pause (DTX), or behind what was
        invented meanwhile; speech that really came is never thrown away for invented audio."""
        gap = 0 if held.is_break else self._bridge(held, pieces)
        pieces.append(Piece(held.payload, held.timestamp, held.samples, held.arrived, gap))
        self._next_ts = held.timestamp + held.samples
        self._next_seq = held.seq + 1
        self._filled = 0

    def _give_up(self, pieces: list[Piece[T]]) -> None:
        """The hole before the first held packet will not be filled any more."""
        assert self._next_seq is not None
        first = min(self._held)
        self._lost.extend(range(max(self._next_seq, first - 256), first))
        self.counts.lost += first - self._next_seq
        self._next_seq = first
        self._use(self._held.pop(first), pieces)

    def _bridge(self, held: _Held[T], pieces: list[Piece[T]]) -> int:
        """Invent what is missing before `held`; returns the samples left as a gap."""
        missing = held.timestamp - self._next_ts
        budget = int(self.limits.conceal_s * self.rate) - self._filled
        while missing > 0 and budget > 0:
            size = min(missing, held.samples, budget)
            missing -= size
            budget -= size
            following = held.payload if missing == 0 else None
            self._invent(size, held.arrived, following, pieces)
        if missing <= 0:
            return 0
        self.counts.gap_samples += missing
        return missing

    def _fill(self, pieces: list[Piece[T]]) -> None:
        self._filled += self._samples
        self._invent(self._samples, self._arrived, None, pieces)

    def _invent(
        self, samples: int, arrived: float, following: T | None, pieces: list[Piece[T]]
    ) -> None:
        pieces.append(Piece(None, self._next_ts, samples, arrived, 0, following))
        self._next_ts += samples
        self.counts.concealed_samples += samples


def _signed(difference: int, bits: int) -> int:
    """A difference of counters that wrap after `bits`, as the nearest signed number."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
