"""Who may talk, and how much may come in."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from .hidden import without_secrets


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may talk, and how much. A limit of 0 is none."""

    api_keys: Annotated[
        tuple[str, ...],
        Meta(description="API keys, each at least 20 characters or 'sha256:' and its hash."),
    ] = ()
    api_keys_file: Annotated[
        str, Meta(description="TOML file of API keys with names, scopes and limits of their own.")
    ] = ""
    allow_anyone_on_the_network: Annotated[
        bool,
        Meta(description="Whether it may listen beyond this machine without any API key."),
    ] = False
    client_secret_key: Annotated[
        str,
        Meta(
            description="Signs client secrets, at least 32 characters; empty makes one at every "
            "start, so that secrets end with the process."
        ),
    ] = ""
    sessions_per_key: Annotated[
        int, Meta(description="Conversations at once of one key.", ge=0)
    ] = 0
    minutes_per_day: Annotated[
        float, Meta(description="Minutes of conversation of one key in a day.", ge=0)
    ] = 0
    messages_per_s: Annotated[
        float, Meta(description="Messages per second of all conversations of one key.", ge=0)
    ] = 0
    mib_per_day: Annotated[
        float, Meta(description="Mebibytes of messages of one key in a day.", ge=0)
    ] = 0
    audit_log: Annotated[
        str, Meta(description="File for the audit log, one JSON object per line; empty: none.")
    ] = ""
    audit_addresses: Annotated[
        bool, Meta(description="Whether the audit log has whole addresses, not just networks.")
    ] = False

    def __repr__(self) -> str:
        return without_secrets(self, "access")


class LimitsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What comes in, at most. What WebRTC offers and sends is limited in `webrtc`, how long a
    conversation may last in `session`."""

    connections_per_address: Annotated[
        int, Meta(description="TCP connections at once of one address.", ge=1)
    ] = 128
    handshakes_per_address: Annotated[
        int, Meta(description="Conversations of one address that are just being opened.", ge=1)
    ] = 16
    refusals_per_address: Annotated[
        int,
        Meta(description="Wrong requests of one address that are explained at once.", ge=1),
    ] = 60
    refusals_per_s: Annotated[
        float, Meta(description="Wrong requests of one address explained per second.", gt=0)
    ] = 1.0
    request_s: Annotated[
        float, Meta(description="Seconds that the head or the body of a request may take.", gt=0)
    ] = 15.0
    max_header_bytes: Annotated[
        int, Meta(description="All headers of a request together, in bytes.", ge=4096)
    ] = 24_576
    max_headers: Annotated[int, Meta(description="Headers of a request.", ge=16)] = 100
    max_body_bytes: Annotated[
        int, Meta(description="Body of a request that is not an offer, in bytes.", ge=1024)
    ] = 262_144
    max_message_bytes: Annotated[
        int, Meta(description="Largest message taken over a WebSocket, in bytes.", ge=1024)
    ] = 16_777_216
    max_json_depth: Annotated[
        int, Meta(description="How deep JSON may be nested.", ge=4, le=100)
    ] = 32
    messages_per_s: Annotated[
        float, Meta(description="Messages per second of one conversation.", gt=0)
    ] = 200.0
    message_burst: Annotated[
        int, Meta(description="Messages of one conversation that may come at once.", ge=1)
    ] = 2000
    bytes_per_s: Annotated[
        float, Meta(description="Bytes of messages per second of one conversation.", gt=0)
    ] = 2_000_000.0
    byte_burst: Annotated[
        int, Meta(description="Bytes of messages that may come at once.", ge=1024)
    ] = 67_108_864
    max_refusals: Annotated[
        int, Meta(description="Messages in a row that can't be used until it is over.", ge=1)
    ] = 2000
    max_picture_pixels: Annotated[
        int, Meta(description="Width times height of a picture.", ge=4096)
    ] = 3_686_400
    max_picture_edge: Annotated[
        int, Meta(description="Width or height of a picture, in pixels.", ge=64, le=16_384)
    ] = 4096
    max_picture_aspect: Annotated[
        float, Meta(description="Longer edge of a picture over its shorter one.", ge=1)
    ] = 8.0
