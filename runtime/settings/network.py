"""How the server is reached: its address, its peers over WebRTC, its peers over a WebSocket."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from .hidden import without_secrets


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the HTTP server listens and whom it lets in."""

    host: Annotated[str, Meta(description="Address to listen on.", min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(description="TCP port; 0 takes a free one.", ge=0, le=65535)] = 8765
    max_sessions: Annotated[
        int, Meta(description="Conversations at once; more are refused with a reason.", ge=1)
    ] = 8
    allowed_origins: Annotated[
        tuple[str, ...],
        Meta(description="Web origins, besides our own page, that may connect ('*' for all)."),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses of proxies whose X-Forwarded-For and -Proto are believed."),
    ] = ()
    tls_certificate: Annotated[
        str, Meta(description="PEM file of the certificate and its chain; empty serves http.")
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM file of the certificate's private key.")] = ""
    tls_key_password: Annotated[str, Meta(description="Password of the private key.")] = ""

    def __repr__(self) -> str:
        return without_secrets(self, "server")


class WebrtcSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How peers are reached and how long media waits."""

    stun: Annotated[tuple[str, ...], Meta(description="STUN servers as stun:host:port URLs.")] = ()
    turn_urls: Annotated[tuple[str, ...], Meta(description="TURN servers as turn: URLs.")] = ()
    turn_username: Annotated[str, Meta(description="User name at the TURN servers.")] = ""
    turn_credential: Annotated[str, Meta(description="Password at the TURN servers.")] = ""
    turn_secret: Annotated[
        str,
        Meta(
            description="Secret shared with the TURN servers (static-auth-secret of coturn): every "
            "session gets credentials of its own, in place of user name and password."
        ),
    ] = ""
    turn_ttl_s: Annotated[
        int, Meta(description="Seconds such credentials are good for.", ge=60, le=86_400)
    ] = 3600
    jitter_base_ms: Annotated[
        int, Meta(description="Audio held back on a clean link, in milliseconds.", ge=0, le=500)
    ] = 20
    jitter_max_ms: Annotated[
        int,
        Meta(description="Most audio held back on a bad link, in milliseconds.", ge=20, le=2000),
    ] = 160
    ice_timeout_s: Annotated[
        float, Meta(description="Seconds a peer has to become reachable.", gt=0, le=300)
    ] = 20.0
    disconnected_s: Annotated[
        float,
        Meta(description="Seconds a lost peer is waited for before it is gone.", gt=0, le=300),
    ] = 10.0
    resume_s: Annotated[
        float,
        Meta(
            description="Seconds a client that is gone may come back in, if it said that it can; "
            "0 ends the conversation at once.",
            ge=0,
            le=3600,
        ),
    ] = 30.0
    max_sdp_bytes: Annotated[
        int, Meta(description="Largest session description taken, in bytes.", ge=1024)
    ] = 65_536
    max_message_bytes: Annotated[
        int, Meta(description="Largest data-channel message taken, in bytes.", ge=1024)
    ] = 262_144
    max_media_sections: Annotated[
        int, Meta(description="Media sections of an offer.", ge=1, le=32)
    ] = 8
    max_candidates: Annotated[
        int, Meta(description="Candidates of one connection, offered and trickled.", ge=1)
    ] = 128
    max_codecs: Annotated[int, Meta(description="Payload types of one media section.", ge=1)] = 96

    def __repr__(self) -> str:
        return without_secrets(self, "webrtc")


class WebsocketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How conversations over a WebSocket live and outlive their connection."""

    resume_s: Annotated[
        float,
        Meta(
            description="Seconds a client that lost its connection may come back in, if it said "
            "that it can; 0 ends the conversation at once.",
            ge=0,
            le=3600,
        ),
    ] = 30.0
    replay_bytes: Annotated[
        int, Meta(description="Events kept to be sent again, in bytes.", ge=0)
    ] = 4_194_304
    max_unread_bytes: Annotated[
        int, Meta(description="Events a client may leave unread, in bytes.", ge=65_536)
    ] = 16_777_216
    ping_s: Annotated[
        float, Meta(description="Seconds between pings to a silent client.", gt=0, le=600)
    ] = 20.0
    pong_s: Annotated[
        float, Meta(description="Seconds a client has to answer a ping.", gt=0, le=600)
    ] = 60.0
