"""How late the event loop runs. A loop that is late makes every conversation late at once."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

ALARM_MS = 20.0
"""A lag above this is counted as a stall: one packet of audio."""

PERIOD_S = 0.05
KEPT = 2400
"""Samples kept for the percentiles: two minutes."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Milliseconds between when a timer was due and when it ran."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    stalls: int
    samples: int


class LoopLag:
    """Asks the loop for a timer twenty times a second and notes how late it comes."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=KEPT)
        self._max_ms = 0.0
        self._stalls = 0
        self._samples = 0

    async def watch(self) -> None:
        """Runs until cancelled."""
        while True:
            # Not loop.time(): uvloop's is in whole milliseconds and stands still in a callback.
            due = time.monotonic() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            self.add(max(0.0, time.monotonic() - due) * 1e3)

    def add(self, lag_ms: float) -> None:
        """One observation."""
        self._samples += 1
        self._recent.append(lag_ms)
        self._max_ms = max(self._max_ms, lag_ms)
        self._stalls += lag_ms > ALARM_MS

    def report(self) -> Lag:
        """Percentiles of the last two minutes; `max_ms` and `stalls` since the start."""
        ordered = sorted(self._recent)
        last = len(ordered) - 1
        return Lag(
            p50_ms=ordered[round(last * 0.5)] if ordered else 0.0,
            p99_ms=ordered[round(last * 0.99)] if ordered else 0.0,
            max_ms=self._max_ms,
            stalls=self._stalls,
            samples=self._samples,
        )
