"""Credentials at a TURN server for one session: good for a while, then worth nothing.

After draft-uberti-behave-turn-rest-00, which coturn (`use-auth-secret`) and others follow: the user
name is `<unix time it ends>:<session>`, the password its HMAC-SHA1 under a secret that is shared
with the TURN server. The draft says SHA-1; an HMAC does not need a hash that withstands collisions.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from ...runtime.settings import WebrtcSettings


@dataclass(frozen=True, slots=True)
class TurnCredentials:
    """A user name and a password."""

    username: str
    password: str = field(repr=False)


def mint(secret: str, session: str, ttl_s: int, now: float) -> TurnCredentials:
    """Credentials until `now` (Unix seconds) + `ttl_s`. `session` is visible to the TURN server."""
    username = f"{int(now) + ttl_s}:{session}"
    digest = hmac.digest(secret.encode(), username.encode(), "sha1")
    return TurnCredentials(username, base64.b64encode(digest).decode())


def for_session(webrtc: WebrtcSettings, session: str, now: float | None = None) -> WebrtcSettings:
    """The settings with credentials for one session in place of the shared ones; unchanged when
    there is no `webrtc.turn_secret`."""
    if not (webrtc.turn_secret and webrtc.turn_urls):
        return webrtc
    made = mint(webrtc.turn_secret, session, webrtc.turn_ttl_s, time.time() if now is None else now)
    return msgspec.structs.replace(
        webrtc, turn_username=made.username, turn_credential=made.password, turn_secret=""
    )


def ice_servers(webrtc: WebrtcSettings) -> list[dict[str, object]]:
    """The STUN and TURN servers as an `RTCConfiguration.iceServers`."""
    servers: list[dict[str, object]] = []
    if webrtc.stun:
        servers.append({"urls": list(webrtc.stun)})
    if webrtc.turn_urls:
        servers.append(
            {
                "urls": list(webrtc.turn_urls),
                "username": webrtc.turn_username,
                "credential": webrtc.turn_credential,
            }
        )
    return servers


def link_headers(servers: Sequence[dict[str, object]]) -> list[str]:
    """The same as values of `Link` headers, as WHIP has them (RFC 9725, section 4.6)."""
    links: list[str] = []
    for server in servers:
        urls = server["urls"]
        assert isinstance(urls, list)
        for url in urls:  # pyright: ignore[reportUnknownVariableType]
            link = f'<{url}>; rel="ice-server"'
            if "username" in server:
                link += f'; username="{server["username"]}"; credential="{server["credential"]}"'
                link += '; credential-type="password"'
            links.append(link)
    return links
