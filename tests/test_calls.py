"""Conversations under way: opened up to a limit, ended alone, and all ended within a bounded time."""

from __future__ import annotations

import asyncio

import pytest
from server_fakes import FakePeer, Talk, answerer

from visavis.pipelines.calls import CLOSING_S, FAREWELL_S, NOT_FOUND, Calls, Conversation, Converse
from visavis.runtime.clock import run_virtual
from visavis.runtime.errors import BadInput, EngineFull
from visavis.runtime.protocols import Transport


class Stubborn:
    """A conversation that does not end with its peer."""

    def __init__(self) -> None:
        self.was_cancelled = False

    async def run(self) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return ""

    def release(self) -> None:
        pass


def talk(transport: Transport) -> Conversation:
    return Talk(transport)


def make(peers: list[FakePeer], tasks: asyncio.TaskGroup, converse: Converse = talk) -> Calls:
    return Calls(answerer(peers), converse, 2, tasks)


def test_offers_at_the_same_time_share_the_places() -> None:
    peers: list[FakePeer] = []

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            calls = make(peers, tasks)
            opened = await asyncio.gather(
                *(calls.open("o") for _ in range(3)), return_exceptions=True
            )
            assert sum(isinstance(one, EngineFull) for one in opened) == 1
            assert (len(calls), calls.opened, calls.refused) == (2, 2, 1)
            await calls.close("the end")
            assert len(calls) == 0
            with pytest.raises(EngineFull, match="shutting down"):
                await calls.open("o")

    run_virtual(main())
    assert len(peers) == 2


def test_a_peer_that_is_connected_already_joins_within_the_same_limit() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            calls = make([], tasks)
            phones = [FakePeer(), FakePeer()]
            joined = [calls.join(phone, "tel") for phone in phones]
            assert all(call.id.startswith("tel_") for call in joined)
            with pytest.raises(EngineFull, match="all 2 places"):
                calls.join(FakePeer(), "tel")
            assert (len(calls), calls.opened, calls.refused) == (2, 2, 1)
            await phones[0].close("hung up")
            await joined[0].task
            assert len(calls) == 1
            await calls.close("the end")
            with pytest.raises(EngineFull, match="shutting down"):
                calls.join(FakePeer(), "tel")

    run_virtual(main())


def test_a_broken_offer_takes_no_place() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            calls = make([], tasks)
            with pytest.raises(BadInput):
                await calls.open("broken")
            assert len(calls) == 0

    run_virtual(main())


def test_a_call_that_has_ended_is_not_found() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            calls = make([], tasks)
            call_id, _ = await calls.open("o")
            await calls.hang_up(call_id)
            with pytest.raises(BadInput) as missing:
                calls.get(call_id)
            assert missing.value.code == NOT_FOUND

    run_virtual(main())


def test_a_conversation_that_will_not_end_is_cancelled_in_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stubborn = Stubborn()

    def converse(_: Transport) -> Conversation:
        return stubborn

    async def main() -> float:
        async with asyncio.TaskGroup() as tasks:
            calls = make([], tasks, converse)
            await calls.open("o")
            await asyncio.sleep(0)
            await calls.close("the end")
            return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(FAREWELL_S + CLOSING_S)
    assert stubborn.was_cancelled
    assert "did not end in time" in caplog.text
