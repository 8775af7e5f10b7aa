"""The line of a WebSocket beside a call: bounded, without audio of its own, ended with the call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ...runtime import messages
from ...runtime.errors import BadInput
from ...runtime.mailboxes import Bounded
from ...runtime.message_guard import MessageGuard, Verdict
from .. import json_messages
from .outbox import Outbox, outgoing
from .socket import NORMAL, POLICY

EVENTS = 20_000
_APPEND = "input_audio_buffer.append"
OURS = "visavis."


class Sideband:
    """Events out to one listener, its messages in. All methods on the event loop."""

    def __init__(
        self,
        max_unread_bytes: int,
        *,
        max_message_bytes: int = 0,
        deliver: Bounded[Mapping[str, object]] | None = None,
        guard: MessageGuard | None = None,
        is_extended: bool = True,
    ) -> None:
        """`deliver` takes the messages of the listener, none is for one that is only told
        something."""
        self.outbox = Outbox(max_unread_bytes, EVENTS, self._overflowed)
        self.stop = asyncio.Event()
        self.why: str | None = None
        """Why it is over; None while it is not."""
        self.code = NORMAL
        self._max_message_bytes = max_message_bytes
        self._deliver = deliver
        self._guard = guard
        self._is_extended = is_extended

    def send(self, message: Mapping[str, object]) -> None:
        """Queue an event."""
        if self.why is not None:
            return
        if not self._is_extended and str(message.get("type")).startswith(OURS):
            return
        self.outbox.put(outgoing(message))

    async def take(self, data: str | bytes) -> None:
        """One message of the listener; returns when the next may be read."""
        try:
            if self._guard is not None:
                self._guard.take(len(data))
            message = json_messages.parse(
                data,
                self._max_message_bytes,
                json_messages.MAX_DEPTH if self._guard is None else self._guard.max_depth,
            )
            if self._deliver is None or message.get("type") == _APPEND:
                raise BadInput(
                    "audio comes from the caller: a listener can't add any",
                    code="audio_over_sideband",
                    param="type",
                )
        except BadInput as error:
            self._refuse(error, data)
            return
        if self._guard is not None:
            self._guard.accepted()
        await self._deliver.room()
        self._deliver.put(message)

    def call_ended(self, _: object) -> None:
        """The call is over, and this with it."""
        self._end("the call has ended", NORMAL)

    def _refuse(self, error: BadInput, data: str | bytes) -> None:
        verdict = Verdict.TELL if self._guard is None else self._guard.refused(error.code)
        if verdict is Verdict.SILENCE:
            return
        self.send(
            messages.error(
                str(error),
                code=error.code,
                param=error.param,
                event_id=json_messages.event_id_of(data),
            )
        )
        if verdict is Verdict.END:
            self._end("nothing that can be used was sent for too long", POLICY)

    def _overflowed(self, waiting: int) -> None:
        self._end(f"{waiting} bytes of events were left unread", POLICY)

    def _end(self, why: str, code: int) -> None:
        if self.why is None:
            self.why, self.code = why, code
            self.stop.set()
