"""Where clients put their key: the headers, sub-protocols and addresses of the clients in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .errors import AccessError
from .secrets import PREFIX as SECRET_PREFIX

SUBPROTOCOL = "openai-insecure-api-key."
"""Browsers can set no header on a WebSocket; OpenAI's SDKs send the key as a sub-protocol."""
HEADERS = ("api-key", "x-api-key")
"""Besides `Authorization`: Azure's clients and Genesys'."""
QUERY = ("client_secret", "token", "api_key", "key")


def presented(
    headers: Mapping[str, str], query: Mapping[str, str], subprotocols: Sequence[str]
) -> str | None:
    """The key or client secret of a request, None when it has none.

    Raises `AccessError` for an `Authorization` that is no bearer token, and for an API key in an
    address: addresses are written to the logs of every proxy on the way. A client secret may be
    there, it is soon worth nothing.
    """
    authorization = headers.get("authorization", "").strip()
    if authorization:
        kind, _, key = authorization.partition(" ")
        if kind.lower() != "bearer" or not key.strip():
            raise AccessError(
                401,
                "invalid_authorization",
                "the Authorization header is not of the form 'Bearer <key>'",
            )
        return key.strip()
    for name in HEADERS:
        if key := headers.get(name, "").strip():
            return key
    for protocol in subprotocols:
        if protocol.startswith(SUBPROTOCOL):
            return protocol.removeprefix(SUBPROTOCOL)
    for name in QUERY:
        if key := query.get(name, ""):
            if key.startswith(SECRET_PREFIX):
                return key
            raise AccessError(
                400,
                "api_key_in_url",
                f"there is an API key in the address (?{name}=…), where proxies log it: send it "
                "as 'Authorization: Bearer …' and make a new one; a client secret (ek_…) may be "
                "in an address",
            )
    return None
