"""The conversations under way: each has an id, a peer and a task, and ends alone.

Knows nothing of HTTP or of models. Whatever goes wrong inside one conversation ends that one, once,
with its trace in the log; the others never hear of it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..runtime import messages
from ..runtime.errors import BadInput, EngineFull
from ..runtime.protocols import Transport
from .taps import Tapped

log = logging.getLogger(__name__)

FAREWELL_S = 0.1
"""How long a last word may take to leave before the connection is closed."""
CLOSING_S = 5.0
"""How long a conversation may take to end before it is cancelled."""
RETRY_AFTER_S = 10.0
_SHUTTING_DOWN = "the server is shutting down: come again when it is back"
_ENDINGS = (("nobody spoke for", "idle"), ("the conversation reached", "max_minutes"))
NOT_FOUND = "call_not_found"
"""Code of the `BadInput` for a call that is not there."""


class Peer(Transport, Protocol):
    """A transport that is reached by session descriptions."""

    closed_why: str | None
    """Why the peer is gone; None while it lives."""

    async def restart(self, offer_sdp: str) -> str:
        """New paths for the same conversation (ICE restart): the answer to the offer. Raises `BadInput`
        when it can't be used; the conversation goes on as it was."""
        ...

    async def add_candidate(
        self,
        candidate: str | None,
        sdp_mid: str | None = None,
        sdp_mline_index: int | None = None,
    ) -> None:
        """One more address of the peer (a `candidate:…` line); None or "" when there are no more.
        Raises `BadInput`."""
        ...


class Conversation(Protocol):
    """What carries one session; `run` returns when it has ended and everything is given back."""

    async def run(self) -> str:
        """Returns why it ended."""
        ...

    def release(self) -> None:
        """Give back what was taken for a conversation that is never run. Idempotent."""
        ...


Answer = Callable[[str], Awaitable[tuple[str, Peer]]]
"""An offer's SDP → our answer's SDP and the peer. Raises `BadInput`."""
Converse = Callable[[Tapped], Conversation]
"""Puts a conversation on a peer, with the session that is wanted from its start. Raises `EngineFull` or `EngineDied`."""


def ending(why: str) -> str:
    """The limit of time that ended a conversation: "idle" or "max_minutes"; else "other"."""
    for begin, code in _ENDINGS:
        if why.startswith(begin):
            return code
    return "other"


@dataclass(slots=True)
class Call:
    """One conversation under way."""

    id: str
    peer: Peer
    tap: Tapped
    """The peer as the conversation knows it: whoever steers the call from elsewhere listens here."""
    task: asyncio.Task[None] = field(init=False)


class Calls:
    """Opens conversations up to a limit and ends them. Used on the event loop."""

    def __init__(
        self, answer: Answer, converse: Converse, limit: int, tasks: asyncio.TaskGroup
    ) -> None:
        self.opened = 0
        self.refused = 0
        self.failed = 0
        self.ended: Counter[str] = Counter()
        """Conversations that came to an end, by `ending`."""
        self._answer = answer
        self._converse = converse
        self._limit = limit
        self._tasks = tasks
        self._calls: dict[str, Call] = {}
        self._pending = 0
        self._is_closing = False
        self._dropped = Counter(audio=0, video=0, messages=0)  # of calls that have ended

    def __len__(self) -> int:
        return len(self._calls) + self._pending

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls.values()))

    @property
    def dropped(self) -> Mapping[str, int]:
        """What full mailboxes let go since the start, of every call: audio, video, messages."""
        total = self._dropped.copy()
        for call in self:
            total.update(_dropped(call.peer))
        return total

    @property
    def limit(self) -> int:
        """How many fit."""
        return self._limit

    async def open(self, sdp: str, session: Mapping[str, object] | None = None) -> tuple[str, str]:
        """Answer an offer and start its conversation; returns (id, answer SDP).

        `session` is the client's wish for the session, as in `session.update`. Raises `EngineFull`
        when there is no place, `BadInput` for an offer that can't be used, `EngineDied`.
        """
        self._check_place()
        self._pending += 1
        try:
            answer, peer = await self._answer(sdp)
            try:
                if self._is_closing:
                    raise self._full(_SHUTTING_DOWN)
                tap = Tapped(peer, session)
                conversation = self._converse(tap)
            except BaseException as error:
                self.refused += isinstance(error, EngineFull)
                await _close(peer, "refused")
                raise
        finally:
            self._pending -= 1
        return self._start(f"rtc_{secrets.token_hex(12)}", peer, tap, conversation).id, answer

    def join(self, peer: Peer, kind: str, session: Mapping[str, object] | None = None) -> Call:
        """Start a conversation on a peer that is connected already; its id begins with `kind`.
        `session` is what it begins with, as in `open`.

        Raises `EngineFull` when there is no place, `EngineDied`; the peer is the caller's to close
        then. Afterwards `call.task` ends when the conversation has.
        """
        self._check_place()
        tap = Tapped(peer, session)
        try:
            conversation = self._converse(tap)
        except EngineFull:
            self.refused += 1
            raise
        return self._start(f"{kind}_{secrets.token_hex(12)}", peer, tap, conversation)

    def _check_place(self) -> None:
        if self._is_closing:
            raise self._full(_SHUTTING_DOWN)
        if len(self) >= self._limit:
            raise self._full(
                f"all {self._limit} places are taken: try again in {RETRY_AFTER_S:.0f} seconds "
                "(the operator can raise server.max_sessions)"
            )

    def _start(self, call_id: str, peer: Peer, tap: Tapped, conversation: Conversation) -> Call:
        call = Call(call_id, peer, tap)
        self._calls[call.id] = call
        self.opened += 1
        call.task = self._tasks.create_task(self._carry(call, conversation), name=f"call {call.id}")
        return call

    def has(self, call_id: str) -> bool:
        """Whether there is such a call."""
        return call_id in self._calls

    def get(self, call_id: str) -> Call:
        """Raises `BadInput` with the code `NOT_FOUND`."""
        call = self._calls.get(call_id)
        if call is None:
            raise BadInput(
                "there is no such call: it has ended, or this server was restarted; start a new one",
                code=NOT_FOUND,
                param="call_id",
            )
        return call

    async def hang_up(self, call_id: str) -> None:
        """End a call and wait until everything of it is given back."""
        await self._end([self.get(call_id)], "the client hung up")

    async def stop(self, call_id: str, why: str) -> None:
        """End a call for a reason of ours, which the person is told; nothing when it is over."""
        call = self._calls.get(call_id)
        if call is not None:
            call.tap.send(messages.session_ended(why))
            await asyncio.sleep(FAREWELL_S)
            await self._end([call], why)

    async def close(self, why: str) -> None:
        """End every call, telling the people `why`; none is opened any more."""
        self._is_closing = True
        if self._calls:
            for call in self:
                call.tap.send(messages.session_ended(why))
            await asyncio.sleep(FAREWELL_S)
        await self._end(list(self), why)

    async def _end(self, calls: list[Call], why: str) -> None:
        if not calls:
            return
        for call in calls:
            self._tasks.create_task(_close(call.peer, why), name=f"close {call.id}")
        _, late = await asyncio.wait([call.task for call in calls], timeout=CLOSING_S)
        for task in late:
            log.error("a conversation did not end in time", extra={"task": task.get_name()})
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CLOSING_S)

    async def _carry(self, call: Call, conversation: Conversation) -> None:
        try:
            self.ended[ending(await conversation.run())] += 1
        except Exception:  # the edge of one conversation: the others go on
            self.failed += 1
            log.exception("a conversation failed", extra={"call": call.id})
        finally:
            del self._calls[call.id]
            self._dropped.update(_dropped(call.peer))
            await _close(call.peer, "the conversation ended")

    def _full(self, message: str) -> EngineFull:
        self.refused += 1
        return EngineFull(message, retry_after_s=RETRY_AFTER_S)


def _dropped(peer: Peer) -> Counter[str]:
    return Counter(
        audio=peer.audio.dropped, video=peer.video.dropped, messages=peer.messages.dropped
    )


async def _close(peer: Peer, why: str) -> None:
    try:
        await peer.close(why)
    except Exception:  # a peer that can't close must not take the other conversations along
        log.exception("a peer could not be closed")
