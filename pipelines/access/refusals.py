"""How often one address may be wrong before it is not listened to for a while.

Reading a request and saying what is wrong with it costs the event loop a millisecond; somebody who
sends nothing but nonsense gets so many explanations, then a short answer that needs no parser. What
counts is what the client did wrong, never that the server was full or a call was over.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from dataclasses import dataclass

from ...runtime.clock import Clock
from ...runtime.token_bucket import TokenBucket
from .errors import AccessError
from .handshakes import network_of

TOO_MANY = "too_many_refusals"
CHARGED = frozenset({400, 401, 403, 406, 413, 415, 422, 431})
"""HTTP statuses that say the request itself was wrong."""
TOGETHER = 2
"""All addresses together get so many times the budget of one. When that is spent, whoever was wrong
in the last `LATELY_S` seconds waits; whoever was not is not touched."""
LATELY_S = 60.0
REMEMBERED = 4096
"""Addresses with refusals that are remembered; then the one that was wrong longest ago is
forgotten."""


@dataclass(slots=True)
class _Wrong:
    """An address that was wrong."""

    bucket: TokenBucket
    last: float


class Refusals:
    """One server's budget of explanations, by address."""

    def __init__(self, burst: int, per_s: float, clock: Clock) -> None:
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._wrong: OrderedDict[str, _Wrong] = OrderedDict()
        self._all = TokenBucket(TOGETHER * burst, TOGETHER * per_s, clock.now())
        self.error = self._error()
        """What an address that must wait is told."""
        self.response = self._response()
        """The same as a whole HTTP/1.1 response, made without a framework. The connection stays."""

    def __len__(self) -> int:
        return len(self._wrong)

    def charge(self, address: str | None, status: int) -> None:
        """An answer with this HTTP status went to `address`."""
        if status not in CHARGED:
            return
        name, now = network_of(address), self._clock.now()
        wrong = self._wrong.get(name)
        if wrong is None:
            bucket = TokenBucket(self._burst, self._per_s, now)
            wrong = self._wrong[name] = _Wrong(bucket, now)
            if len(self._wrong) > REMEMBERED:
                self._wrong.popitem(last=False)
        self._wrong.move_to_end(name)
        wrong.last = now
        wrong.bucket.take(1, now)
        self._all.take(1, now)

    def are_spent(self, address: str | None) -> bool:
        """Whether `address` was wrong so often that it must wait. One that was not wrong for
        `LATELY_S`, and has its whole budget again, is forgotten."""
        if not self._wrong:
            return False
        name = network_of(address)
        wrong = self._wrong.get(name)
        if wrong is None:
            return False
        now = self._clock.now()
        left = wrong.bucket.left(now)
        if left >= self._burst and now - wrong.last >= LATELY_S:
            del self._wrong[name]
            return False
        return left < 1 or self._all.left(now) < 1

    def _error(self) -> AccessError:
        wait_s = 1 / self._per_s
        message = (
            f"more than {self._burst} requests of your address, or of many addresses with yours, "
            "could not be used: mend them and "
            f"come again in {math.ceil(wait_s)} s (the operator can raise "
            "limits.refusals_per_address)"
        )
        return AccessError(429, TOO_MANY, message, retry_after_s=wait_s)

    def _response(self) -> bytes:
        error = {
            "message": self.error.message,
            "type": "invalid_request_error",
            "code": TOO_MANY,
            "param": None,
        }
        body = json.dumps({"error": error}).encode()
        head = (
            "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
            f"Retry-After: {max(1, math.ceil(1 / self._per_s))}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
