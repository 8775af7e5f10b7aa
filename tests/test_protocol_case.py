"""One timed way from end to end, on virtual time where it waits."""

from __future__ import annotations

import asyncio

import pytest

from visavis.latency_bench.protocol_case import IN, Arrival, Case
from visavis.runtime.clock import run_virtual


def test_the_first_arrival_counts_and_preparation_does_not() -> None:
    async def main() -> None:
        arrival, steps = Arrival(), list[str]()

        def send() -> None:
            steps.append("sent")
            assert steps == ["prepared", "sent"]
            arrival.came("one")
            arrival.came("two")

        def prepare() -> object:
            steps.append("prepared")
            arrival.came("something left over from before")
            return send

        case = Case("P", IN, "m", prepare, arrival, lambda: steps.append("tidied"))  # type: ignore[arg-type]
        assert min(await case.once()) >= 0
        await case.after()
        assert steps == ["prepared", "sent", "tidied"]

    run_virtual(main())


def test_what_never_arrives_is_waited_for() -> None:
    async def main() -> None:
        arrival = Arrival()
        case = Case("P", IN, "m", lambda: lambda: None, arrival)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await case.once()

    run_virtual(main())
