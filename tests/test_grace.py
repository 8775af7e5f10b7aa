"""How long a client whose connection is gone is waited for."""

from __future__ import annotations

import asyncio

from visavis.runtime.clock import run_virtual
from visavis.transports.grace import Grace


def test_the_wait_ends_with_the_reason_and_the_seconds() -> None:
    async def main() -> None:
        told: list[str] = []
        grace = Grace(told.append, 30.0)
        assert grace.begin("the client closed the connection") and grace.is_waiting
        await asyncio.sleep(29.9)
        assert told == []
        await asyncio.sleep(0.2)
        assert told == [
            "the client closed the connection, and did not come back within 30 s",
        ]
        assert not grace.is_waiting

    run_virtual(main())


def test_a_client_that_comes_back_is_not_given_up() -> None:
    async def main() -> None:
        told: list[str] = []
        grace = Grace(told.append, 30.0)
        assert grace.begin("lost")
        await asyncio.sleep(20)
        grace.end()
        await asyncio.sleep(60)
        assert grace.begin("lost again")  # and the whole time is there once more
        await asyncio.sleep(29)
        assert told == []
        grace.end()
        grace.end()
        assert not grace.is_waiting

    run_virtual(main())


def test_nobody_is_waited_for_unless_told() -> None:
    async def main() -> None:
        told: list[str] = []
        assert not Grace(told.append).begin("lost")
        await asyncio.sleep(1)
        assert told == []

    run_virtual(main())
