"""What somebody who was let in may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from .errors import AccessError

ANYONE = "anyone"
"""The key id of those who need none."""


class Scope(StrEnum):
    """What a key may be used for."""

    TALK = "talk"
    """Open conversations and steer them."""
    MINT = "mint"
    """Make client secrets."""
    METRICS = "metrics"
    """Read what the process measures."""


EVERYTHING = frozenset(Scope)


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one key may use; 0 is no limit."""

    sessions: int = 0
    """Conversations at once."""
    minutes_per_day: float = 0
    messages_per_s: float = 0
    """Over all its conversations."""
    mib_per_day: float = 0
    """Of messages; media over RTP is not counted."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to "who is this". Holds no secret, so it may be logged."""

    key_id: str
    """`key_` and the first digits of the key's SHA-256, or `ANYONE`."""
    scopes: frozenset[Scope]
    limits: KeyLimits = field(default_factory=KeyLimits)
    session: Mapping[str, object] | None = None
    """The session configuration that was stored with a client secret."""
    expires_at: int | None = None
    """Unix seconds, for a client secret."""

    def demand(self, scope: Scope) -> None:
        """Raises `AccessError` 403 when this grant has no such scope."""
        if scope not in self.scopes:
            has = ", ".join(sorted(self.scopes)) or "none"
            raise AccessError(
                403,
                "insufficient_scope",
                f"this key may not {scope.value} (it has the scopes: {has}): use another key, or "
                f"let the operator add {scope.value!r} to its scopes",
            )
