"""Signalling of RTVI's clients, with peers that record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from server_fakes import FakePeer, FakePipeline, answerer
from starlette.applications import Starlette

from visavis.pipelines import server
from visavis.pipelines.calls import Peer
from visavis.pipelines.ways import Player, Ways
from visavis.runtime.errors import BadInput
from visavis.runtime.settings import AccessSettings, ServerSettings, Settings, WebrtcSettings

KEY = "sk-visavis-0123456789abcdef0123456789abcdef"
OPEN = Settings(
    server=ServerSettings(max_sessions=2),
    webrtc=WebrtcSettings(max_sdp_bytes=2048, stun=("stun:stun.example:3478",)),
)
KEYED = Settings(access=AccessSettings(api_keys=(KEY,)))
OFFER = {"sdp": "an offer", "type": "offer", "pc_id": None, "restart_pc": False}


@dataclass
class Site:
    client: httpx.AsyncClient
    pipeline: FakePipeline
    peers: list[FakePeer]
    notices: list[str | None]

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=body, headers=headers)


Scenario = Callable[[Site], Coroutine[None, None, None]]


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    async with app.router.lifespan_context(app):
        yield


async def nobody_listens(peer: Peer, sdp: str) -> tuple[str, Player]:
    raise BadInput("not in this test", code="not_audible")


def run(scenario: Scenario, settings: Settings = OPEN) -> None:
    pipeline = FakePipeline()
    peers: list[FakePeer] = []
    notices: list[str | None] = []

    def rtvi(notice: str | None) -> Callable[[str], Any]:
        notices.append(notice)
        return answerer(peers)

    ways = Ways(rtvi=rtvi, whip=answerer(peers), listen=nobody_listens)
    app = server.app(settings, pipeline, answerer(peers), None, ways=ways)

    async def main() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765")
        async with lifespan(app), client:
            async with asyncio.timeout(20):
                await scenario(Site(client, pipeline, peers, notices))

    asyncio.run(main())


def told(response: httpx.Response, status: int) -> Mapping[str, Any]:
    """The error as RTVI's clients read it."""
    body = response.json()
    assert response.status_code == status, body
    assert body["info"] == body["detail"] == body["error"]["message"]
    return dict(body["error"])


def test_start_offer_and_candidates() -> None:
    async def scenario(site: Site) -> None:
        body = {"transport": "webrtc", "body": {"session": {"instructions": "Be brief."}}}
        started = (await site.post("/start", body)).json()
        assert started["iceConfig"] == {"iceServers": [{"urls": ["stun:stun.example:3478"]}]}
        path = f"/sessions/{started['sessionId']}/api/offer"
        answered = (await site.post(path, OFFER)).json()
        assert (answered["sdp"], answered["type"]) == ("answer to an offer", "answer")
        assert answered["pc_id"].startswith("rtvi_") and site.notices == [None]
        batch = {
            "pc_id": answered["pc_id"],
            "candidates": [
                {"candidate": "candidate:1 …", "sdp_mid": "0", "sdp_mline_index": 0},
                {"candidate": "", "sdp_mid": "0", "sdp_mline_index": 0},
            ],
        }
        assert (await site.client.patch(path, json=batch)).json() == {"status": "success"}
        assert site.peers[0].candidates == [("candidate:1 …", "0"), ("", "0")]
        again = {**OFFER, "sdp": "moved", "pc_id": answered["pc_id"], "restart_pc": True}
        assert (await site.post(path, again)).json() == {
            "sdp": "again moved",
            "type": "answer",
            "pc_id": answered["pc_id"],
        }
        assert len(site.peers) == 1
        broken = {**again, "sdp": "broken"}
        assert told(await site.post(path, broken), 400)["code"] == "invalid_sdp"

    run(scenario)


def test_an_offer_needs_no_start_and_a_lost_conversation_is_said_to_be_lost() -> None:
    async def scenario(site: Site) -> None:
        first = (await site.post("/api/offer", OFFER)).json()["pc_id"]
        await site.peers[0].close("it went")
        await site.client.get("/health")
        for _ in range(20):
            await asyncio.sleep(0)
        again = (
            await site.post("/api/offer", {**OFFER, "pc_id": first, "restart_pc": True})
        ).json()
        assert again["pc_id"] != first and len(site.peers) == 2
        assert site.notices[0] is None and "a new one" in (site.notices[1] or "")
        unknown = await site.client.patch("/api/offer", json={"pc_id": first, "candidates": []})
        assert told(unknown, 404)["code"] == "call_not_found"

    run(scenario)


def test_what_can_not_be_used_is_told_in_words() -> None:
    async def scenario(site: Site) -> None:
        starts: tuple[tuple[object, str], ...] = (
            ({"transport": "daily"}, "unknown_transport"),
            ({"body": {"session": []}}, "invalid_session"),
            ([], "invalid_json"),
        )
        for body, code in starts:
            assert told(await site.post("/start", body), 400)["code"] == code
        for offer, code in (
            ({"type": "offer"}, "invalid_offer"),
            ({**OFFER, "type": "answer"}, "invalid_offer"),
            ({**OFFER, "pc_id": 7}, "invalid_offer"),
            ({**OFFER, "sdp": "broken"}, "invalid_sdp"),
        ):
            assert told(await site.post("/api/offer", offer), 400)["code"] == code
        assert told(await site.post("/api/offer", {**OFFER, "sdp": 70_000 * "x"}), 413)
        lost = await site.post("/sessions/0123/api/offer", OFFER)
        assert told(lost, 404)["code"] == "session_not_found"
        many = [{"candidate": "candidate:1", "sdp_mid": "0"}] * 65
        pc_id = (await site.post("/api/offer", OFFER)).json()["pc_id"]
        crowd = await site.client.patch("/api/offer", json={"pc_id": pc_id, "candidates": many})
        assert told(crowd, 400)["code"] == "too_many_candidates"
        assert len([peer for peer in site.peers if not peer.closed]) == 1

    run(scenario)


def test_a_full_server_says_so_at_the_start() -> None:
    async def scenario(site: Site) -> None:
        for _ in range(2):
            assert (await site.post("/api/offer", OFFER)).status_code == 200
        full = await site.post("/start", {})
        assert told(full, 503)["code"] == "server_full" and full.headers["retry-after"]
        assert told(await site.post("/api/offer", OFFER), 503)
        assert site.peers[2].closed == ["refused"]

    run(scenario)


def test_a_key_is_asked_for_and_a_started_session_is_one() -> None:
    async def scenario(site: Site) -> None:
        assert told(await site.post("/start", {}), 401)["code"] == "missing_api_key"
        assert told(await site.post("/api/offer", OFFER), 401)
        wrong = await site.post("/api/offer", OFFER, Authorization="Bearer sk-other")
        assert told(wrong, 401)["code"] == "invalid_api_key"
        started = await site.post("/start", {}, Authorization=f"Bearer {KEY}")
        path = f"/sessions/{started.json()['sessionId']}/api/offer"
        pc_id = (await site.post(path, OFFER)).json()["pc_id"]
        batch: dict[str, object] = {"pc_id": pc_id, "candidates": []}
        assert (await site.client.patch(path, json=batch)).status_code == 200
        assert told(await site.client.patch("/api/offer", json=batch), 401)
        direct = await site.post("/api/offer", OFFER, Authorization=f"Bearer {KEY}")
        assert direct.status_code == 200 and len(site.peers) == 2

    run(scenario, KEYED)
