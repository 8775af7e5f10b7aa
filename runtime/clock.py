"""Where the time comes from: the machine's monotonic clock, or a virtual one that jumps.

`run_virtual` runs a coroutine on an event loop whose time moves to the next timer whenever nothing
is left to do, so a test of an hour takes milliseconds and always goes the same way.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Seconds that never go back."""

    def now(self) -> float: ...


class MonotonicClock:
    """The machine's clock, the one `asyncio` loops use too."""

    def now(self) -> float:
        return time.monotonic()


class VirtualClock:
    """Time that stands still until it is moved."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`, which can't be negative."""
        if seconds < 0:
            raise ValueError(f"clock can't go back {-seconds} s")
        self._now += seconds


class LoopClock:
    """The time of the running event loop: virtual under `run_virtual`, else the machine's."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()


class VirtualDeadlock(Exception):
    """Nothing is ready and no timer is set: on virtual time this would wait for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that never waits: it moves the clock instead."""

    clock: VirtualClock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise VirtualDeadlock(
                "every task waits and no timer is set: something awaited will never happen"
            )
        self.clock.advance(max(0.0, timeout))
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time. Threads are not waited for: fake them."""

    def __init__(self, clock: VirtualClock) -> None:
        selector = _JumpingSelector()
        selector.clock = clock
        self.clock = clock
        super().__init__(selector)

    def time(self) -> float:
        return self.clock.now()


def run_virtual(main: Coroutine[Any, Any, T], clock: VirtualClock | None = None) -> T:
    """Run `main` to its end on virtual time; what it leaves running is cancelled.

    Raises `VirtualDeadlock` when everything waits for something that has no timer.
    """
    clock = clock or VirtualClock()
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main)
