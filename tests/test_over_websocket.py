"""`/v1/realtime` over a real WebSocket on loopback: who gets in, side-band, coming back, teardown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from server_fakes import FakePeer, FakePipeline, answerer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from visavis.pipelines import server
from visavis.pipelines.calls import Conversation
from visavis.pipelines.serve import WS_MARGIN
from visavis.pipelines.taps import Tapped
from visavis.runtime.mailboxes import MailboxClosed
from visavis.runtime.messages import session_created
from visavis.runtime.protocols import Transport
from visavis.runtime.settings import (
    AccessSettings,
    LimitsSettings,
    ServerSettings,
    Settings,
    WebsocketSettings,
)

KEY = "sk-visavis-a-key-for-these-tests-only"
BEARER = {"Authorization": f"Bearer {KEY}"}
SDP = {"Content-Type": "application/sdp"}
SETTINGS = Settings(
    server=ServerSettings(max_sessions=2),
    limits=LimitsSettings(max_message_bytes=100_000),
    websocket=WebsocketSettings(resume_s=30.0),
)
LOCKED = Settings(server=SETTINGS.server, access=AccessSettings(api_keys=(KEY,)))
WITHIN_S = 20.0


class EchoTalk:
    """Tells the session it began with, then says every message back."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def run(self) -> str:
        wanted: Mapping[str, object] = {}
        if isinstance(self._transport, Tapped):
            wanted = self._transport.wanted
        self._transport.send(session_created(wanted))
        try:
            while True:
                message = await self._transport.messages.get()
                self._transport.send({"type": "echo", "message": message})
        except MailboxClosed:
            return "gone"
        finally:
            await self._transport.close("the conversation is over")

    def release(self) -> None:
        pass


class EchoPipeline(FakePipeline):
    def converse(self, transport: Transport) -> Conversation:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        super().converse(transport)  # refuses when it is to be full
        return EchoTalk(transport)


@dataclass
class Site:
    port: int
    http: httpx.AsyncClient
    pipeline: EchoPipeline
    peers: list[FakePeer]

    def url(self, query: str = "") -> str:
        return f"ws://127.0.0.1:{self.port}/v1/realtime{query}"

    async def sessions(self) -> int:
        return int((await self.http.get("/health")).json()["sessions"])

    async def until_sessions(self, count: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while await self.sessions() != count:  # noqa: ASYNC110 - only /health tells
                await asyncio.sleep(0.02)


class QuietServer(uvicorn.Server):
    """pytest keeps its own signal handlers."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return nullcontext()


class Prepared:
    """A server that is made, and not started: making it reads files, which the loop may not."""

    def __init__(self, settings: Settings) -> None:
        self.pipeline = EchoPipeline()
        self.peers: list[FakePeer] = []
        self.config = uvicorn.Config(
            server.app(settings, self.pipeline, answerer(self.peers), None),
            port=0,
            log_config=None,
            lifespan="on",
            ws_max_size=settings.limits.max_message_bytes + WS_MARGIN,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=3,
        )
        self.config.load()


@asynccontextmanager
async def site(prepared: Prepared) -> AsyncGenerator[Site]:
    running = QuietServer(prepared.config)
    task = asyncio.create_task(running.serve())
    async with asyncio.timeout(WITHIN_S):
        while not running.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S) as http:
        try:
            yield Site(port, http, prepared.pipeline, prepared.peers)
        finally:
            running.should_exit = True
            await task


Scenario = Callable[[Site], Coroutine[None, None, None]]


def run(scenario: Scenario, settings: Settings = SETTINGS) -> None:
    prepared = Prepared(settings)

    async def main() -> None:
        async with site(prepared) as it:
            await scenario(it)

    asyncio.run(main())


async def event(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN_S):
        found: dict[str, Any] = json.loads(await socket.recv())
        return found


async def say(socket: ClientConnection, message: Mapping[str, object]) -> None:
    await socket.send(json.dumps(message))


async def refused(url: str, **options: Any) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    """Status, error and headers of an upgrade that is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    response = caught.value.response
    body = json.loads(bytes(response.body or b"{}"))
    return response.status_code, body["error"], response.headers


async def turned_away(url: str, token: str) -> tuple[int, dict[str, Any]]:
    """The close code and the error of a token that is good for nothing."""
    async with connect(url, additional_headers={"Visavis-Resume": token}) as socket:
        told = await event(socket)
        with pytest.raises(ConnectionClosed) as closed:
            await event(socket)
    assert closed.value.rcvd is not None
    error: dict[str, Any] = told["error"]
    return closed.value.rcvd.code, error


async def a_call(it: Site) -> str:
    made = await it.http.post("/v1/realtime/calls", content="offer", headers=SDP)
    return str(made.headers["location"])


def test_a_client_talks_and_leaves_nothing_behind() -> None:
    async def scenario(it: Site) -> None:
        async with connect(it.url("?model=gpt-realtime")) as socket:
            assert socket.subprotocol is None
            first = await event(socket)
            assert first["type"] == "session.created" and first["event_id"]
            await say(socket, {"type": "response.create", "event_id": "e1"})
            assert (await event(socket))["message"]["event_id"] == "e1"
            await socket.send(b'{"type": "as bytes"}')
            assert (await event(socket))["message"] == {"type": "as bytes"}
            assert await it.sessions() == 1
        await it.until_sessions(0)

    run(scenario)


def test_a_browser_offers_its_key_as_a_sub_protocol() -> None:
    async def scenario(it: Site) -> None:
        names = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-agents-sdk.0.20.0"]
        offered = [Subprotocol(name) for name in names]
        async with connect(it.url(), subprotocols=offered) as socket:
            assert socket.subprotocol == "realtime"
            assert (await event(socket))["type"] == "session.created"
        wrong = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.sk-wrong")]
        status, error, _ = await refused(it.url(), subprotocols=wrong)
        assert (status, error["code"]) == (401, "invalid_api_key")
        status, error, _ = await refused(it.url())
        assert (status, error["code"]) == (401, "missing_api_key")
        async with connect(it.url(), additional_headers=BEARER) as socket:
            assert (await event(socket))["type"] == "session.created"

    run(scenario, LOCKED)


def test_a_page_from_elsewhere_does_not_get_in() -> None:
    async def scenario(it: Site) -> None:
        status, error, _ = await refused(it.url(), origin=Origin("https://evil.example"))
        assert (status, error["code"]) == (403, "origin_not_allowed")
        async with connect(it.url(), origin=Origin("http://localhost:3000")) as socket:
            assert (await event(socket))["type"] == "session.created"

    run(scenario)


def test_a_full_server_says_when_to_come_again() -> None:
    async def scenario(it: Site) -> None:
        it.pipeline.is_full = True
        status, error, headers = await refused(it.url())
        assert (status, error["code"]) == (503, "server_full")
        assert headers["Retry-After"] == "7"
        it.pipeline.is_full = False
        async with connect(it.url()) as one, connect(it.url()) as two:
            assert (await event(one))["type"] == (await event(two))["type"]
            status, error, _ = await refused(it.url())
            assert status == 503 and "places are taken" in error["message"]
        await it.until_sessions(0)
        async with connect(it.url()) as again:
            assert (await event(again))["type"] == "session.created"

    run(scenario)


@pytest.mark.parametrize(
    ("query", "param"), [("?intent=sing", "intent"), (f"?model={'m' * 300}", "model")]
)
def test_an_address_that_can_not_be_used_is_told(query: str, param: str) -> None:
    async def scenario(it: Site) -> None:
        status, error, _ = await refused(it.url(query))
        assert (status, error["param"]) == (400, param)
        assert await it.sessions() == 0

    run(scenario)


def test_transcription_is_asked_for_in_the_address() -> None:
    async def scenario(it: Site) -> None:
        async with connect(it.url("?intent=transcription")) as socket:
            await event(socket)
            assert (await event(socket))["message"]["session"] == {"type": "transcription"}

    run(scenario)


def test_a_client_secret_brings_its_session() -> None:
    async def scenario(it: Site) -> None:
        body = {"session": {"type": "realtime", "instructions": "Speak like a pirate."}}
        made = await it.http.post("/v1/realtime/client_secrets", json=body, headers=BEARER)
        assert made.status_code == 200
        bearer = {"Authorization": f"Bearer {made.json()['value']}"}
        async with connect(it.url(), additional_headers=bearer) as socket:
            created = await event(socket)
            assert created["session"]["instructions"] == "Speak like a pirate."

    run(scenario, LOCKED)


def test_messages_have_a_size_and_it_is_named() -> None:
    async def scenario(it: Site) -> None:
        async with connect(it.url()) as socket:
            await event(socket)
            await socket.send('{"type": "' + "x" * 100_000 + '"}')
            error = (await event(socket))["error"]
            assert error["code"] == "message_too_large" and "100000" in error["message"]
            await say(socket, {"type": "fine"})
            assert (await event(socket))["message"] == {"type": "fine"}
            with pytest.raises(ConnectionClosed) as closed:
                await socket.send("x" * (100_000 + WS_MARGIN + 1))
                await event(socket)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
            assert str(100_000 + WS_MARGIN) in closed.value.rcvd.reason
        await it.until_sessions(0)

    run(scenario)


def test_a_backend_listens_in_on_a_call_and_steers_it() -> None:
    async def scenario(it: Site) -> None:
        call = await a_call(it)
        call_id = call.rsplit("/", 1)[1]
        async with connect(it.url(f"?call_id={call_id}")) as socket:
            assert (await event(socket))["type"] == "session.created"
            await say(socket, {"type": "session.update", "session": {}})
            echo = await event(socket)
            assert echo["message"]["type"] == "session.update"
            assert it.peers[0].sent[-1]["type"] == "echo"  # the client was told, too
            await say(socket, {"type": "input_audio_buffer.append", "audio": "", "event_id": "a"})
            error = (await event(socket))["error"]
            assert (error["code"], error["event_id"]) == ("audio_over_sideband", "a")
            await socket.send("{")
            assert (await event(socket))["error"]["code"] == "invalid_json"
            await it.http.post(f"{call}/hangup")
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await event(socket)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                1000,
                "the call has ended",
            )
        status, error, _ = await refused(it.url(f"?call_id={call_id}"))
        assert (status, error["code"]) == (404, "call_not_found")

    run(scenario)


def test_a_listener_that_leaves_leaves_the_call_alone() -> None:
    async def scenario(it: Site) -> None:
        call = await a_call(it)
        for _ in range(2):
            async with connect(it.url(f"?call_id={call.rsplit('/', 1)[1]}")) as socket:
                await event(socket)
        assert await it.sessions() == 1
        assert (await it.http.post(f"{call}/hangup")).status_code == 200
        await it.until_sessions(0)

    run(scenario)


def test_a_call_under_way_is_neither_accepted_nor_rejected_nor_transferred() -> None:
    async def scenario(it: Site) -> None:
        call = await a_call(it)
        for action, status, code in (
            ("accept", 409, "call_already_accepted"),
            ("reject", 409, "call_already_accepted"),
            ("refer", 400, "call_not_transferable"),
        ):
            answer = await it.http.post(f"{call}/{action}", json={"target_uri": "tel:+1"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
            unknown = await it.http.post(f"/v1/realtime/calls/rtc_none/{action}", json={})
            assert unknown.status_code == 404
        assert (await it.http.post(f"{call}/hangup")).status_code == 200

    run(scenario)


def test_a_page_of_an_allowed_origin_may_ask_and_read_where_its_call_is() -> None:
    async def scenario(it: Site) -> None:
        page = {"Origin": "http://localhost:3000"}
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, x-openai-agents-sdk",
        }
        for path in ("calls", "client_secrets"):
            answer = await it.http.options(f"/v1/realtime/{path}", headers=page | asked)
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-origin"] == page["Origin"]
            assert "x-openai-agents-sdk" in answer.headers["access-control-allow-headers"]
        made = await it.http.post("/v1/realtime/calls", content="o", headers=page | SDP)
        assert "Location" in made.headers["access-control-expose-headers"]
        evil = {"Origin": "https://evil.example"} | asked
        assert (await it.http.options("/v1/realtime/calls", headers=evil)).status_code == 403

    run(scenario)


def test_a_client_that_lost_its_connection_finds_its_conversation_again() -> None:
    async def scenario(it: Site) -> None:
        async with connect(it.url("?visavis=1")) as first:
            created = await event(first)
            resumable = await event(first)
            assert resumable["type"] == "visavis.session.resumable"
            await say(first, {"type": "one"})
            await event(first)
            first.transport.abort()
        assert await it.sessions() == 1  # it is waited for
        token = resumable["token"]
        names = [Subprotocol("realtime"), Subprotocol(f"visavis-resume.{token}")]
        after = f"?after={resumable['event_id']}"
        async with connect(it.url(after), subprotocols=names) as second:
            assert second.subprotocol == "realtime"
            resumed = await event(second)
            assert resumed["type"] == "visavis.session.resumed"
            assert (resumed["replayed"], resumed["is_complete"]) == (1, True)
            assert (await event(second))["message"] == {"type": "one"}
            await say(second, {"type": "two"})
            assert (await event(second))["message"] == {"type": "two"}
            # Nor does an offer of WebRTC get anywhere with it.
            shown = {**SDP, "Visavis-Resume": resumed["token"]}
            offered = await it.http.post("/v1/realtime/calls", content="offer", headers=shown)
            error = offered.json()["error"]
            assert (offered.status_code, error["code"]) == (409, "resume_other_transport")
            # A token is good once: the client was given another.
            status, error = await turned_away(it.url(), token)
            assert (status, error["code"]) == (1008, "resume_token_invalid")
            header = {"Visavis-Resume": resumed["token"]}
            async with connect(it.url(), additional_headers=header) as third:  # and once more
                again = await event(third)
                assert again["replayed"] == 5
                assert (await event(third))["event_id"] == created["event_id"]
                assert len({token, resumed["token"], again["token"]}) == 3
        await it.until_sessions(0)
        status, error = await turned_away(it.url(), again["token"])
        assert (status, error["code"]) == (1008, "resume_session_ended")
        assert "the client closed the connection" in error["message"]
        status, error = await turned_away(it.url(), "made-up")
        assert (status, error["code"]) == (1008, "resume_token_invalid")
        assert "made-up" not in error["message"]

    run(scenario)


def test_a_client_that_asked_for_nothing_is_gone_with_its_connection() -> None:
    async def scenario(it: Site) -> None:
        async with connect(it.url()) as socket:
            await event(socket)
            socket.transport.abort()
        await it.until_sessions(0)

    run(scenario)


def test_a_server_that_stops_says_goodbye() -> None:
    prepared = Prepared(SETTINGS)

    async def main() -> None:
        async with site(prepared) as it:
            socket = await connect(it.url())
            await event(socket)
        with pytest.raises(ConnectionClosed):
            while True:
                await event(socket)

    asyncio.run(main())
