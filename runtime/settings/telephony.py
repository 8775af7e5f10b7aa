"""Calls that telephone providers bring."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from .hidden import without_secrets


class TelephonySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which telephone providers may bring calls, and how each shows that it is who it says."""

    providers: Annotated[
        tuple[str, ...],
        Meta(
            description="Who is answered: twilio, telnyx, plivo, vonage, genesys, asterisk, "
            "audiosocket. None by default."
        ),
    ] = ()
    public_url: Annotated[
        str,
        Meta(description="How providers dial this server, as wss://host; none takes Host."),
    ] = ""
    twilio_auth_token: Annotated[
        str, Meta(description="Twilio's auth token: X-Twilio-Signature is checked with it.")
    ] = ""
    telnyx_token: Annotated[
        str, Meta(description="Telnyx' stream_auth_token, compared with the one it sends.")
    ] = ""
    genesys_api_key: Annotated[
        str, Meta(description="API key of the AudioHook integration, compared with X-API-KEY.")
    ] = ""
    genesys_client_secret: Annotated[
        str, Meta(description="Client secret of it, in base64: signatures are checked with it.")
    ] = ""
    keys_are_text: Annotated[
        bool, Meta(description="Whether keyed digits are a typed question, at # or a pause.")
    ] = False
    listener: Annotated[
        str, Meta(description="Plugin of the kind 'phone' that is told what happens in calls.")
    ] = ""
    audiosocket_host: Annotated[
        str, Meta(description="Address where AudioSocket is listened to.", min_length=1)
    ] = "127.0.0.1"
    audiosocket_port: Annotated[
        int, Meta(description="TCP port of it; 0 takes a free one.", ge=0, le=65535)
    ] = 9019
    audiosocket_from: Annotated[
        tuple[str, ...],
        Meta(description="Networks whose Asterisk may connect; AudioSocket has no keys."),
    ] = ("127.0.0.0/8", "::1/128")

    def __repr__(self) -> str:
        return without_secrets(self, "telephony")
