"""One thing that is timed by `bench protocol`, and the moment at which it arrives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

IN, OUT = "in", "out"


class Arrival:
    """Somewhere at the end of a way: says when something came. Event loop only."""

    def __init__(self) -> None:
        self._at = 0.0
        self._came = asyncio.Event()

    def came(self, _: object = None) -> None:
        """It is here; the first one since `clear` counts."""
        if not self._came.is_set():
            self._at = time.perf_counter()
            self._came.set()

    def clear(self) -> None:
        """The next one is waited for."""
        self._came.clear()

    async def wait(self) -> float:
        """When it came, on the clock of `time.perf_counter`."""
        await self._came.wait()
        return self._at


@dataclass(slots=True)
class Case:
    """One message of one protocol. `prepare` makes it, untimed, and returns what puts it in at one
    end; `arrival` is the other."""

    protocol: str
    direction: str
    message: str
    prepare: Callable[[], Callable[[], None]]
    arrival: Arrival
    tidy: Callable[[], None] = lambda: None
    """Called afterwards, untimed: so that the next one finds what this one found."""

    async def once(self) -> tuple[float, float]:
        """Milliseconds from end to end, and those of the whole process' computing meanwhile."""
        send = self.prepare()
        self.arrival.clear()
        computed, began = time.process_time(), time.perf_counter()
        send()
        arrived = await self.arrival.wait()
        return (arrived - began) * 1e3, (time.process_time() - computed) * 1e3

    async def after(self) -> None:
        """Untimed; what it sets in motion is over when it returns."""
        self.tidy()
        for _ in range(5):
            await asyncio.sleep(0)
