"""Tokens of conversations that can be taken up again: whose they are, and how long they are good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import cast

import httpx
import pytest
from server_fakes import FakePeer, FakePipeline, ReturningPeer, Talk, answerer
from websocket_fakes import FakeSocket, settle
from websocket_fakes import peer as websocket_peer

from visavis.pipelines import server
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
from visavis.runtime.settings import AccessSettings, Settings

CALLS = "/v1/realtime/calls"
SDP = {"Content-Type": "application/sdp"}
KEYS = (
    "sk-visavis-0123456789abcdef0123456789abcdef",
    "sk-visavis-fedcba9876543210fedcba9876543210",
)


def converse(transport: Transport) -> Conversation:
    return Talk(transport)


def with_calls(scenario: Callable[[Calls, Resumptions], Awaitable[None]], limit: int = 2) -> None:
    """Play a scenario among conversations on virtual time."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            calls = Calls(answerer([]), converse, limit, tasks)
            await scenario(calls, Resumptions())
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


# Over WebRTC: at signalling


Scenario = Callable[[httpx.AsyncClient, list[FakePeer]], Awaitable[None]]


def with_site(
    scenario: Scenario,
    make: Callable[[], FakePeer] = ReturningPeer,
    settings: Settings | None = None,
) -> None:
    """Play a scenario on a server with fake peers."""
    peers: list[FakePeer] = []
    app = server.app(settings or Settings(), FakePipeline(), answerer(peers, make), None)

    async def main() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with app.router.lifespan_context(app):
            await asyncio.sleep(0)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                await scenario(client, peers)

    asyncio.run(main())


def test_a_client_that_asks_for_it_gets_a_token_and_comes_back_with_it() -> None:
    async def scenario(client: httpx.AsyncClient, peers: list[FakePeer]) -> None:
        made = await client.post(f"{CALLS}?visavis=1", content="offer", headers=SDP)
        assert made.status_code == 201
        first, place = made.headers["visavis-resume"], made.headers["location"]
        (peer,) = peers
        assert isinstance(peer, ReturningPeer) and peer.is_waited_for
        peer.on_connected()
        shown = {**SDP, "Visavis-Resume": first}
        again = await client.post(CALLS, content="offer", headers=shown)
        assert (again.status_code, again.text) == (200, "again offer")
        assert again.headers["location"] == place and len(peers) == 1
        second = again.headers["visavis-resume"]
        # The connection did not come up: the same token is good once more.
        again = await client.post(CALLS, content="offer", headers=shown)
        assert again.status_code == 200
        third = again.headers["visavis-resume"]
        peer.on_connected()
        assert len({first, second, third}) == 3
        for spent in (first, second):
            shown = {**SDP, "Visavis-Resume": spent}
            refused = await client.post(CALLS, content="offer", headers=shown)
            error = refused.json()["error"]
            assert (refused.status_code, error["code"]) == (404, INVALID)
            assert spent not in refused.text
        assert (await client.post(f"{place}/hangup")).status_code == 200
        shown = {**SDP, "Visavis-Resume": third}
        refused = await client.post(CALLS, content="offer", headers=shown)
        assert (refused.status_code, refused.json()["error"]["code"]) == (410, ENDED)
        assert "the client hung up" in refused.json()["error"]["message"]

    with_site(scenario)


def test_who_does_not_ask_gets_none_and_is_not_waited_for() -> None:
    async def silent(client: httpx.AsyncClient, peers: list[FakePeer]) -> None:
        made = await client.post(CALLS, content="offer", headers=SDP)
        assert "visavis-resume" not in made.headers
        assert not cast(ReturningPeer, peers[0]).is_waited_for

    async def unable(client: httpx.AsyncClient, _: list[FakePeer]) -> None:
        made = await client.post(f"{CALLS}?visavis=1", content="offer", headers=SDP)
        assert made.status_code == 201 and "visavis-resume" not in made.headers

    with_site(silent)
    with_site(unable, FakePeer)


def test_a_bad_offer_or_another_session_spends_nothing() -> None:
    async def scenario(client: httpx.AsyncClient, _: list[FakePeer]) -> None:
        made = await client.post(f"{CALLS}?visavis=1", content="offer", headers=SDP)
        token = made.headers["visavis-resume"]
        shown = {**SDP, "Visavis-Resume": token}
        broken = await client.post(CALLS, content="broken", headers=shown)
        assert (broken.status_code, broken.json()["error"]["code"]) == (400, "invalid_sdp")
        parts = {"sdp": (None, "offer"), "session": (None, '{"instructions": "x"}')}
        other = await client.post(CALLS, files=parts, headers={"Visavis-Resume": token})
        error = other.json()["error"]
        assert (error["code"], error["param"]) == ("unsupported_parameter", "session")
        assert (await client.post(CALLS, content="offer", headers=shown)).status_code == 200

    with_site(scenario)


def test_a_token_is_good_with_the_key_it_was_given_to_only() -> None:
    settings = Settings(access=AccessSettings(api_keys=KEYS))

    async def scenario(client: httpx.AsyncClient, _: list[FakePeer]) -> None:
        first, second = ({**SDP, "Authorization": f"Bearer {key}"} for key in KEYS)
        made = await client.post(f"{CALLS}?visavis=1", content="offer", headers=first)
        token = {"Visavis-Resume": made.headers["visavis-resume"]}
        for headers, status in ((SDP, 401), (second, 404), (first, 200)):
            back = await client.post(CALLS, content="offer", headers={**headers, **token})
            assert back.status_code == status

    with_site(scenario, settings=settings)


def test_tokens_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    tokens = ["made-up"]

    async def scenario(client: httpx.AsyncClient, _: list[FakePeer]) -> None:
        made = await client.post(f"{CALLS}?visavis=1", content="offer", headers=SDP)
        tokens.append(made.headers["visavis-resume"])
        shown = {**SDP, "Visavis-Resume": tokens[-1]}
        back = await client.post(CALLS, content="offer", headers=shown)
        tokens.append(back.headers["visavis-resume"])
        await client.post(CALLS, content="offer", headers={**SDP, "Visavis-Resume": "made-up"})

    with_site(scenario)
    assert len(tokens) == 3
    said = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert not any(token in said for token in tokens)
