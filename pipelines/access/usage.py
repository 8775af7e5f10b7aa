"""How much of its limits every key has used. Forgotten when the process ends."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from ...runtime.message_guard import QUOTA, Allowance
from ...runtime.token_bucket import TokenBucket
from .errors import AccessError
from .grant import Grant, KeyLimits

DAY_S = 86_400.0
SLICE_S = 5.0
"""Conversations pay for their minutes in pieces of this many seconds, in advance."""
BURST_S = 10.0
"""Messages of a key may come at once up to what so many seconds allow."""
MIB = 2**20


@dataclass(slots=True)
class KeyUsage:
    """One key's counts and buckets. A bucket that is None has no limit."""

    limits: KeyLimits
    seconds: TokenBucket | None
    allowance: Allowance
    sessions: int = 0
    begun: int = 0


@dataclass(slots=True)
class Usage:
    """All keys. `now` arguments are monotonic seconds."""

    refusals: Counter[str] = field(default_factory=Counter[str])
    """What was refused since the start, by code."""
    _keys: dict[str, KeyUsage] = field(default_factory=dict[str, KeyUsage])

    def of(self, grant: Grant, now: float) -> KeyUsage:
        """Made when first asked for: there are as many as there are keys."""
        usage = self._keys.get(grant.key_id)
        if usage is None:
            limits = grant.limits
            seconds = _daily(limits.minutes_per_day * 60, now)
            messages = (
                TokenBucket(limits.messages_per_s * BURST_S, limits.messages_per_s, now)
                if limits.messages_per_s
                else None
            )
            allowance = Allowance(messages, _daily(limits.mib_per_day * MIB, now))
            usage = self._keys[grant.key_id] = KeyUsage(limits, seconds, allowance)
        return usage

    def begin(self, grant: Grant, now: float) -> KeyUsage:
        """One more conversation of this key. Raises `AccessError` 429."""
        usage = self.of(grant, now)
        most = usage.limits.sessions
        if most and usage.sessions >= most:
            raise AccessError(
                429,
                "too_many_sessions",
                f"{grant.key_id} has {usage.sessions} conversations under way, the most it may "
                "have: end one first",
                retry_after_s=10.0,
            )
        if usage.seconds is not None and not usage.seconds.take(SLICE_S, now):
            wait = usage.seconds.wait_s(SLICE_S, now)
            raise AccessError(
                429,
                QUOTA,
                f"{grant.key_id} has used its {usage.limits.minutes_per_day:g} minutes of the "
                f"day: the next is free in {math.ceil(wait)} s",
                retry_after_s=wait,
            )
        usage.sessions += 1
        usage.begun += 1
        return usage

    def sessions(self) -> dict[str, int]:
        """Conversations under way by key id."""
        return {key_id: usage.sessions for key_id, usage in self._keys.items()}


def _daily(amount: float, now: float) -> TokenBucket | None:
    return TokenBucket(max(amount, SLICE_S), amount / DAY_S, now) if amount else None
