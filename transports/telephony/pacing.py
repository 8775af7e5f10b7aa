"""When speech goes to a provider, and how much of it has been played. Plain code, times are given.

A provider with a buffer gets `lead_s` ahead of what it plays, so that a hiccup of ours is not heard;
more would only have to be taken back when the caller interrupts.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..playout import CATCH_UP_S, PACKET_S, Spoken

MARK_EVERY = 2
"""Packets from mark to mark: what was heard is known to 40 ms."""
MAX_WAITING = 15_000
"""Packets that may wait to be sent: five minutes."""
_STARVED_S = 0.040
"""An incomplete group goes when what lies at the provider lasts no longer than this."""


@dataclass(frozen=True, slots=True)
class Due:
    """A packet that goes out now, and when it will have been played if all is well."""

    packet: Spoken
    ends_at: float


@dataclass(slots=True)
class Pacer:
    """Packets that wait to be sent."""

    lead_s: float
    group: int = 1
    """Packets that go out together."""
    dropped: int = 0
    is_held: bool = False
    """The provider asked to wait."""
    _waiting: deque[Spoken] = field(default_factory=deque[Spoken])
    _ends_at: float = float("-inf")
    """When what was sent will have been played."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, packet: Spoken) -> None:
        """Queue a packet; refused and counted when five minutes wait already."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(packet)

    def flush(self) -> None:
        """Drop what waits; what was sent is taken as dropped too."""
        self._waiting.clear()
        self._ends_at = float("-inf")

    def due(self) -> float | None:
        """When something is to be sent; None while there is nothing, or the provider is full."""
        if not self._waiting or self.is_held:
            return None
        count = self._batch()
        if count:
            return self._ends_at - self.lead_s + (count - 1) * PACKET_S
        return self._ends_at - min(_STARVED_S, self.lead_s)

    def pop(self, now: float) -> list[Due]:
        """What is due, one group at a time."""
        due = self.due()
        if due is None or now < due:
            return []
        if now - self._ends_at > CATCH_UP_S:  # after a pause, or a stall: the clock goes on
            self._ends_at = now
        out: list[Due] = []
        for _ in range(min(self.group, len(self._waiting))):
            self._ends_at += PACKET_S
            out.append(Due(self._waiting.popleft(), self._ends_at))
            if out[-1].packet.is_last:
                break
        return out

    def _batch(self) -> int:
        """How many packets make the next group; 0 while it is not full and may become so."""
        for count in range(1, min(self.group, len(self._waiting)) + 1):
            if count == self.group or self._waiting[count - 1].is_last:
                return count
        return 0


@dataclass(frozen=True, slots=True)
class Report:
    """So many samples of a turn at SPEAKING_RATE have been played; `sent_at` is when the last of
    them left here."""

    turn: int
    samples: int
    is_done: bool
    sent_at: float


@dataclass(frozen=True, slots=True)
class _Point:
    name: str
    report: Report
    ends_at: float


@dataclass(slots=True)
class Playback:
    """Follows what was sent until it has been played: told by marks, or taken from the clock."""

    has_marks: bool
    _points: deque[_Point] = field(default_factory=deque[_Point])
    _turn: int | None = None
    _sent: int = 0
    _played: int = 0
    _since_mark: int = 0
    _count: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether all that was sent has been played."""
        return not self._points and not self._since_mark

    def sent(self, due: Due, now: float) -> str | None:
        """A packet left; returns the name of the mark to send after it, if one is due."""
        packet = due.packet
        if packet.turn != self._turn:
            self._turn, self._sent, self._played = packet.turn, 0, 0
        self._sent += packet.samples
        self._since_mark += 1
        if self.has_marks and self._since_mark < MARK_EVERY and not packet.is_last:
            return None
        self._since_mark = 0
        self._count += 1
        name = f"visavis-{self._count}"
        report = Report(packet.turn, self._sent, packet.is_last, now)
        self._points.append(_Point(name, report, due.ends_at))
        return name if self.has_marks else None

    def reached(self, name: str) -> list[Report]:
        """A mark came back. One that was cleared, or never sent, says nothing."""
        if not any(point.name == name for point in self._points):
            return []
        reports: list[Report] = []
        while self._points:
            point = self._points.popleft()
            reports.append(self._report(point))
            if point.name == name:
                break
        return reports

    def elapsed(self, now: float) -> list[Report]:
        """What has been played by the clock; nothing where marks tell."""
        reports: list[Report] = []
        while not self.has_marks and self._points and self._points[0].ends_at <= now:
            reports.append(self._report(self._points.popleft()))
        return reports

    def drained(self) -> list[Report]:
        """Everything that was sent has been played."""
        reports = [self._report(point) for point in self._points]
        self._points.clear()
        return reports

    def due(self) -> float | None:
        """When `elapsed` has something to say."""
        return self._points[0].ends_at if self._points and not self.has_marks else None

    def flush(self) -> None:
        """What is on its way will not be played; its marks mean nothing any more. A turn that goes on
        afterwards goes on where it was heard last."""
        self._points.clear()
        self._since_mark = 0
        self._sent = self._played

    def position(self, turn: int) -> int:
        """Samples of `turn` known to have been played, if it is the one that was sent last."""
        return self._played if turn == self._turn else 0

    def _report(self, point: _Point) -> Report:
        if point.report.turn == self._turn:
            self._played = point.report.samples
        return point.report
