"""A conversation with the agent inside this process: the host gives samples and takes samples back."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping

import numpy as np

from ..runtime.frames import Pcm
from ..runtime.mailboxes import MailboxClosed
from ..transports.in_process import Cleared, Closed, InProcess, Spoken
from ..transports.telephony.line import Encoding
from .call_events import AgentAudio, CallEvent, Ended, Interrupted, event_of
from .calls import Conversation


class Call:
    """One call. Iterate over it for what the agent does; use it on the event loop it was made on."""

    def __init__(self, peer: InProcess, conversation: Conversation) -> None:
        """`Agent.call` makes calls."""
        self.id = f"call_{secrets.token_hex(12)}"
        self._peer = peer
        self._task = asyncio.get_running_loop().create_task(
            conversation.run(), name=f"conversation {self.id}"
        )
        self._task.add_done_callback(self._over)

    @property
    def rate(self) -> int:
        """Samples per second of both directions."""
        return self._peer.rate

    @property
    def is_open(self) -> bool:
        """False once it is over; what happened before can still be taken."""
        return self._peer.closed_why is None

    def hear(self, audio: bytes | Pcm) -> None:
        """What the caller says, as it comes (20 ms at a time is usual): bytes in the call's
        encoding, or int16 samples where that is linear. Silence is audio too: without any the
        agent can't tell that a question is over for `turn.stall_ms`. Raises `BadInput`."""
        if isinstance(audio, np.ndarray):
            if self._peer.encoding is not Encoding.L16:
                raise TypeError(
                    f"the call's encoding is {self._peer.encoding.value}: give bytes, not samples"
                )
            audio = audio.astype("<i2", copy=False).tobytes()
        self._peer.hear(audio)

    def type(self, text: str) -> None:
        """Ask in writing: answered as if it had been said, and cuts off an answer as speech does."""
        self.interrupt()
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        self.send({"type": "conversation.item.create", "item": item})
        self.send({"type": "response.create"})

    def interrupt(self) -> None:
        """Stop the answer that is being given; nothing when there is none."""
        self.send({"type": "output_audio_buffer.clear"})

    def send(self, message: Mapping[str, object]) -> None:
        """Any message of the protocol; a bad one is answered by a `Problem`."""
        self._peer.ask(message)

    async def hang_up(self, why: str = "the host hung up") -> None:
        """End the call and wait until its place is free. Idempotent."""
        self._peer.shut(why)
        await asyncio.wait([self._task])

    def __aiter__(self) -> Call:
        return self

    async def __anext__(self) -> CallEvent:
        try:
            happening = await self._peer.next()
        except MailboxClosed:
            raise StopAsyncIteration from None
        match happening:
            case Spoken(payload=payload):
                return AgentAudio(payload)
            case Cleared():
                return Interrupted()
            case Closed(why=why):
                return Ended(why)
            case _:
                return event_of(happening.message)

    def _over(self, task: asyncio.Task[str]) -> None:
        if task.cancelled():
            self._peer.shut("cancelled")
        elif (error := task.exception()) is not None:
            self._peer.shut(f"it failed: {type(error).__name__}: {error}")
        else:
            self._peer.shut(task.result())
