"""A deadline that travels with the work it limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Work that is worth something until `deadline` (seconds of the monotonic clock)."""

    deadline: float

    @classmethod
    def of(cls, limit_s: float, now: float) -> Budget:
        """`limit_s` seconds from `now`."""
        return cls(now + limit_s)

    def left(self, now: float) -> float:
        """Seconds left; negative when late."""
        return self.deadline - now

    def is_spent(self, now: float) -> bool:
        """True from the deadline on."""
        return now >= self.deadline

    def tightened(self, limit_s: float, now: float) -> Budget:
        """The earlier of this deadline and `limit_s` from `now`: for a part of the work."""
        return Budget(min(self.deadline, now + limit_s))
