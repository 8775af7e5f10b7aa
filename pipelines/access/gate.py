"""Lets people in: every door of the server asks here, and nowhere else is it decided who may talk."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import msgspec

from ...runtime.clock import Clock, MonotonicClock
from ...runtime.errors import BadInput, ConfigError
from ...runtime.message_guard import MessageGuard
from ...runtime.settings import Settings
from . import turn
from .audit import Audit
from .errors import AccessError
from .grant import ANYONE, EVERYTHING, Grant, KeyLimits, Scope
from .handshakes import PerAddress
from .keys import KeyRing, read_keys
from .lease import Lease
from .presented import presented
from .refusals import Refusals
from .secrets import DEFAULT_S, ClientSecret, SecretMaker
from .usage import Usage

GRACE_S = 7200.0
"""How long after its end a client secret may still steer the conversation that it opened."""
MIN_SIGNING_KEY = 32
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Carried(Protocol):
    """A conversation under way."""

    @property
    def id(self) -> str: ...

    @property
    def peer(self) -> object: ...

    @property
    def task(self) -> asyncio.Task[None]: ...


class Access:
    """One server's keys, limits and audit log. Methods on the event loop; the constructor and
    `close` read and write files and belong before and after it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        """Raises `ConfigError` for keys that can't be used."""
        access = settings.access
        if access.client_secret_key and len(access.client_secret_key) < MIN_SIGNING_KEY:
            raise ConfigError(
                f"access.client_secret_key has {len(access.client_secret_key)} characters: it "
                f"signs, so take at least {MIN_SIGNING_KEY} random ones (`visavis key` makes some)"
            )
        self.keys: KeyRing = read_keys(access)
        self.usage = Usage()
        self.handshakes = PerAddress(settings.limits.handshakes_per_address)
        self.connections = PerAddress(settings.limits.connections_per_address)
        self.audit = Audit(
            Path(access.audit_log) if access.audit_log else None,
            has_addresses=access.audit_addresses,
        )
        self._secrets = SecretMaker(access.client_secret_key)
        self._webrtc = settings.webrtc
        self._limits = settings.limits
        self._open_limits = KeyLimits(
            sessions=access.sessions_per_key,
            minutes_per_day=access.minutes_per_day,
            messages_per_s=access.messages_per_s,
            mib_per_day=access.mib_per_day,
        )
        self._clock = clock or MonotonicClock()
        self.refusals = Refusals(
            settings.limits.refusals_per_address, settings.limits.refusals_per_s, self._clock
        )
        self._unix_time = unix_time
        self._leases: dict[str, Lease] = {}

    @property
    def needs_key(self) -> bool:
        """Whether one must have a key to talk."""
        return len(self.keys) > 0

    def admit(
        self,
        headers: Mapping[str, str],
        query: Mapping[str, str] = _NOTHING,
        subprotocols: Sequence[str] = (),
        client_address: str | None = None,
        *,
        scope: Scope = Scope.TALK,
        is_opening: bool = True,
    ) -> Grant:
        """Who is this, and may they? `headers` has lower-case names or ignores their case.

        With no API key configured everybody is `ANYONE`, whatever key they present; a client
        secret is checked all the same, because of the session it carries. `is_opening=False` is
        for requests about a conversation that is under way (hang up, trickle, restart): a client
        secret is then still good after its end; see `owned`. Raises `AccessError`.
        """
        try:
            grant = self._grant(presented(headers, query, subprotocols), is_opening)
            grant.demand(scope)
        except AccessError as error:
            self.refuse(error, client_address)
            raise
        return grant

    def mint(
        self, grant: Grant, session: Mapping[str, object] | None, seconds: int = DEFAULT_S
    ) -> ClientSecret:
        """A client secret that may talk as this key may. Raises `AccessError`."""
        grant.demand(Scope.MINT)
        made = self._secrets.make(
            grant.key_id, frozenset({Scope.TALK}), session, seconds, self._unix_time()
        )
        self.audit.note("mint", grant.key_id, None, expires_at=made.expires_at)
        return made

    def begin(self, grant: Grant, kind: str, client_address: str | None = None) -> Lease:
        """A conversation of this key is about to begin: takes its place among the key's. `kind` is
        a word for the audit log ("webrtc", "websocket", "twilio", …). The caller must `end` the
        lease, or `carry` it with the conversation's task. Raises `AccessError` 429."""
        try:
            usage = self.usage.begin(grant, self._clock.now())
        except AccessError as error:
            self.refuse(error, client_address, grant.key_id)
            raise
        guard = MessageGuard(
            self._limits, self._clock, shared=usage.allowance, count=self.count_refusal
        )
        return Lease(
            grant, kind, client_address, usage, guard, self._clock, self.audit, self._forget
        )

    def carry(self, lease: Lease, call: Carried, stop: Callable[[str], Awaitable[None]]) -> None:
        """The conversation of `lease` has begun. It belongs to the lease's key, its messages are
        limited, and the lease ends with its task. `stop(why)` is called when the key's minutes are
        spent."""
        self._leases[call.id] = lease
        lease.carry(call.id, call.peer, call.task, stop)

    def owned(self, call_id: str, grant: Grant) -> None:
        """Raises `BadInput` (not found) when the conversation is another key's: whether it is there
        is not told. The key that opened it may be steered by its client secrets."""
        lease = self._leases.get(call_id)
        if lease is not None and lease.grant.key_id != grant.key_id:
            raise BadInput(
                "there is no such call: it has ended, or this server was restarted; start a new one",
                code="call_not_found",
                param="call_id",
            )

    def lease_of(self, call_id: str) -> Lease | None:
        """The lease of a conversation under way."""
        return self._leases.get(call_id)

    def ice_servers(self, grant: Grant) -> list[dict[str, object]]:
        """STUN and TURN servers for one session of this grant, with credentials of its own."""
        session = f"{grant.key_id}-{secrets.token_hex(6)}"
        return turn.ice_servers(turn.for_session(self._webrtc, session, self._unix_time()))

    def refuse(
        self, error: AccessError, client_address: str | None, key_id: str | None = None
    ) -> None:
        """Count and note that somebody was turned away."""
        self.count_refusal(error.code)
        self.audit.note("refuse", key_id or "unknown", client_address, result=error.code)

    def count_refusal(self, code: str) -> None:
        """For the metrics. Codes are ours, so there is a fixed number of them."""
        self.usage.refusals[code] += 1

    def close(self) -> None:
        """Write the audit log to its end. Blocks."""
        self.audit.close()

    def _grant(self, shown: str | None, is_opening: bool) -> Grant:
        if shown is not None and self._secrets.is_like(shown):
            return self._of_secret(shown, is_opening)
        if not self.needs_key:
            return Grant(ANYONE, EVERYTHING, self._open_limits)
        if shown is None:
            raise AccessError(
                401,
                "missing_api_key",
                "no API key was sent: send 'Authorization: Bearer <key>', or a client secret from "
                "POST /v1/realtime/client_secrets",
            )
        key = self.keys.find(shown)
        if key is None:
            raise AccessError(
                401,
                "invalid_api_key",
                f"the API key ({len(shown)} characters) is not one of this server's: check it",
            )
        return Grant(key.id, key.scopes, key.limits)

    def _of_secret(self, shown: str, is_opening: bool) -> Grant:
        grace_s = 0.0 if is_opening else GRACE_S
        claims = self._secrets.check(shown, self._unix_time(), grace_s=grace_s)
        if not self.needs_key and claims.key_id == ANYONE:
            limits, scopes = self._open_limits, claims.scopes
        elif (key := self.keys.get(claims.key_id)) is not None:
            limits, scopes = key.limits, claims.scopes & key.scopes
        else:
            raise AccessError(
                401,
                "invalid_client_secret",
                f"the client secret can't be used: {claims.key_id}, which made it, was withdrawn",
            )
        return Grant(claims.key_id, scopes, limits, claims.session, claims.expires_at)

    def _forget(self, lease: Lease) -> None:
        if lease.call_id is not None and self._leases.get(lease.call_id) is lease:
            del self._leases[lease.call_id]


def take_keys(settings: Settings) -> tuple[Access, Settings]:
    """The door of a server and the settings for everybody else, without what only the door needs:
    afterwards API keys exist as hashes only."""
    door = Access(settings)
    bare = msgspec.structs.replace(settings.access, api_keys=(), client_secret_key="")
    return door, msgspec.structs.replace(settings, access=bare)
