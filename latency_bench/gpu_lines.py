"""One measurement beside its physical floor, and the table of all of them. Needs no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .figures import Figures

COLUMNS = ("p50", "p95", "p99", "max")


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What the device was measured to do in this run."""

    bytes_per_s: float
    flops_per_s: float

    def floor(self, moved: float, flops: float) -> Floor:
        """The time that no implementation can be below, moving so many bytes and doing so many
        operations, if both go on at once."""
        memory, arithmetic = moved / self.bytes_per_s, flops / self.flops_per_s
        limit = "memory" if memory >= arithmetic else "arithmetic"
        return Floor(max(memory, arithmetic) * 1000, limit, moved, flops)


@dataclass(frozen=True, slots=True)
class Floor:
    """Milliseconds, and what sets them."""

    ms: float
    limit: str
    moved: float
    flops: float


@dataclass(frozen=True, slots=True)
class Line:
    """A quantity in milliseconds. `facts` are single numbers that belong to it."""

    what: str
    at: str
    figures: Figures
    floor: Floor | None = None
    facts: Mapping[str, float | str] = field(default_factory=dict[str, float | str])

    def record(self) -> dict[str, object]:
        """For JSON."""
        found: dict[str, object] = {"what": self.what, "at": self.at, "ms": self.figures.summary()}
        if self.floor is not None:
            found["floor"] = {
                "ms": round(self.floor.ms, 4),
                "limit": self.floor.limit,
                "bytes": round(self.floor.moved),
                "flops": round(self.floor.flops),
            }
            if len(self.figures):
                found["times_floor"] = round(self.figures.quantile(0.5) / self.floor.ms, 2)
        if self.facts:
            found["facts"] = dict(self.facts)
        return found


def table(lines: Sequence[Line]) -> str:
    """Columns of text: milliseconds, the number of samples, the floor and how many times it."""
    head = ["", "at", "samples", *COLUMNS, "floor", "set by", "p50 / floor"]
    rows = [head]
    before = ""
    for line in lines:
        summary = line.figures.summary()
        ms = [_ms(summary[name]) if name in summary else "-" for name in COLUMNS]
        floor = ["-", "-", "-"]
        if line.floor is not None:
            ratio = f"{line.figures.quantile(0.5) / line.floor.ms:.1f}" if ms[0] != "-" else "-"
            floor = [_ms(line.floor.ms), line.floor.limit, ratio]
        what = line.what if line.what != before else ""
        before = line.what
        rows.append([what, line.at, str(len(line.figures)), *ms, *floor])
        for name, value in line.facts.items():
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            rows.append(["", f"  {name}: {shown}"])
    # A row of facts is as wide as it is; only full rows set the columns.
    full = [row for row in rows if len(row) == len(head)]
    widths = [max(len(row[n]) for row in full) for n in range(len(head))]
    return "\n".join(_aligned(row, widths) for row in rows)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
    right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=False)]
    return "  ".join([*left, *right]).rstrip()


def _ms(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"
