"""What every request passes: keys, origins, headers, handshakes; each refusal has words and a count."""

from __future__ import annotations

import asyncio

import httpx
import msgspec
import pytest
from access_fakes import CALLS, KEY, OTHER_KEY, SDP, Site, bearer, run, settings_with_keys

from visavis.pipelines.access import AccessError
from visavis.pipelines.door import problem_of
from visavis.runtime.settings import (
    AccessSettings,
    LimitsSettings,
    ServerSettings,
    Settings,
    WebrtcSettings,
)

KEYS = settings_with_keys()


def test_a_call_needs_a_key_and_is_steered_by_it_alone() -> None:
    async def scenario(it: Site) -> None:
        without = await it.client.post(CALLS, content="o", headers=SDP)
        assert (without.status_code, without.json()["error"]["code"]) == (401, "missing_api_key")
        assert without.headers["www-authenticate"] == "Bearer"
        wrong = await it.client.post(CALLS, content="o", headers=bearer("sk-x" * 9, **SDP))
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_api_key")
        made = await it.client.post(CALLS, content="o", headers=bearer(**SDP))
        assert made.status_code == 201
        where = made.headers["location"]
        for key, status in ((None, 401), (OTHER_KEY, 404), (KEY, 200)):
            headers = {} if key is None else bearer(key)
            end = await it.client.post(f"{where}/hangup", headers=headers)
            assert end.status_code == status, key
        assert await it.metric('visavis_refused_total{code="missing_api_key"}') == 2
        assert await it.metric('visavis_refused_total{code="call_not_found"}') == 1
        assert len(it.peers) == 1

    run(scenario, KEYS)


def test_as_many_conversations_as_the_key_may_have() -> None:
    async def scenario(it: Site) -> None:
        first = await it.client.post(CALLS, content="o", headers=bearer(**SDP))
        second = await it.client.post(CALLS, content="o", headers=bearer(**SDP))
        assert (second.status_code, second.json()["error"]["code"]) == (429, "too_many_sessions")
        assert int(second.headers["retry-after"]) > 0
        other = await it.client.post(CALLS, content="o", headers=bearer(OTHER_KEY, **SDP))
        assert other.status_code == 201
        await it.client.post(f"{first.headers['location']}/hangup", headers=bearer())
        await asyncio.sleep(0)
        third = await it.client.post(CALLS, content="o", headers=bearer(**SDP))
        assert third.status_code == 201
        broken = await it.client.post(CALLS, content="broken", headers=bearer(OTHER_KEY, **SDP))
        assert broken.status_code == 429

    run(scenario, settings_with_keys(sessions_per_key=1))


def test_an_offer_that_fails_gives_the_keys_place_back() -> None:
    async def scenario(it: Site) -> None:
        for _ in range(5):
            bad = await it.client.post(CALLS, content="broken", headers=bearer(**SDP))
            assert (bad.status_code, bad.json()["error"]["code"]) == (400, "invalid_sdp")
        assert set(it.access.usage.sessions().values()) == {0}
        assert (await it.client.post(CALLS, content="o", headers=bearer(**SDP))).status_code == 201
        assert await it.metric('visavis_refused_total{code="invalid_sdp"}') == 5

    run(scenario, settings_with_keys(sessions_per_key=1))


def test_what_the_process_measures_is_for_keys_only() -> None:
    async def scenario(it: Site) -> None:
        assert (await it.client.get("/metrics")).status_code == 401
        text = (await it.client.get("/metrics", headers=bearer())).text
        assert "visavis_handshakes 0" in text and KEY not in text
        assert (await it.client.get("/health")).status_code in (200, 503)

    run(scenario, KEYS)


def test_the_page_learns_that_it_needs_a_key_and_gets_turn_only_with_one() -> None:
    webrtc = WebrtcSettings(
        stun=("stun:s",), turn_urls=("turn:t",), turn_secret="north-south-east-west"
    )

    async def scenario(it: Site) -> None:
        bare = (await it.client.get("/config.json")).json()
        assert bare["needs_key"] is True and bare["ice_servers"] == [{"urls": ["stun:s"]}]
        answer = await it.client.get("/config.json", headers=bearer())
        assert answer.headers["cache-control"] == "no-store"
        turn = answer.json()["ice_servers"][1]
        assert turn["urls"] == ["turn:t"] and turn["username"].partition(":")[0].isdecimal()
        assert "north-south" not in answer.text
        again = (await it.client.get("/config.json", headers=bearer())).json()["ice_servers"][1]
        assert again["username"] != turn["username"]
        assert (await it.client.get("/config.json", headers=bearer("x" * 30))).status_code == 401

    run(scenario, settings_with_keys(Settings(webrtc=webrtc)))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({f"x-{n}": "y" for n in range(120)}, "too_many_headers"),
        ({"x-long": 30_000 * "y"}, "headers_too_large"),
    ],
)
def test_headers_are_limited(headers: dict[str, str], code: str) -> None:
    async def scenario(it: Site) -> None:
        for method in ("GET", "POST"):
            answer = await it.client.request(method, CALLS, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (431, code)
        assert await it.metric(f'visavis_refused_total{{code="{code}"}}') == 2

    run(scenario, KEYS)


def test_an_address_counts_as_headers() -> None:
    async def scenario(it: Site) -> None:
        answer = await it.client.get("/health?" + 25_000 * "x")
        assert answer.status_code == 431

    run(scenario, KEYS)


def test_handshakes_of_one_address_are_limited_while_they_last() -> None:
    limits = LimitsSettings(handshakes_per_address=3)

    async def scenario(it: Site) -> None:
        gate = asyncio.Event()

        async def slow() -> object:
            await gate.wait()
            yield b"o"

        waiting = [
            asyncio.create_task(it.client.post(CALLS, content=slow(), headers=bearer(**SDP)))  # type: ignore[arg-type]
            for _ in range(3)
        ]
        while len(it.access.handshakes) < 3:  # noqa: ASYNC110 - a count has no event
            await asyncio.sleep(0)
        more = await it.client.post(CALLS, content="o", headers=bearer(**SDP))
        assert (more.status_code, more.json()["error"]["code"]) == (429, "too_many_handshakes")
        assert (await it.client.get("/health")).status_code in (200, 503)
        gate.set()
        assert {(await each).status_code for each in waiting} == {201}
        assert len(it.access.handshakes) == 0
        assert await it.metric('visavis_refused_total{code="too_many_handshakes"}') == 1

    run(scenario, msgspec.structs.replace(KEYS, limits=limits))


def test_an_address_that_is_always_wrong_is_not_listened_to_for_a_while() -> None:
    limits = LimitsSettings(refusals_per_address=3, refusals_per_s=0.001)

    async def scenario(it: Site) -> None:
        answers = [await it.client.post(CALLS, content="", headers=bearer(**SDP)) for _ in range(5)]
        codes = [answer.json()["error"]["code"] for answer in answers]
        assert codes == 3 * ["invalid_offer"] + 2 * ["too_many_refusals"]
        answer = answers[-1]
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1000")
        good = await it.client.post(CALLS, content="o", headers=bearer(**SDP))
        assert good.status_code == 429  # the same address
        assert (await it.client.get("/health")).status_code in (200, 503)
        assert await it.metric('visavis_refused_total{code="too_many_refusals"}') == 3

    run(scenario, msgspec.structs.replace(KEYS, limits=limits))


def test_a_body_that_dawdles_is_given_up() -> None:
    limits = LimitsSettings(request_s=0.01)

    async def scenario(it: Site) -> None:
        async def never() -> object:
            yield b"v"
            await asyncio.Event().wait()

        answer = await it.client.post(CALLS, content=never(), headers=bearer(**SDP))  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]["code"]) == (408, "body_too_slow")

    run(scenario, msgspec.structs.replace(KEYS, limits=limits))


def test_a_websocket_of_a_foreign_page_is_refused_before_it_opens() -> None:
    sent: list[dict[str, object]] = []

    async def scenario(it: Site) -> None:
        scope: dict[str, object] = {
            "type": "websocket",
            "path": "/v1/realtime",
            "raw_path": b"/v1/realtime",
            "query_string": b"",
            "headers": [(b"origin", b"https://evil.example"), (b"host", b"127.0.0.1")],
            "client": ("127.0.0.1", 5),
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
        }

        async def receive() -> dict[str, object]:
            return {"type": "websocket.connect"}

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        await it.app(scope, receive, send)  # type: ignore[arg-type]
        assert sent[0]["type"] == "websocket.http.response.start" and sent[0]["status"] == 403
        sent.clear()
        keyless: dict[str, object] = {**scope, "headers": [(b"host", b"127.0.0.1")]}
        await it.app(keyless, receive, send)  # type: ignore[arg-type]
        assert sent[0]["type"] == "websocket.http.response.start" and sent[0]["status"] == 401
        assert len(it.access.handshakes) == 0

    run(scenario, KEYS)


def test_a_preflight_needs_no_key() -> None:
    async def scenario(it: Site) -> None:
        headers = {
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        answer = await it.client.options(CALLS, headers=headers)
        assert answer.status_code == 204
        refused = await it.client.post(
            CALLS, content="o", headers={**SDP, "Origin": "https://shop.example"}
        )
        assert refused.status_code == 401  # and the page may read why
        assert refused.headers["access-control-allow-origin"] == "https://shop.example"

    run(scenario, KEYS)


def test_the_shape_of_an_answer() -> None:
    error = AccessError(429, "quota_exceeded", "wait", param="x", retry_after_s=1.2)
    response = problem_of(error).response()
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")


def test_no_key_reaches_a_log_even_when_everything_fails(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)

    async def scenario(it: Site) -> None:
        secret = (await it.client.post("/v1/realtime/client_secrets", headers=bearer())).json()[
            "value"
        ]
        spoiled = secret[:-3] + "abc"
        for key in (KEY, KEY + "x", secret, spoiled, f"{KEY}\udcff"):
            for path in (CALLS, "/nothing", f"{CALLS}/x/hangup", "/v1/realtime/client_secrets"):
                for where in ("header", "query"):
                    headers = dict(SDP)
                    raw = key.encode("utf-8", "surrogateescape")
                    if where == "header":
                        sent = [(b"authorization", b"Bearer " + raw), *_encoded(headers)]
                        await it.client.post(path, content="broken", headers=sent)
                    else:
                        params = {"token": key.replace("\udcff", "?")}
                        await it.client.post(path, content="{", headers=headers, params=params)
        note, it.access.audit.note = it.access.audit.note, _fails  # type: ignore[method-assign]
        broken = await it.client.post(CALLS, content="o", headers=bearer(KEY + "x", **SDP))
        assert broken.status_code == 500
        it.access.audit.note = note  # type: ignore[method-assign]
        ours = [each for each in caplog.records if not each.name.startswith("httpx")]
        lines = [caplog.handler.format(each) for each in ours]  # tracebacks and all
        written = "\n".join((*lines, *capsys.readouterr()))
        for part in (KEY, secret.partition(".")[0], secret.partition(".")[2]):
            assert part not in written

    run(scenario, KEYS)


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _fails(*_: object, **__: object) -> None:
    raise RuntimeError("the audit log broke")


def test_settings_of_a_server_without_keys_are_as_before() -> None:
    async def scenario(it: Site) -> None:
        answer = await it.client.post(CALLS, content="o", headers=SDP)
        assert answer.status_code == 201
        assert isinstance(it.client, httpx.AsyncClient)

    run(scenario, Settings(server=ServerSettings(), access=AccessSettings()))
