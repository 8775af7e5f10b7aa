"""The endpoints, spoken to over ASGI with fake pipeline and peers: what is right, and every wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from runtime_fakes import FlatPixels
from server_fakes import FakePeer, FakePipeline, answerer
from starlette.applications import Starlette

from visavis.pipelines import server
from visavis.pipelines.calls import RETRY_AFTER_S
from visavis.pipelines.extensions import Page
from visavis.runtime.errors import WeightsError
from visavis.runtime.frames import VideoFrame
from visavis.runtime.settings import ServerSettings, Settings, WebrtcSettings

CALLS = "/v1/realtime/calls"
SDP = {"Content-Type": "application/sdp"}
SETTINGS = Settings(
    server=ServerSettings(max_sessions=2, allowed_origins=("https://shop.example",)),
    webrtc=WebrtcSettings(max_sdp_bytes=2048, stun=("stun:stun.example:3478",)),
)


@dataclass
class Site:
    client: httpx.AsyncClient
    pipeline: FakePipeline
    peers: list[FakePeer]
    deaths: list[str]


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
    """Starlette's lifespan in the task of the test."""
    async with app.router.lifespan_context(app):
        yield


Scenario = Callable[[Site], Coroutine[None, None, None]]


def run(
    scenario: Scenario, pipeline: FakePipeline | None = None, page: Page | None = None
) -> FakePipeline:
    """Play a scenario on a server of its own, started and stopped around it."""
    pipeline = pipeline or FakePipeline()
    peers: list[FakePeer] = []
    deaths: list[str] = []
    app = server.app(SETTINGS, pipeline, answerer(peers), page, on_death=deaths.append)

    async def main() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with lifespan(app):
            await asyncio.sleep(0)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                await scenario(Site(client, pipeline, peers, deaths))

    asyncio.run(main())
    return pipeline


def test_an_offer_is_answered_with_the_calls_address() -> None:
    async def scenario(it: Site) -> None:
        response = await it.client.post(CALLS, content="offer", headers=SDP)
        assert response.status_code == 201
        assert response.text == "answer to offer"
        assert response.headers["content-type"].startswith("application/sdp")
        location = response.headers["location"]
        assert location.startswith(CALLS + "/rtc_")
        assert (await it.client.get("/health")).json()["sessions"] == 1
        assert (await it.client.post(f"{location}/hangup")).status_code == 200
        assert it.peers[0].closed[0] == "the client hung up"
        assert (await it.client.get("/health")).json()["sessions"] == 0
        assert (await it.client.post(f"{location}/hangup")).status_code == 404

    assert run(scenario).is_closed


def test_a_multipart_offer_carries_the_session_it_wants() -> None:
    async def scenario(it: Site) -> None:
        response = await it.client.post(
            CALLS,
            files={
                "sdp": (None, "offer", "application/sdp"),
                "session": (None, '{"instructions": "be brief"}', "application/json"),
            },
        )
        assert response.status_code == 201
        assert it.pipeline.wanted == [{"instructions": "be brief"}]

    run(scenario)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"broken", SDP, 400, "invalid_sdp"),
        (b"", SDP, 400, "invalid_offer"),
        (b"\xff\xfe", SDP, 400, "not_text"),
        (b"x" * 3000, SDP, 413, "body_too_large"),
        (b"offer", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"offer", {}, 415, "unsupported_media_type"),
        (b"x", {"Content-Type": "multipart/form-data"}, 400, "invalid_multipart"),
        (
            b'--b\r\nContent-Disposition: form-data; name="session"\r\n\r\n{}\r\n--b--\r\n',
            {"Content-Type": "multipart/form-data; boundary=b"},
            400,
            "missing_part",
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="sdp"\r\n\r\nv\r\n'
            + b'--b\r\nContent-Disposition: form-data; name="session"\r\n\r\n[1]\r\n--b--\r\n',
            {"Content-Type": "multipart/form-data; boundary=b"},
            400,
            "invalid_json",
        ),
    ],
)
def test_a_bad_offer_gets_a_reason_and_disturbs_nobody(
    content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    async def scenario(it: Site) -> None:
        good = await it.client.post(CALLS, content="offer", headers=SDP)
        bad = await it.client.post(CALLS, content=content, headers=headers)
        assert (bad.status_code, bad.json()["error"]["code"]) == (status, code)
        assert bad.json()["error"]["message"]
        assert it.peers[0].closed == []
        assert (await it.client.post(f"{good.headers['location']}/hangup")).status_code == 200

    run(scenario)


def test_a_body_without_a_length_is_cut_off_at_the_limit() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"v" * 512

    async def scenario(it: Site) -> None:
        response = await it.client.post(CALLS, content=endless(), headers=SDP)
        assert response.status_code == 413

    # httpx's ASGI transport reads on demand, so an endless body shows that reading stopped.
    run(scenario)
    assert taken <= 2048 // 512 + 2


def test_a_full_server_says_when_to_come_again() -> None:
    async def scenario(it: Site) -> None:
        for _ in range(2):
            assert (await it.client.post(CALLS, content="o", headers=SDP)).status_code == 201
        full = await it.client.post(CALLS, content="o", headers=SDP)
        assert full.status_code == 503
        assert full.headers["retry-after"] == str(int(RETRY_AFTER_S))
        assert full.json()["error"]["code"] == "server_full"
        assert len(it.peers) == 2

    run(scenario)


def test_an_engine_without_a_slot_closes_the_peer_it_refuses() -> None:
    pipeline = FakePipeline()
    pipeline.is_full = True

    async def scenario(it: Site) -> None:
        response = await it.client.post(CALLS, content="o", headers=SDP)
        assert (response.status_code, response.headers["retry-after"]) == (503, "7")
        assert it.peers[0].closed == ["refused"]
        assert (await it.client.get("/health")).json()["sessions"] == 0

    run(scenario, pipeline)


def test_a_conversation_that_fails_ends_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(it: Site) -> None:
        await it.client.post(CALLS, content="o", headers=SDP)
        it.pipeline.talk_raises = ZeroDivisionError("a mistake")
        assert (await it.client.post(CALLS, content="o", headers=SDP)).status_code == 201
        await asyncio.sleep(0)
        assert it.peers[0].closed == []
        assert it.peers[1].closed
        assert (await it.client.get("/health")).json()["sessions"] == 1

    run(scenario)
    assert "a conversation failed" in caplog.text


def test_while_the_model_loads_health_says_so_and_calls_wait() -> None:
    gate = asyncio.Event()

    async def loads() -> None:
        await gate.wait()

    async def scenario(it: Site) -> None:
        health = await it.client.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "starting")
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(it.client.post(CALLS, content="o", headers=SDP))
            await asyncio.sleep(0)
            assert not call.done()
            gate.set()
        assert call.result().status_code == 201
        assert (await it.client.get("/health")).status_code == 200

    run(scenario, FakePipeline(loads))


def test_a_model_that_can_not_be_loaded_is_told_to_everyone() -> None:
    async def loads() -> None:
        raise WeightsError("weight file x is damaged: reinstall visavis")

    async def scenario(it: Site) -> None:
        response = await it.client.post(CALLS, content="o", headers=SDP)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "engine_died")
        assert "weight file x is damaged" in response.json()["error"]["message"]
        assert it.deaths == ["weight file x is damaged: reinstall visavis"]

    run(scenario, FakePipeline(loads))


def test_a_dead_engine_is_reported() -> None:
    async def scenario(it: Site) -> None:
        await it.client.get("/health")
        assert it.pipeline.death is not None
        it.pipeline.death.set_result("out of memory")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert it.deaths == ["out of memory"]
        assert (await it.client.get("/health")).json()["status"] == "failed"
        assert (await it.client.post(CALLS, content="o", headers=SDP)).status_code == 503

    run(scenario)


def test_a_restart_is_answered_and_a_broken_one_changes_nothing() -> None:
    async def scenario(it: Site) -> None:
        location = (await it.client.post(CALLS, content="o", headers=SDP)).headers["location"]
        good = await it.client.post(f"{location}/restart", content="new", headers=SDP)
        assert (good.status_code, good.text) == (200, "again new")
        bad = await it.client.post(f"{location}/restart", content="broken", headers=SDP)
        assert (bad.status_code, bad.json()["error"]["param"]) == (400, "sdp")
        wrong = await it.client.post(f"{location}/restart", content="x", headers={})
        assert wrong.status_code == 415
        gone = await it.client.post(f"{CALLS}/rtc_0/restart", content="x", headers=SDP)
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "call_not_found")
        assert it.peers[0].closed == []

    run(scenario)


def test_candidates_trickle_as_a_fragment_or_as_json() -> None:
    fragment = "a=ice-ufrag:x\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp\r\n"
    fragment += "a=end-of-candidates\r\n"

    async def scenario(it: Site) -> None:
        location = (await it.client.post(CALLS, content="o", headers=SDP)).headers["location"]
        headers = {"Content-Type": "application/trickle-ice-sdpfrag"}
        response = await it.client.patch(location, content=fragment, headers=headers)
        assert response.status_code == 204
        one = {"candidate": "candidate:2", "sdpMid": "1", "sdpMLineIndex": 0}
        assert (await it.client.patch(location, json=one)).status_code == 204
        many = {"candidates": [{"candidate": "", "sdp_mid": "0"}]}
        assert (await it.client.patch(location, json=many)).status_code == 204
        assert it.peers[0].candidates == [
            ("candidate:1 1 udp", "0"),
            ("", "0"),
            ("candidate:2", "1"),
            ("", "0"),
        ]

    run(scenario)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'{"candidates": 3}', "invalid_candidate"),
        (b'{"candidate": 3}', "invalid_candidate"),
        (
            b'{"candidates": [' + b",".join([b'{"candidate":""}'] * 65) + b"]}",
            "too_many_candidates",
        ),
    ],
)
def test_bad_candidates_are_refused(body: bytes, code: str) -> None:
    async def scenario(it: Site) -> None:
        location = (await it.client.post(CALLS, content="o", headers=SDP)).headers["location"]
        headers = {"Content-Type": "application/json"}
        response = await it.client.patch(location, content=body, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (400, code)
        assert it.peers[0].candidates == []

    run(scenario)


def test_a_page_from_elsewhere_may_not_connect_unless_listed() -> None:
    async def scenario(it: Site) -> None:
        evil = {**SDP, "Origin": "https://evil.example"}
        refused = await it.client.post(CALLS, content="o", headers=evil)
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            403,
            "origin_not_allowed",
        )
        assert "access-control-allow-origin" not in refused.headers
        assert it.peers == []
        listed = {**SDP, "Origin": "https://shop.example"}
        response = await it.client.post(CALLS, content="o", headers=listed)
        assert response.status_code == 201
        assert response.headers["access-control-allow-origin"] == "https://shop.example"
        assert "Location" in response.headers["access-control-expose-headers"]

    run(scenario)


def test_a_preflight_allows_the_headers_that_sdks_send() -> None:
    async def scenario(it: Site) -> None:
        headers = {
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-openai-agents-sdk",
        }
        response = await it.client.options(CALLS, headers=headers)
        assert response.status_code == 204
        allowed = response.headers["access-control-allow-headers"]
        assert allowed == "authorization,content-type,x-openai-agents-sdk"
        assert "POST" in response.headers["access-control-allow-methods"]

    run(scenario)


def test_unknown_paths_and_methods_answer_in_the_same_shape() -> None:
    async def scenario(it: Site) -> None:
        missing = await it.client.get("/nothing")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
        wrong = await it.client.get(CALLS)
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
        assert wrong.headers["allow"] == "POST"

    run(scenario)


def test_config_tells_the_page_what_it_needs() -> None:
    async def scenario(it: Site) -> None:
        assert (await it.client.get("/config.json")).json() == {
            "ice_servers": [{"urls": ["stun:stun.example:3478"]}],
            "needs_key": False,
            "pipeline": "fake",
            "hints": ["Say anything."],
            "max_sessions": 2,
        }

    run(scenario)


def test_metrics_count_calls_and_latencies() -> None:
    async def scenario(it: Site) -> None:
        it.pipeline.totals.add({"fusion": 2.0})
        it.pipeline.totals.count("turns")
        call = await it.client.post(CALLS, content="o", headers=SDP)
        lines = (await it.client.get("/metrics")).text.splitlines()
        assert "visavis_sessions 1" in lines
        assert "visavis_sessions_opened_total 1" in lines
        for _ in range(3):
            it.peers[0].video.put(VideoFrame(FlatPixels(0), 64, 48, 0, 0.0))
        later = (await it.client.get("/metrics")).text
        assert 'visavis_dropped_total{what="video"} 2' in later
        await it.client.post(f"{call.headers['location']}/hangup")
        later = (await it.client.get("/metrics")).text
        assert 'visavis_dropped_total{what="video"} 2' in later
        assert 'visavis_latency_ms{stage="fusion",quantile="0.99"} 2.000' in lines
        assert 'visavis_count_total{what="turns"} 1' in lines

    run(scenario)


def test_stopping_tells_everyone_and_gives_everything_back() -> None:
    peers: list[FakePeer] = []

    async def scenario(it: Site) -> None:
        for _ in range(2):
            await it.client.post(CALLS, content="o", headers=SDP)
        peers.extend(it.peers)

    assert run(scenario).is_closed
    for peer in peers:
        assert peer.sent[-1]["type"] == "visavis.session.ended"
        assert peer.closed[0] == "the server is shutting down"


def test_the_page_and_its_headers(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>talk</title>")
    (tmp_path / "page.js").write_text("export {};")
    page = (tmp_path, {"Content-Security-Policy": "default-src 'none'"})

    async def scenario(it: Site) -> None:
        index = await it.client.get("/")
        assert index.status_code == 200
        assert "talk" in index.text
        assert index.headers["content-security-policy"] == "default-src 'none'"
        module = await it.client.get("/page.js")
        assert module.headers["content-type"].startswith("text/javascript")
        assert (await it.client.get("/../secrets")).status_code == 404

    run(scenario, page=page)
