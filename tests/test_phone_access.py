"""Who a provider's request comes from, case by case."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from test_signatures import KEY as GENESYS_KEY
from test_signatures import NOW, SECRET, TARGET, signed

from visavis.pipelines.access import ANYONE, Access, AccessError
from visavis.pipelines.phone_access import PhoneAccess, networks
from visavis.runtime.errors import ConfigError
from visavis.runtime.settings import AccessSettings, Settings, TelephonySettings
from visavis.transports.telephony.signatures import twilio_signature

KEY = "a-key-of-more-than-twenty-characters"


def make(keys: tuple[str, ...] = (), **telephony: Any) -> PhoneAccess:
    settings = Settings(
        access=AccessSettings(api_keys=keys), telephony=TelephonySettings(**telephony)
    )
    return PhoneAccess(settings.telephony, Access(settings), lambda: NOW)


def request(path: str = "/v1/telephony/x", **headers: str) -> HTTPConnection:
    path, _, query = path.partition("?")
    pairs = {"host": "voice.example", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return HTTPConnection(
        {
            "type": "websocket",
            "path": path,
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in pairs.items()],
            "server": ("127.0.0.1", 80),
            "scheme": "ws",
            "client": ("127.0.0.1", 5),
            "subprotocols": [],
        }
    )


def code(access: PhoneAccess, provider: str, asked: HTTPConnection) -> str:
    with pytest.raises(AccessError) as error:
        access.at_the_door(provider, asked)
    return error.value.code


def test_without_keys_anyone_may_call() -> None:
    for provider in ("twilio", "genesys", "asterisk"):
        grant = make().at_the_door(provider, request())
        assert grant is not None and grant.key_id == ANYONE


def test_a_key_may_come_with_the_start_where_no_header_can() -> None:
    access = make((KEY,))
    assert access.at_the_door("twilio", request()) is None
    assert code(access, "asterisk", request()) == "missing_api_key"
    with pytest.raises(AccessError, match="no API key"):
        access.when_started({}, "127.0.0.1")
    assert access.when_started({"key": KEY}, None).key_id.startswith("key_")
    assert code(access, "twilio", request(f"/v1/telephony/twilio?key={KEY}")) == "api_key_in_url"


def test_asterisk_shows_the_key_as_a_password() -> None:
    access = make((KEY,))
    basic = base64.b64encode(f"visavis:{KEY}".encode()).decode()
    grant = access.at_the_door("asterisk", request(authorization=f"Basic {basic}"))
    assert grant is not None and grant.key_id.startswith("key_")
    for wrong in ("Basic !", "Basic " + base64.b64encode(b"\xff").decode()):
        assert code(access, "asterisk", request(authorization=wrong)) == "invalid_authorization"


def test_twilio_must_have_signed_where_its_token_is_known() -> None:
    access = make((KEY,), twilio_auth_token="t")
    path = "/v1/telephony/twilio"
    right = twilio_signature("t", f"wss://voice.example{path}")
    grant = access.at_the_door("twilio", request(path, x_twilio_signature=right))
    assert grant is not None and grant.key_id == "telephone_twilio"
    assert code(access, "twilio", request(path)) == "invalid_signature"
    key = request(path, authorization=f"Bearer {KEY}")
    assert code(access, "twilio", key) == "invalid_signature"  # a key does not stand in for it


def test_genesys_must_have_signed_where_its_secret_is_known() -> None:
    secret = base64.b64encode(SECRET).decode()
    access = make(genesys_api_key=GENESYS_KEY, genesys_client_secret=secret)
    assert access.at_the_door("genesys", request(TARGET, **signed())) is not None
    late = request(TARGET, **signed(created=NOW - 60))
    assert code(access, "genesys", late) == "invalid_signature"
    other = request("/v1/telephony/genesys?x=2", **signed())
    assert code(access, "genesys", other) == "invalid_signature"


def test_audiosocket_comes_from_a_known_network() -> None:
    access = make(audiosocket_from=("10.1.0.0/16", "::1/128"))
    assert access.from_network("10.1.2.3").key_id == "telephone_audiosocket"
    assert access.from_network("::1")
    for address in ("10.2.0.1", "127.0.0.1", None, "nonsense"):
        with pytest.raises(AccessError, match="audiosocket_from"):
            access.from_network(address)


def test_settings_that_cannot_be_used_are_told() -> None:
    with pytest.raises(ConfigError, match="not base64"):
        make(genesys_client_secret="%%%")
    with pytest.raises(ConfigError, match="10.0.0.5/32"):
        networks(("10.0.0.5/8",))
