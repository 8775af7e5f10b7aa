"""POST /v1/realtime/client_secrets as OpenAI's own client makes and reads it."""

from __future__ import annotations

import asyncio

import pytest
from access_fakes import CALLS, SDP, SECRETS, Site, bearer, run, settings_with_keys
from openai.types.realtime import ClientSecretCreateResponse

from visavis.runtime.settings import Settings, WebrtcSettings

KEYS = settings_with_keys()
ASKED = {
    "expires_after": {"anchor": "created_at", "seconds": 60},
    "session": {"type": "realtime", "instructions": "be brief"},
}


def test_a_secret_opens_a_call_with_its_session() -> None:
    async def scenario(it: Site) -> None:
        answer = await it.client.post(SECRETS, json=ASKED, headers=bearer())
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
        made = ClientSecretCreateResponse.model_validate(answer.json())
        assert made.value.startswith("ek_")
        body = answer.json()
        assert body["session"]["type"] == "realtime"
        assert body["session"]["instructions"] == "be brief"
        assert body["session"]["audio"]["input"]["format"]["rate"] == 24000
        call = await it.client.post(CALLS, content="o", headers=bearer(made.value, **SDP))
        assert call.status_code == 201
        hang_up = f"{call.headers['location']}/hangup"
        assert (await it.client.post(hang_up, headers=bearer(made.value))).status_code == 200

    run(scenario, KEYS)


def test_an_empty_body_takes_the_defaults() -> None:
    async def scenario(it: Site) -> None:
        for content in (b"", b"{}"):
            answer = await it.client.post(SECRETS, content=content, headers=bearer())
            assert answer.status_code == 200

    run(scenario, KEYS)


def test_turn_servers_come_along() -> None:
    webrtc = WebrtcSettings(turn_urls=("turn:t",), turn_secret="north-south-east-west")

    async def scenario(it: Site) -> None:
        answer = (await it.client.post(SECRETS, json=ASKED, headers=bearer())).json()
        assert answer["visavis"]["ice_servers"][0]["urls"] == ["turn:t"]

    run(scenario, settings_with_keys(Settings(webrtc=webrtc)))


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b'{"session": 3}', 400, "invalid_value"),
        (b'{"session": {"type": "nonsense"}}', 400, None),
        (b'{"session": {"audio": 3}}', 400, None),
        (b'{"expires_after": 3}', 400, "invalid_value"),
        (b'{"expires_after": {"seconds": 5}}', 400, "invalid_value"),
        (b'{"expires_after": {"seconds": 7201}}', 400, "invalid_value"),
        (b'{"expires_after": {"seconds": "x"}}', 400, "invalid_value"),
        (b'{"expires_after": {"anchor": "birth"}}', 400, "invalid_value"),
        (b'{"a":' + 60 * b"[" + 60 * b"]" + b"}", 400, "json_too_deep"),
        (90_000 * b"[", 400, "too_many_values"),
        (b'{"a":"' + 300_000 * b"x" + b'"}', 413, "body_too_large"),
    ],
)
def test_what_can_not_be_used_is_told(content: bytes, status: int, code: str | None) -> None:
    async def scenario(it: Site) -> None:
        answer = await it.client.post(SECRETS, content=content, headers=bearer())
        error = answer.json()["error"]
        assert answer.status_code == status and error["message"]
        assert code is None or error["code"] == code
        assert await it.metric(f'visavis_refused_total{{code="{error["code"]}"}}') == 1

    run(scenario, KEYS)


def test_who_may_not_make_one() -> None:
    async def scenario(it: Site) -> None:
        assert (await it.client.post(SECRETS, json=ASKED)).status_code == 401
        made = (await it.client.post(SECRETS, json=ASKED, headers=bearer())).json()["value"]
        again = await it.client.post(SECRETS, json=ASKED, headers=bearer(made))
        assert (again.status_code, again.json()["error"]["code"]) == (403, "insufficient_scope")
        await asyncio.sleep(0)

    run(scenario, KEYS)
