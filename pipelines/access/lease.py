"""One conversation of one key: counted while it lasts, ended when the key's minutes are spent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from ...runtime.clock import Clock
from ...runtime.message_guard import QUOTA, MessageGuard
from .audit import Audit
from .grant import Grant
from .usage import SLICE_S, KeyUsage

log = logging.getLogger(__name__)


@runtime_checkable
class Guarded(Protocol):
    """A peer whose messages can be limited."""

    def guard_messages(self, guard: MessageGuard) -> None:
        """From now on ask `guard` about every message that comes in."""
        ...


class Lease:
    """Made by `Access.begin`; whoever has it calls `end` exactly where the conversation ends.

    `end` may be called any number of times.
    """

    def __init__(
        self,
        grant: Grant,
        kind: str,
        address: str | None,
        usage: KeyUsage,
        guard: MessageGuard,
        clock: Clock,
        audit: Audit,
        forget: Callable[[Lease], None],
    ) -> None:
        self.grant = grant
        self.guard = guard
        """For the messages of this conversation."""
        self.call_id: str | None = None
        self._kind = kind
        self._address = address
        self._usage = usage
        self._clock = clock
        self._audit = audit
        self._forget = forget
        self._began = clock.now()
        self._paid_until = self._began + SLICE_S
        self._timer: asyncio.TimerHandle | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._is_ended = False

    def carry(
        self,
        call_id: str,
        peer: object,
        task: asyncio.Task[None],
        stop: Callable[[str], Awaitable[None]],
    ) -> None:
        """The conversation has begun: it is `call_id`, and over when `task` is. A peer that is
        `Guarded` gets the message limits; `stop(why)` is called when the key's minutes are spent.
        """
        self.call_id = call_id
        if isinstance(peer, Guarded):
            peer.guard_messages(self.guard)
        if self._usage.seconds is not None:
            self._pay_at(self._paid_until, stop)
        self._audit.note("begin", self.grant.key_id, self._address, kind=self._kind, call=call_id)
        task.add_done_callback(lambda done: self.end("failed" if _failed(done) else "ok"))

    def end(self, result: str = "ok") -> None:
        """Give the place back. `result` is a code for the audit log."""
        if self._is_ended:
            return
        self._is_ended = True
        if self._timer is not None:
            self._timer.cancel()
        now = self._clock.now()
        self._usage.sessions -= 1
        if self._usage.seconds is not None and self._paid_until > now:
            self._usage.seconds.give(self._paid_until - now, now)
        self._forget(self)
        self._audit.note(
            "end",
            self.grant.key_id,
            self._address,
            result=result,
            kind=self._kind,
            call=self.call_id,
            seconds=round(now - self._began, 1),
            messages=self.guard.messages,
            bytes=self.guard.bytes,
        )

    def _pay_at(self, at: float, stop: Callable[[str], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, at - self._clock.now()), self._pay, stop)

    def _pay(self, stop: Callable[[str], Awaitable[None]]) -> None:
        seconds = self._usage.seconds
        assert seconds is not None
        if seconds.take(SLICE_S, self._clock.now()):
            self._paid_until += SLICE_S
            self._pay_at(self._paid_until, stop)
            return
        minutes = self._usage.limits.minutes_per_day
        self._audit.note(
            "refuse", self.grant.key_id, self._address, result=QUOTA, call=self.call_id
        )
        self._stopping = asyncio.get_running_loop().create_task(
            self._stop(stop, f"the {minutes:g} minutes of the day of this API key are spent"),
            name=f"stop {self.call_id}",
        )

    async def _stop(self, stop: Callable[[str], Awaitable[None]], why: str) -> None:
        try:
            await stop(why)
        except Exception:  # its end is the call's business; the others go on
            log.exception("a conversation could not be stopped", extra={"call": self.call_id})


def _failed(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is not None
