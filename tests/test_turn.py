"""TURN credentials of one session, computed as a TURN server with the same secret would."""

from __future__ import annotations

import base64
import hashlib
import hmac

from visavis.pipelines.access.turn import for_session, ice_servers, link_headers, mint
from visavis.runtime.settings import WebrtcSettings

WEBRTC = WebrtcSettings(
    stun=("stun:stun.example:3478",),
    turn_urls=("turn:turn.example:3478", "turns:turn.example:5349"),
    turn_secret="north",
    turn_ttl_s=600,
)


def test_the_name_ends_and_the_password_is_its_hmac() -> None:
    made = mint("north", "user-1", 600, 1_800_000_000.9)
    assert made.username == "1800000600:user-1"
    expected = hmac.new(b"north", made.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(made.password) == expected
    assert made.password not in repr(made)


def test_every_session_has_its_own_and_the_secret_stays_here() -> None:
    first, second = for_session(WEBRTC, "a", 0.0), for_session(WEBRTC, "b", 0.0)
    assert first.turn_credential != second.turn_credential
    assert first.turn_secret == "" and first.turn_username == "600:a"
    plain = WebrtcSettings(turn_urls=("turn:t",), turn_username="u", turn_credential="c")
    assert for_session(plain, "a") is plain
    assert for_session(WebrtcSettings(turn_secret="north"), "a").turn_username == ""


def test_as_a_browser_and_as_whip_read_them() -> None:
    servers = ice_servers(for_session(WEBRTC, "a", 0.0))
    assert servers[0] == {"urls": ["stun:stun.example:3478"]}
    assert servers[1]["username"] == "600:a"
    links = link_headers(servers)
    assert links[0] == '<stun:stun.example:3478>; rel="ice-server"'
    assert links[2].startswith('<turns:turn.example:5349>; rel="ice-server"; username="600:a"; ')
    assert links[2].endswith('credential-type="password"')
    assert ice_servers(WebrtcSettings()) == []
