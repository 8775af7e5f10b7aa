"""How much may come in how fast: a bucket that fills with time. Plain code, times are given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Allowance:
    """`per_s` for ever and `burst` at once."""

    per_s: float
    burst: float
    _left: float | None = None
    _at: float = 0.0

    def take(self, amount: float, now: float) -> bool:
        """Whether so much was still allowed at `now`; what was not is not taken."""
        left = self.burst if self._left is None else self._left + (now - self._at) * self.per_s
        self._left, self._at = min(left, self.burst), now
        if amount > self._left:
            return False
        self._left -= amount
        return True
