"""How many messages one conversation may send, and what happens to one that sends only nonsense.

Plain code. A transport asks it before it looks at a message and tells it what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from .clock import Clock
from .errors import BadInput
from .events import RateLimit
from .settings import LimitsSettings
from .token_bucket import TokenBucket

RATE = "rate_limit_exceeded"
QUOTA = "quota_exceeded"
TOLD_AT_ONCE = 20
TOLD_PER_S = 5.0
"""Errors told to one client: a flood of nonsense must not become a flood of ours."""


class Verdict(Enum):
    """What a refused message deserves."""

    TELL = "tell"
    SILENCE = "silence"
    """Enough was told lately."""
    END = "end"
    """So many in a row that nobody can be talking: the connection should be closed."""


class Allowance:
    """What all conversations of one key share; None is no limit."""

    def __init__(self, messages: TokenBucket | None, size: TokenBucket | None) -> None:
        self.messages = messages
        self.size = size


class MessageGuard:
    """The limits of one conversation. On the event loop."""

    def __init__(
        self,
        limits: LimitsSettings,
        clock: Clock,
        *,
        shared: Allowance | None = None,
        count: Callable[[str], None] = lambda code: None,
    ) -> None:
        """`shared` is what its key may use; `count` is told the code of every refusal."""
        now = clock.now()
        self._clock = clock
        self._count = count
        self._max_in_a_row = limits.max_refusals
        self._in_a_row = 0
        self._told = TokenBucket(TOLD_AT_ONCE, TOLD_PER_S, now)
        own = TokenBucket(limits.message_burst, limits.messages_per_s, now)
        size = TokenBucket(limits.byte_burst, limits.bytes_per_s, now)
        self._buckets: Sequence[tuple[TokenBucket, bool, str, str]] = (
            (own, False, RATE, "messages of this conversation"),
            (size, True, RATE, "bytes of messages of this conversation"),
        )
        if shared is not None and shared.messages is not None:
            self._buckets += ((shared.messages, False, RATE, "messages of this API key"),)
        if shared is not None and shared.size is not None:
            self._buckets += ((shared.size, True, QUOTA, "bytes of this API key"),)
        self.max_depth = limits.max_json_depth
        self.messages = 0
        """Messages let through so far."""
        self.bytes = 0

    def take(self, size: int) -> None:
        """One message of `size` bytes came. Raises `BadInput` when it is one too many."""
        now = self._clock.now()
        for index, (bucket, is_size, code, what) in enumerate(self._buckets):
            if bucket.take(size if is_size else 1, now):
                continue
            for given, was_size, *_ in self._buckets[:index]:
                given.give(size if was_size else 1, now)
            raise BadInput(
                f"more than {bucket.per_s:g} {what} per second (or {bucket.burst:g} at once): "
                "send less, or ask the operator for a higher limit",
                code=code,
            )
        self.messages += 1
        self.bytes += size

    def limits(self) -> Sequence[RateLimit]:
        """What is left of the messages that may come: of the limit that is nearest, this
        conversation's or its key's. The published names say "requests" for what is counted one by
        one; bytes have no name there."""
        now = self._clock.now()
        buckets = [bucket for bucket, is_size, *_ in self._buckets if not is_size]
        nearest = min(buckets, key=lambda bucket: bucket.left(now))
        left = nearest.left(now)
        full_s = (nearest.burst - left) / nearest.per_s
        return (RateLimit("requests", int(nearest.burst), int(left), round(full_s, 3)),)

    def accepted(self) -> None:
        """A message could be used."""
        self._in_a_row = 0

    def refused(self, code: str) -> Verdict:
        """A message could not be used, for the reason `code`."""
        self._count(code)
        self._in_a_row += 1
        if self._in_a_row > self._max_in_a_row:
            return Verdict.END
        told = self._told.take(1, self._clock.now())
        return Verdict.TELL if told else Verdict.SILENCE
