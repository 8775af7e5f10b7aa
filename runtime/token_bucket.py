"""How much of something may be used over time: a burst at once, then so much per second.

Plain arithmetic; the time is an argument.
"""

from __future__ import annotations


class TokenBucket:
    """Full at the start. `burst` is the most that fits, `per_s` what comes back in a second."""

    __slots__ = ("_at", "_left", "burst", "per_s")

    def __init__(self, burst: float, per_s: float, now: float) -> None:
        if burst <= 0 or per_s <= 0:
            raise ValueError(f"burst is {burst} and per_s is {per_s}: both must be above 0")
        self.burst = burst
        self.per_s = per_s
        self._left = burst
        self._at = now

    def left(self, now: float) -> float:
        """What could be taken at `now`."""
        return min(self.burst, self._left + max(0.0, now - self._at) * self.per_s)

    def take(self, amount: float, now: float) -> bool:
        """Take all of `amount` or nothing; False when there is not enough."""
        left = self.left(now)
        self._at = max(now, self._at)
        self._left = left if amount > left else left - amount
        return amount <= left

    def give(self, amount: float, now: float) -> None:
        """Give back what was taken and not used."""
        self._left = min(self.burst, self.left(now) + amount)
        self._at = max(now, self._at)

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until `amount` could be taken; infinity when it never fits."""
        if amount > self.burst:
            return float("inf")
        return max(0.0, (amount - self.left(now)) / self.per_s)
