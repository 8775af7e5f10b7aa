"""Keys that are pressed one after another, gathered to what they were meant to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PAUSE_S = 2.0
"""After so long without a key the entry counts as finished."""
MAX_DIGITS = 32
END = "#"


class Keypad:
    """Gathers keys until `#`, a pause, or MAX_DIGITS; then `entered` is told, without the `#`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, entered: Callable[[str], None]) -> None:
        self._loop = loop
        self._entered = entered
        self._digits = ""
        self._timer: asyncio.TimerHandle | None = None

    def press(self, digit: str) -> None:
        """One key."""
        self._stop()
        if digit != END:
            self._digits += digit
        if digit == END or len(self._digits) >= MAX_DIGITS:
            self._enter()
        else:
            self._timer = self._loop.call_later(PAUSE_S, self._enter)

    def close(self) -> None:
        """What was begun is forgotten."""
        self._stop()
        self._digits = ""

    def _enter(self) -> None:
        self._stop()
        digits, self._digits = self._digits, ""
        if digits:
            self._entered(digits)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
