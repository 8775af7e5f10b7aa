"""Who a telephone provider's request comes from: its signature, its token, or one of our keys.

A provider whose secret is configured must show it. Where none is, the caller needs one of the
server's API keys: in a header, or as the parameter `key` of the call where a provider can send no
header. AudioSocket has neither, so there the network counts.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import time
from collections.abc import Callable, Mapping
from typing import NoReturn
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from ..runtime.errors import ConfigError
from ..runtime.settings import TelephonySettings
from ..transports.telephony.signatures import genesys_problem, is_from_twilio
from .access import Access, AccessError, Grant, Scope
from .access.presented import presented
from .http import client_address

TELNYX_HEADER = "x-telnyx-streaming-auth-token"
BY_PARAMETER = ("twilio", "telnyx", "plivo", "vonage")
"""Providers that can attach parameters to a call."""
PARAMETER = "key"


class PhoneAccess:
    """The rules of one server."""

    def __init__(
        self,
        settings: TelephonySettings,
        access: Access,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        """Raises `ConfigError` for settings that can't be used."""
        self._settings = settings
        self._access = access
        self._unix_time = unix_time
        self._genesys_secret = _genesys_secret(settings)
        self._networks = networks(settings.audiosocket_from)

    def at_the_door(self, provider: str, request: HTTPConnection) -> Grant | None:
        """Who opens this WebSocket; None when that is to be shown as the call starts. Raises
        `AccessError`."""
        settings = self._settings
        if provider == "twilio" and settings.twilio_auth_token:
            url = self._url(request)
            signature = request.headers.get("x-twilio-signature", "")
            if not is_from_twilio(settings.twilio_auth_token, url, signature):
                self._refuse(
                    request,
                    f"X-Twilio-Signature is not Twilio's for {url}: check "
                    "telephony.twilio_auth_token, and telephony.public_url behind a proxy",
                )
            return _provider(provider)
        if provider == "telnyx" and settings.telnyx_token:
            token = request.headers.get(TELNYX_HEADER, "")
            if not hmac.compare_digest(token.encode(), settings.telnyx_token.encode()):
                self._refuse(request, f"{TELNYX_HEADER} is not telephony.telnyx_token")
            return _provider(provider)
        if provider == "genesys" and settings.genesys_api_key:
            self._check_genesys(request)
            return _provider(provider)
        headers = _headers(request)
        if (
            self._access.needs_key
            and provider in BY_PARAMETER
            and presented(headers, request.query_params, ()) is None
        ):
            return None
        return self._access.admit(
            headers,
            request.query_params,
            request.scope.get("subprotocols", ()),
            client_address(request),
        )

    def when_started(self, parameters: Mapping[str, str], address: str | None) -> Grant:
        """Who is calling, by the parameters of the call. Raises `AccessError`."""
        key = parameters.get(PARAMETER, "")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return self._access.admit(headers, client_address=address)

    def from_network(self, address: str | None) -> Grant:
        """Who connects to AudioSocket. Raises `AccessError`."""
        try:
            known = ipaddress.ip_address(address or "")
        except ValueError:
            known = None
        if known is None or not any(known in network for network in self._networks):
            error = AccessError(
                403,
                "network_not_allowed",
                "this address may not bring AudioSocket calls: add its network to "
                "telephony.audiosocket_from",
            )
            self._access.refuse(error, address)
            raise error
        return _provider("audiosocket")

    def _check_genesys(self, request: HTTPConnection) -> None:
        settings = self._settings
        key = request.headers.get("x-api-key", "")
        if not hmac.compare_digest(key.encode(), settings.genesys_api_key.encode()):
            self._refuse(request, "X-API-KEY is not telephony.genesys_api_key")
        if not self._genesys_secret:
            return
        query = request.url.query
        target = f"{request.url.path}?{query}" if query else request.url.path
        problem = genesys_problem(
            request.headers, target, self._genesys_secret, key, self._unix_time()
        )
        if problem is not None:
            self._refuse(request, f"the AudioHook signature is not believed: {problem}")

    def _url(self, request: HTTPConnection) -> str:
        own = urlsplit(str(request.url))
        public = self._settings.public_url.rstrip("/")
        base = public or f"wss://{request.headers.get('host', '')}"
        return f"{base}{own.path}{'?' + own.query if own.query else ''}"

    def _refuse(self, request: HTTPConnection, message: str) -> NoReturn:
        error = AccessError(403, "invalid_signature", message)
        self._access.refuse(error, client_address(request))
        raise error


def networks(
    texts: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Raises `ConfigError` for what is no network."""
    found: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise ConfigError(
                f"telephony.audiosocket_from has {text!r}, which is no network ({error}): write "
                "10.0.0.5/32 or 10.0.0.0/24"
            ) from error
    return tuple(found)


def _provider(name: str) -> Grant:
    return Grant(f"telephone_{name}", frozenset({Scope.TALK}))


def _genesys_secret(settings: TelephonySettings) -> bytes:
    try:
        return binascii.a2b_base64(settings.genesys_client_secret, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError(
            f"telephony.genesys_client_secret is not base64 ({error}): copy it from the integration"
        ) from error


def _headers(request: HTTPConnection) -> Mapping[str, str]:
    """Asterisk's WebSocket client can send a user name and a password: the password is the key."""
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return request.headers
    try:
        pair = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return request.headers
    return {"authorization": f"Bearer {pair.partition(':')[2]}"}
