"""Tokens of conversations that can be taken up again: whose they are, and how long they are good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from server_fakes import FakePeer, Talk, answerer
from websocket_fakes import FakeSocket, settle
from websocket_fakes import peer as websocket_peer

from visavis.pipelines.calls import Call, Calls, Conversation
from visavis.pipelines.resumption import (
    ELSEWHERE,
    ENDED,
    INVALID,
    KEPT_ENDS,
    Resumptions,
    elsewhere,
)
from visavis.runtime.clock import run_virtual
from visavis.runtime.errors import BadInput, EngineFull
from visavis.runtime.protocols import Transport


def converse(transport: Transport) -> Conversation:
    return Talk(transport)


def with_calls(scenario: Callable[[Calls, Resumptions], object], limit: int = 2) -> None:
    """Play a scenario (a coroutine function) among conversations on virtual time."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            calls = Calls(answerer([]), converse, limit, tasks)
            await scenario(calls, Resumptions())  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
            await calls.close("the test is over")

    run_virtual(main())


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(BadInput) as caught:
        work()
    return caught.value.code


async def over(call: Call, why: str) -> None:
    await call.peer.close(why)
    await call.task
    await settle()


def test_a_token_finds_its_conversation_and_says_nothing_of_it() -> None:
    async def scenario(calls: Calls, resumptions: Resumptions) -> None:
        one, two = calls.join(FakePeer(), "ws"), calls.join(FakePeer(), "ws")
        tokens = [resumptions.issue(call, "key_1") for call in (one, two)]
        assert len(set(tokens)) == 2 and min(map(len, tokens)) >= 43  # 256 bits
        assert [resumptions.find(token, "key_1") for token in tokens] == [one, two]
        held = str(vars(resumptions))
        assert not any(token in held for token in tokens)  # hashes only

    with_calls(scenario)


def test_it_is_good_for_the_key_that_opened_the_conversation_only() -> None:
    async def scenario(calls: Calls, resumptions: Resumptions) -> None:
        call = calls.join(FakePeer(), "ws")
        token = resumptions.issue(call, "key_1")
        assert code_of(lambda: resumptions.find(token, "key_2")) == INVALID
        assert code_of(lambda: resumptions.renew(token, "key_2")) == INVALID
        assert resumptions.find(token, "key_1") is call
        await over(call, "hung up")
        assert code_of(lambda: resumptions.find(token, "key_2")) == INVALID  # nor why it ended
        assert code_of(lambda: resumptions.find(token, "key_1")) == ENDED

    with_calls(scenario)


def test_it_is_spent_when_the_connection_it_opened_is_up() -> None:
    async def scenario(calls: Calls, resumptions: Resumptions) -> None:
        call = calls.join(FakePeer(), "ws")
        first = resumptions.issue(call, "k")
        second = resumptions.renew(first, "k")
        assert resumptions.find(first, "k") is resumptions.find(second, "k") is call
        third = resumptions.renew(first, "k")  # the connection of the second never came up
        assert code_of(lambda: resumptions.find(second, "k")) == INVALID
        resumptions.spend(call.id)
        assert code_of(lambda: resumptions.find(first, "k")) == INVALID
        assert resumptions.find(third, "k") is call
        assert len(resumptions) == 1

    with_calls(scenario)


def test_what_became_of_an_ended_conversation_is_told_and_forgotten_in_time() -> None:
    async def scenario(calls: Calls, resumptions: Resumptions) -> None:
        call = calls.join(FakePeer(), "ws")
        token = resumptions.issue(call, "k")
        await call.peer.close("the client hung up")
        with pytest.raises(BadInput, match="the client hung up"):
            resumptions.find(token, "k")  # also while it is just ending
        await call.task
        await settle()
        assert len(resumptions) == 0
        with pytest.raises(BadInput, match="the client hung up"):
            resumptions.find(token, "k")
        for _ in range(KEPT_ENDS):
            another = calls.join(FakePeer(), "ws")
            resumptions.issue(another, "k")
            await over(another, "enough")
        assert code_of(lambda: resumptions.find(token, "k")) == INVALID
        resumptions.spend(call.id)  # nothing happens

    with_calls(scenario)


def test_a_made_up_token_is_told_by_its_length_only() -> None:
    with pytest.raises(BadInput, match=r"\(7 characters\)") as caught:
        Resumptions().find("made-up", "k")
    assert "made-up" not in str(caught.value)
    assert elsewhere("WebRTC").code == ELSEWHERE


def test_a_vanished_owner_keeps_its_place_for_the_grace_time_and_no_longer() -> None:
    async def scenario(calls: Calls, resumptions: Resumptions) -> None:
        peer, socket = websocket_peer(is_extended=True, resume_s=30.0), FakeSocket()
        call = calls.join(peer, "ws")
        token = resumptions.issue(call, "k")
        serving = asyncio.create_task(peer.serve(socket))
        await settle()
        socket.leave(1006, is_dropped=True)
        await serving
        await asyncio.sleep(29)
        assert len(calls) == 1 and resumptions.find(token, "k") is call
        with pytest.raises(EngineFull):
            calls.join(FakePeer(), "ws")  # the limit counts it
        await asyncio.sleep(2)
        assert len(calls) == 0
        assert code_of(lambda: resumptions.find(token, "k")) == ENDED
        calls.join(FakePeer(), "ws")

    with_calls(scenario, limit=1)
