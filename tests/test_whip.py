"""WHIP and WHEP as RFC 9725 has them, with peers that record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from server_fakes import FakePeer, FakePipeline, answerer
from test_rtvi_pipeline import KEY, KEYED, OPEN, lifespan
from test_sdp_text import OFFER as TEXT
from test_sdp_text import PWD, TRICKLED

from visavis.pipelines import server
from visavis.pipelines.calls import Peer
from visavis.pipelines.ways import Player, Ways
from visavis.runtime.errors import BadInput
from visavis.runtime.settings import Settings

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = "application/trickle-ice-sdpfrag"
AUDIO = TEXT[: TEXT.index("m=video")]
OFFER = AUDIO + (
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\na=ice-ufrag:old0\r\n"
    "a=ice-pwd:oldoldoldoldoldoldoldold\r\na=rtpmap:96 VP8/90000\r\n"
)
PLAY = AUDIO.replace("sendonly", "recvonly")
OLD = TRICKLED.replace("EsAw", "old0").replace(PWD, "oldoldoldoldoldoldoldold")
ANSWER = "v=0\r\nm=audio 9 X\r\na=mid:0\r\na=ice-ufrag:ours\r\na=ice-pwd:ourpassword\r\n"


class SendingPeer(FakePeer):
    """Can restart ICE, and be listened to."""

    def __init__(self) -> None:
        super().__init__()
        self.closed_why: str | None = None
        self.restarted: list[tuple[str, Sequence[str]]] = []

    async def restart_ice(self, ufrag: str, pwd: str, candidates: Sequence[str] = ()) -> str:
        if ufrag == "stuk":
            raise BadInput("the connection is failed: start anew", code="ice_restart_failed")
        self.restarted.append((ufrag, candidates))
        return ANSWER

    async def close(self, why: str) -> None:
        self.closed_why = why
        await super().close(why)


@dataclass
class Site:
    client: httpx.AsyncClient
    senders: list[SendingPeer]
    players: list[SendingPeer]

    async def send(self, sdp: str = OFFER, **headers: str) -> httpx.Response:
        return await self.client.post("/whip", content=sdp, headers={**SDP, **headers})

    async def patch(self, path: str, text: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.patch(
            path, content=text, headers={"Content-Type": FRAGMENT, **named}
        )


def run(scenario: Callable[[Site], Coroutine[None, None, None]], settings: Settings = OPEN) -> None:
    senders: list[SendingPeer] = []
    players: list[SendingPeer] = []

    async def whip(sdp: str) -> tuple[str, Peer]:
        if not sdp.startswith("v=0"):
            raise BadInput("that is no description", code="invalid_sdp", param="sdp")
        senders.append(SendingPeer())
        return "our answer", senders[-1]

    async def listen(peer: Peer, sdp: str) -> tuple[str, Player]:
        if len(players) == 2:
            raise BadInput("two listen already", code="too_many_listeners")
        players.append(SendingPeer())
        return "our voice", players[-1]

    other: list[FakePeer] = []
    ways = Ways(rtvi=lambda notice: answerer(other), whip=whip, listen=listen)
    app = server.app(settings, FakePipeline(), answerer(other), None, ways=ways)

    async def main() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765")
        async with lifespan(app), client:
            async with asyncio.timeout(20):
                await scenario(Site(client, senders, players))

    asyncio.run(main())


def problem(response: httpx.Response, status: int) -> Mapping[str, Any]:
    body = response.json()
    assert response.status_code == status == body["status"], body
    assert response.headers["content-type"] == "application/problem+json"
    assert body["title"] and body["detail"] and body["type"] == "about:blank"
    return dict(body)


def test_a_sender_comes_trickles_moves_and_leaves() -> None:
    async def scenario(site: Site) -> None:
        created = await site.send()
        assert created.status_code == 201 and created.text == "our answer"
        assert created.headers["content-type"] == "application/sdp"
        assert created.headers["link"] == '<stun:stun.example:3478>; rel="ice-server"'
        path, etag = created.headers["location"], created.headers["etag"]
        assert path.startswith("/whip/whip_") and etag.startswith('"')
        (sender,) = site.senders
        trickled = await site.patch(path, OLD, If_Match=etag)
        assert (trickled.status_code, trickled.content) == (204, b"")
        assert "etag" not in trickled.headers
        assert [mid for _, mid in sender.candidates] == ["0", "0", None]
        assert sender.candidates[2][0] is None
        moved = await site.patch(path, TRICKLED, If_Match="*")
        assert moved.status_code == 200 and moved.headers["content-type"] == FRAGMENT
        assert moved.text.startswith("a=ice-ufrag:ours\r\na=ice-pwd:ourpassword\r\nm=audio")
        assert moved.headers["etag"] != etag
        assert sender.restarted[0][0] == "EsAw" and len(sender.restarted[0][1]) == 2
        assert problem(await site.patch(path, TRICKLED, If_Match=etag), 412)
        later = await site.patch(path, TRICKLED, If_Match=moved.headers["etag"])
        assert later.status_code == 204
        assert (await site.client.delete(path)).status_code == 200
        assert sender.closed[0] == "the client hung up"
        assert problem(await site.client.delete(path), 404)

    run(scenario)


def test_candidates_name_their_session() -> None:
    async def scenario(site: Site) -> None:
        created = await site.send()
        path, etag = created.headers["location"], created.headers["etag"]
        assert problem(await site.patch(path, OLD), 428)["code"] == "if_match_missing"
        assert (await site.patch(path, OLD, ETag=etag)).status_code == 204
        assert problem(await site.patch(path, TRICKLED, If_Match=etag), 422)
        assert problem(await site.patch(path, "m=audio\r\n", If_Match=etag), 400)
        stuck = TRICKLED.replace("EsAw", "stuk")
        failed = problem(await site.patch(path, stuck, If_Match='"*"'), 409)
        assert failed["code"] == "ice_restart_failed"
        assert (await site.patch(path, OLD, If_Match=etag)).status_code == 204
        typed = await site.client.patch(path, content=OLD, headers={"If-Match": etag})
        assert problem(typed, 415) and typed.headers["accept-patch"] == FRAGMENT

    run(scenario)


def test_offers_that_are_not_taken_say_why() -> None:
    async def scenario(site: Site) -> None:
        for sdp, status in (
            ("garbage", 400),
            (OFFER.replace("sendonly", "recvonly"), 422),
            (OFFER.replace("actpass", "passive"), 422),
            (OFFER + AUDIO[AUDIO.index("m=audio") :], 406),
            (OFFER.replace("opus", "G722"), 406),
            (OFFER.replace("VP8", "AV1"), 406),
            ("v=0\r\n" + OFFER[OFFER.index("m=video") :], 406),
        ):
            assert problem(await site.send(sdp), status)
        typed = await site.client.post("/whip", content=OFFER)
        assert problem(typed, 415) and typed.headers["accept-post"] == "application/sdp"
        assert problem(await site.send(OFFER + 3000 * "a"), 413)
        assert site.senders == []
        for _ in range(2):
            assert (await site.send()).status_code == 201
        full = await site.send()
        assert problem(full, 503) and full.headers["retry-after"]
        assert site.senders[2].closed == ["refused"]

    run(scenario)


def test_other_methods_are_refused_and_options_tell_what_there_is() -> None:
    async def scenario(site: Site) -> None:
        path = (await site.send()).headers["location"]
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            refused = await site.client.request(method, "/whip")
            assert problem(refused, 405) and refused.headers["allow"] == "POST, OPTIONS"
        assert (await site.client.head("/whip")).status_code == 405
        for method in ("GET", "PUT", "POST"):
            refused = await site.client.request(method, path)
            assert problem(refused, 405) and refused.headers["allow"] == "PATCH, DELETE, OPTIONS"
        options = await site.client.options("/whip")
        assert options.status_code == 204
        assert options.headers["accept-post"] == "application/sdp"
        assert "PATCH" in options.headers["access-control-allow-methods"]
        assert options.headers["link"].endswith('rel="ice-server"')

    run(scenario)


def test_a_player_hears_a_running_conversation() -> None:
    async def scenario(site: Site) -> None:
        call_id = (await site.send()).headers["location"].rpartition("/")[2]
        played = await site.client.post(f"/whep/{call_id}", content=PLAY, headers=SDP)
        assert played.status_code == 201 and played.text == "our voice"
        path, etag = played.headers["location"], played.headers["etag"]
        assert path.startswith(f"/whep/{call_id}/")
        assert (await site.patch(path, OLD, If_Match=etag)).status_code == 204
        assert (await site.patch(path, TRICKLED, If_Match="*")).status_code == 200
        assert len(site.players[0].candidates) == 3 and site.players[0].restarted
        assert (await site.client.delete(path)).status_code == 200
        assert site.players[0].closed == ["the listener left"]
        assert problem(await site.client.delete(path), 404)
        assert site.senders[0].closed == []
        for sdp, status in ((AUDIO, 422), (PLAY.replace("opus", "G722"), 406), ("v=0\r\n", 201)):
            posted = await site.client.post(f"/whep/{call_id}", content=sdp, headers=SDP)
            assert posted.status_code == status
        full = await site.client.post(f"/whep/{call_id}", content=PLAY, headers=SDP)
        assert problem(full, 409)["code"] == "too_many_listeners"
        nobody = await site.client.post("/whep/rtc_0123", content=PLAY, headers=SDP)
        assert problem(nobody, 404)

    run(scenario)


def test_a_bearer_token_opens_and_only_its_key_steers() -> None:
    async def scenario(site: Site) -> None:
        refused = await site.send()
        assert problem(refused, 401) and refused.headers["www-authenticate"] == "Bearer"
        bearer = {"Authorization": f"Bearer {KEY}"}
        path = (await site.send(**bearer)).headers["location"]
        assert problem(await site.client.delete(path), 401)
        assert "link" not in (await site.client.options("/whip")).headers
        player = await site.client.post(path.replace("/whip/", "/whep/"), content=PLAY, headers=SDP)
        assert problem(player, 401)
        assert (await site.client.delete(path, headers=bearer)).status_code == 200

    run(scenario, KEYED)
