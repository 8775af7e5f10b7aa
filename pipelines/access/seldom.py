"""Keeps a flood out of the log: of lines alike so many are written, the others counted.

Writing a line waits for the terminal or the disk, on the event loop of everybody; whoever can make
the server say something must not be able to make it say it a thousand times a second.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass

from ...runtime.clock import Clock, MonotonicClock
from ...runtime.token_bucket import TokenBucket

ALIKE_AT_ONCE, ALIKE_PER_S = 10, 0.2
"""Lines of one place in the code."""
ALL_AT_ONCE, ALL_PER_S = 200, 20.0
KINDS = 256
"""Places that are told apart; then the one that was silent longest is forgotten."""


@dataclass(slots=True)
class _Kind:
    bucket: TokenBucket
    withheld: int = 0


class Seldom(logging.Filter):
    """For a handler. The first line after some that were withheld says how many, as `withheld`."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock or MonotonicClock()
        self._all = TokenBucket(ALL_AT_ONCE, ALL_PER_S, self._clock.now())
        self._kinds: OrderedDict[tuple[str, int, str], _Kind] = OrderedDict()
        self.withheld = 0
        """Lines that were not written since the start."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written."""
        now = self._clock.now()
        key = (record.name, record.levelno, str(record.msg)[:200])
        kind = self._kinds.get(key)
        if kind is None:
            bucket = TokenBucket(ALIKE_AT_ONCE, ALIKE_PER_S, now)
            kind = self._kinds[key] = _Kind(bucket)
            if len(self._kinds) > KINDS:
                self._kinds.popitem(last=False)
        self._kinds.move_to_end(key)
        if not kind.bucket.take(1, now) or not self._all.take(1, now):
            kind.withheld += 1
            self.withheld += 1
            return False
        record.withheld, kind.withheld = kind.withheld, 0
        return True
