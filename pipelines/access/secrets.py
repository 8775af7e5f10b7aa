"""Short-lived client secrets: what a backend with an API key gives to a browser.

A secret is `ek_<claims>.<signature>`: who made it, what it may be used for and until when, signed
with HMAC-SHA256. It needs no table, but for a session configuration that is too large to travel in
a header: that one is kept here until the secret expires.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec

from .errors import AccessError
from .grant import Scope

PREFIX = "ek_"
MIN_S, MAX_S, DEFAULT_S = 10, 7200, 600
"""Seconds a secret may last: the bounds and the default of the published API."""
MAX_CHARACTERS = 6000
"""Of a secret. Servers and proxies cut a header line off at 8 KiB."""
MAX_SESSION_BYTES = 262_144
CARRIED_BYTES = 3000
"""A packed session configuration up to this size travels inside the secret."""
KEPT_SECRETS = 1024
KEPT_BYTES = 32 * 2**20
_CONTEXT = b"visavis client secret, version 1\0"
_LEEWAY_S = 1


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """What is given to the client."""

    value: str = field(repr=False)
    expires_at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good secret says."""

    key_id: str
    scopes: frozenset[Scope]
    expires_at: int
    session: Mapping[str, object] | None


class _Wire(msgspec.Struct, array_like=True):
    key_id: str
    scopes: list[Scope]
    issued_at: int
    expires_at: int
    nonce: str
    session: str | None = None
    """Deflated JSON in base64, "" when it is kept here."""


class SecretMaker:
    """Signs and checks. `now` arguments are Unix seconds."""

    def __init__(self, key: str = "") -> None:
        """An empty `key` makes one: secrets of another process are not accepted then."""
        given = key.encode() or secrets.token_bytes(32)
        self._key = hashlib.sha256(_CONTEXT + given).digest()
        self._kept: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    def make(
        self,
        key_id: str,
        scopes: frozenset[Scope],
        session: Mapping[str, object] | None,
        seconds: int,
        now: float,
    ) -> ClientSecret:
        """Raises `AccessError` for a time or a session that can't be used."""
        if not MIN_S <= seconds <= MAX_S:
            raise AccessError(
                400,
                "invalid_value",
                f"expires_after.seconds is {seconds}: it may be {MIN_S} to {MAX_S}",
                param="expires_after.seconds",
            )
        expires_at = int(now) + seconds
        nonce = secrets.token_urlsafe(12)
        packed = None if session is None else _pack(session)
        carried = packed
        if packed is not None and len(packed) > CARRIED_BYTES:
            self._keep(nonce, expires_at, packed, now)
            carried = b""
        claims = _Wire(
            key_id,
            sorted(scopes),
            int(now),
            expires_at,
            nonce,
            None if carried is None else _text(carried),
        )
        body = _text(msgspec.json.encode(claims))
        return ClientSecret(f"{PREFIX}{body}.{_text(self._sign(body))}", expires_at)

    def check(self, value: str, now: float, *, grace_s: float = 0.0) -> Claims:
        """What a secret says. `grace_s` is how long after its end it is still taken, for the
        conversation it has opened. Raises `AccessError` 401."""
        body, dot, signature = value.removeprefix(PREFIX).partition(".")
        if not dot or len(value) > MAX_CHARACTERS or not value.startswith(PREFIX):
            raise _bad("invalid_client_secret", "it is not one of this server's")
        try:
            is_ours = hmac.compare_digest(_bytes(signature), self._sign(body))
            claims = msgspec.json.decode(_bytes(body), type=_Wire) if is_ours else None
        except (ValueError, msgspec.DecodeError):  # not base64, or signed but of another shape
            claims = None
        if claims is None:
            raise _bad(
                "invalid_client_secret",
                "it was not made by this server, or before it was started again",
            )
        if now > claims.expires_at + grace_s + _LEEWAY_S:
            raise _bad("expired_client_secret", f"it has expired, at {claims.expires_at}")
        is_over = now > claims.expires_at + _LEEWAY_S  # it opens nothing, so needs no session
        session = None if is_over else self._session(claims)
        return Claims(claims.key_id, frozenset(claims.scopes), claims.expires_at, session)

    def is_like(self, value: str) -> bool:
        """Looks like a secret of a visavis server, good or not."""
        return value.startswith(PREFIX) and "." in value

    def _session(self, claims: _Wire) -> Mapping[str, object] | None:
        if claims.session is None:
            return None
        packed = _bytes(claims.session)
        if not packed:
            kept = self._kept.get(claims.nonce)
            if kept is None:
                raise _bad("unknown_client_secret", "its session is not known here any more")
            packed = kept[1]
        return _unpack(packed)

    def _keep(self, nonce: str, expires_at: int, packed: bytes, now: float) -> None:
        for old in [name for name, (end, _) in self._kept.items() if end + _LEEWAY_S < now]:
            del self._kept[old]
        size = sum(len(each) for _, each in self._kept.values())
        if len(self._kept) >= KEPT_SECRETS or size + len(packed) > KEPT_BYTES:
            raise AccessError(
                429,
                "too_many_client_secrets",
                f"{len(self._kept)} client secrets with large sessions are under way: make them "
                "shorter-lived, or their sessions smaller",
                retry_after_s=60.0,
            )
        self._kept[nonce] = (expires_at, packed)

    def _sign(self, body: str) -> bytes:
        return hmac.digest(self._key, _CONTEXT + body.encode("utf-8", "replace"), "sha256")


def _pack(session: Mapping[str, object]) -> bytes:
    encoded = msgspec.json.encode(session)
    if len(encoded) > MAX_SESSION_BYTES:
        raise AccessError(
            400,
            "session_too_large",
            f"the session has {len(encoded)} bytes: at most {MAX_SESSION_BYTES} are taken",
            param="session",
        )
    return zlib.compress(encoded, 9)


def _unpack(packed: bytes) -> Mapping[str, object]:
    """Only of what we packed ourselves: it is signed or was kept here."""
    return cast(Mapping[str, object], msgspec.json.decode(zlib.decompress(packed)))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises ValueError."""
    if not text.isascii():
        raise ValueError("not base64")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _bad(code: str, why: str) -> AccessError:
    return AccessError(401, code, f"the client secret can't be used: {why}; make another")
