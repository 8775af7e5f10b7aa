"""How long a conversation waits for a client whose connection is gone. Knows no protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Grace:
    """The wait of one conversation. All methods on the event loop."""

    def __init__(self, give_up: Callable[[str], None], seconds: float = 0.0) -> None:
        """`give_up` is told why when the client did not come back in `seconds`."""
        self.seconds = seconds
        """0: nobody is waited for."""
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        return self._timer is not None

    def begin(self, why: str) -> bool:
        """The connection is gone, and `why`. False when nobody is waited for."""
        if self.seconds <= 0:
            return False
        self.end()
        self._timer = self._loop.call_later(self.seconds, self._over, why)
        return True

    def end(self) -> None:
        """The client is back, or the conversation is over. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self, why: str) -> None:
        self._timer = None
        self._give_up(f"{why}, and did not come back within {self.seconds:g} s")
