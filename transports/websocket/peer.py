"""A WebSocket client as the runtime sees it: messages both ways, with the audio inside them.

The conversation belongs to the peer, not to the connection: a client that asked for it may lose its
connection and come back on another one within `resume_s`, and is sent what it missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

from ...runtime import messages
from ...runtime.audio_path import AudioFormat, AudioPath
from ...runtime.errors import BadInput
from ...runtime.events import RateLimit
from ...runtime.frames import AudioChunk, Pcm, VideoFrame
from ...runtime.mailboxes import Bounded, Latest
from ...runtime.message_guard import MessageGuard, Verdict
from ...runtime.protocols import Playout
from ...runtime.settings import WebsocketSettings
from .. import json_messages
from ..grace import Grace
from ..media_threads import MediaThreads, media_threads
from .connection import carry, farewell
from .hearing import AppendedAudio
from .inbox import Inbox
from .outbox import Outbox, outgoing
from .socket import GOING_AWAY, NORMAL, POLICY, Closing, Socket, SocketClosed
from .voice import DeltaVoice

log = logging.getLogger(__name__)

MESSAGES = 256
"""Messages of the client that may wait; then its connection is not read."""
EVENTS = 20_000
"""Events that may wait for a client that does not read."""
OURS = "visavis."
_OF_TRACKS = "output_audio_buffer."
_SESSION = ("session.created", "session.updated")


class WebSocketPeer:
    """A `MessageTransport`. All methods on the event loop."""

    audio_path = AudioPath.MESSAGES

    def __init__(
        self,
        settings: WebsocketSettings,
        *,
        max_message_bytes: int,
        is_extended: bool = False,
        threads: MediaThreads | None = None,
    ) -> None:
        """`is_extended`: the client wants the `visavis.*` events, which others may stumble over, and
        may come back after it lost its connection."""
        self._settings = settings
        self._max_message_bytes = max_message_bytes
        self._is_extended = is_extended
        self._tells_ours = is_extended
        self._guard: MessageGuard | None = None
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(
            settings.max_unread_bytes,
            EVENTS,
            self._overflowed,
            keep_bytes=settings.replay_bytes if is_extended else 0,
        )
        threads = threads or media_threads()
        self._hearing = AppendedAudio(threads)
        self._voice = DeltaVoice(threads, self._outbox)
        self._at_start: list[Mapping[str, object]] = []
        self._stop = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._grace = Grace(
            partial(self._end, code=NORMAL), settings.resume_s if is_extended else 0.0
        )
        self._closing = Closing(NORMAL, "")
        self.closed_why: str | None = None
        """Why the peer is gone; None while it lives."""
        self.refused = 0
        """Messages of the client that were answered by an error here."""
        self.audio: Bounded[AudioChunk] = Bounded(1)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Inbox = Inbox(MESSAGES, max_message_bytes)
        self.playout: Playout = _NoTrack(self._voice)

    @property
    def is_connected(self) -> bool:
        return not self._free.is_set()

    @property
    def is_extended(self) -> bool:
        return self._is_extended

    def guard_messages(self, guard: MessageGuard) -> None:
        """From now on every message is counted."""
        self._guard = guard

    def rate_limits(self) -> Sequence[RateLimit]:
        """What the client may still send."""
        return () if self._guard is None else self._guard.limits()

    # What the connection calls

    async def serve(self, socket: Socket, welcome: Callable[[], None] = lambda: None) -> None:
        """Carry the conversation over this connection until either ends. One that carried it before
        is closed: the client has come back before we noticed that it was gone. `welcome` is called
        before anything is sent."""
        await self._take_over()
        if self.closed_why is not None:
            await socket.close(self._closing.code, self._reason())
            return
        self._free.clear()
        welcome()
        ended: SocketClosed | None = None
        try:
            ended = await carry(socket, self._outbox, self._take, self._stop, "websocket")
        except BaseException:
            self._end("the connection failed", NORMAL)
            raise
        finally:
            if ended is not None:
                self._lost(ended)
            elif self.closed_why is not None:
                await farewell(socket, self._outbox)
            await socket.close(self._closing.code, self._reason())
            self._closing = Closing(NORMAL, "")
            self._free.set()
            if self.closed_why is not None:
                self._outbox.close()

    def replay(self, after: str | None) -> tuple[int, bool]:
        """On a new connection: queue again what was sent after this event; how many events, and
        whether none is missing between. None stands for a client that got none."""
        return self._outbox.replay(after)

    def tell_first(self, message: Mapping[str, object]) -> None:
        """Put a message before everything that waits."""
        self._outbox.put_first(outgoing(message))

    def tell_at_start(self, message: Mapping[str, object]) -> None:
        """Queue a message right behind session.created, which every client wants to be the first."""
        self._at_start.append(message)

    async def _take_over(self) -> None:
        self._grace.end()
        if not self._free.is_set():
            self._closing = Closing(GOING_AWAY, "the client connected again elsewhere")
            self._stop.set()
            await self._free.wait()
            if self.closed_why is None:
                self._stop.clear()

    async def _take(self, data: str | bytes) -> None:
        """One message of the client; returns when the next may be read."""
        guard = self._guard
        try:
            if guard is not None:
                guard.take(len(data))
            message = json_messages.parse(
                data,
                self._max_message_bytes,
                json_messages.MAX_DEPTH if guard is None else guard.max_depth,
            )
        except BadInput as error:
            self._refuse(error, data)
            return
        if guard is not None:
            guard.accepted()
        await self.messages.room()
        self.messages.put(message, len(data))

    def _refuse(self, error: BadInput, data: str | bytes) -> None:
        self.refused += 1
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
            self._end("the client sent nothing that can be used for too long", POLICY)

    def _lost(self, ended: SocketClosed) -> None:
        """The connection is over; the conversation is, too, unless the client may come back."""
        if self.closed_why is not None:
            return
        how = "lost its" if ended.is_dropped else "closed the"
        why = f"the client {how} connection ({ended.code})"
        if ended.is_dropped and self._grace.begin(why):
            log.info("connection lost", extra={"code": ended.code})
        else:
            self._end(why, NORMAL)

    def _overflowed(self, waiting: int) -> None:
        self._end(
            f"the client left {waiting} bytes of events unread "
            f"(at most {self._settings.max_unread_bytes} bytes or {EVENTS} events may wait)",
            POLICY,
        )

    # What the runner calls

    def send(self, message: Mapping[str, object]) -> None:
        """Queue a message. What tells of media tracks does not concern this client, and our own
        events only one that asked for them."""
        kind = str(message.get("type"))
        if kind in _SESSION and _wants_ours(message.get("session")):
            self._tells_ours = True
        if kind.startswith(_OF_TRACKS) or (kind.startswith(OURS) and not self._tells_ours):
            return
        if self.closed_why is not None:
            return
        self._outbox.put(outgoing(message))
        if kind == "session.created":
            at_start, self._at_start = self._at_start, []
            for more in at_start:
                self.send(more)

    async def decode_audio(self, audio: str, kind: AudioFormat) -> Pcm:
        return await self._hearing.decode(audio, kind)

    def drain_audio(self) -> Pcm:
        return self._hearing.drain()

    def send_audio(
        self, message: Mapping[str, object], pcm: Pcm, kind: AudioFormat, *, is_last: bool
    ) -> None:
        if self.closed_why is None:
            self._voice.send(message, pcm, kind, is_last=is_last)

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        """Never used: what was played is reckoned by the clock."""

    async def close(self, why: str) -> None:
        self._end(why, NORMAL)
        await self._free.wait()

    def drop(self, why: str) -> None:
        """As `close`, for a peer that no connection serves."""
        self._end(why, NORMAL)

    # A call over WebRTC has these

    async def restart(self, offer_sdp: str) -> str:
        raise _no_webrtc()

    async def add_candidate(
        self,
        candidate: str | None,
        sdp_mid: str | None = None,
        sdp_mline_index: int | None = None,
    ) -> None:
        raise _no_webrtc()

    def _end(self, why: str, code: int) -> None:
        if self.closed_why is not None:
            return
        self.closed_why = why
        self._closing = Closing(code, why)
        self._grace.end()
        self.audio.close()
        self.video.close()
        self.messages.close()
        self._hearing.close()
        self._voice.close()
        self._stop.set()
        if self._free.is_set():
            self._outbox.close()

    def _reason(self) -> str:
        """Of a close frame: at most 123 bytes."""
        reason = self._closing.reason or self.closed_why or ""
        return reason.encode()[:120].decode("utf-8", "ignore")


class _NoTrack:
    """The `Playout` of a peer without a media track: only what was not sent yet can be taken back."""

    def __init__(self, voice: DeltaVoice) -> None:
        self._voice = voice

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        """Never used: audio goes through `send_audio`."""

    def flush(self) -> int:
        self._voice.flush()
        return 0


def _wants_ours(session: object) -> bool:
    """Whether the session was asked for our events."""
    if not isinstance(session, Mapping):
        return False
    ours = cast(Mapping[str, object], session).get("visavis")
    return isinstance(ours, Mapping) and cast(Mapping[str, object], ours).get("events") is True


def _no_webrtc() -> BadInput:
    return BadInput(
        "this conversation is over a WebSocket: it has no ICE candidates; connect the WebSocket "
        "again with its resume token instead",
        code="no_webrtc_call",
    )
