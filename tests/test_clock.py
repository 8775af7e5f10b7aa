"""Virtual time: hours without waiting, and a deadlock that says so."""

from __future__ import annotations

import asyncio
import time

import pytest

from visavis.runtime.clock import (
    LoopClock,
    MonotonicClock,
    VirtualClock,
    VirtualDeadlock,
    run_virtual,
)


def test_virtual_time_jumps_to_the_next_timer() -> None:
    async def main() -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []
        clock = LoopClock()

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, clock.now()))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(sleeper("day", 86_400))
            tasks.create_task(sleeper("hour", 3_600))
        return seen

    assert run_virtual(main()) == [("hour", 3_600), ("day", 86_400)]


def test_the_clock_can_be_given() -> None:
    clock = VirtualClock(5.0)
    run_virtual(asyncio.sleep(2), clock)
    assert clock.now() == 7.0


def test_waiting_for_what_never_comes_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(VirtualDeadlock):
        run_virtual(main())


def test_time_does_not_go_back() -> None:
    clock = VirtualClock()
    with pytest.raises(ValueError, match="go back"):
        clock.advance(-1)
    real = MonotonicClock()
    before = time.monotonic()
    assert before <= real.now() <= real.now()
