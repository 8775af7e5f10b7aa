"""Percentiles of what was measured, with the number of samples always beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MIN_P999 = 1000
"""Samples from which a 99.9th percentile says anything."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Values of one quantity, sorted; milliseconds unless its name says otherwise."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Figures:
        return cls(tuple(sorted(values)))

    def __len__(self) -> int:
        return len(self.values)

    def quantile(self, share: float) -> float:
        """The smallest value that at least this share of the samples does not exceed (nearest
        rank, nothing interpolated); NaN when there is none."""
        return nearest_rank(self.values, share)

    def summary(self) -> dict[str, float]:
        """count, p50, p95, p99, p99.9 (from 1000 samples on) and max."""
        found: dict[str, float] = {"count": len(self)}
        if not self.values:
            return found
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)):
            if name != "p99.9" or len(self) >= MIN_P999:
                found[name] = round(self.quantile(share), 3)
        found["max"] = round(self.values[-1], 3)
        return found


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """Of values in rising order; NaN when there are none."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def share_interval(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share: where the true one lies in 95 of 100 such measurements."""
    if trials == 0:
        return 0.0, 1.0
    p, square = hits / trials, z * z
    middle = p + square / (2 * trials)
    spread = z * math.sqrt(p * (1 - p) / trials + square / (4 * trials * trials))
    scale = 1 + square / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
