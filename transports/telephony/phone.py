"""A telephone call as the runtime sees it: a connection, a provider's line, mailboxes and playout.

The line says what messages mean, the pacer when speech leaves, the playback how much of it was
heard. Here they meet the event loop; audio is coded on the media threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass

from ...runtime.errors import BadInput
from ...runtime.frames import AudioChunk, VideoFrame
from ...runtime.mailboxes import Bounded, Latest
from ...runtime.message_guard import RATE, MessageGuard
from ...runtime.protocols import Playout
from ...runtime.token_bucket import TokenBucket
from ..media_threads import Lane, MediaThreads, media_threads
from .coding import Ear
from .connection import (
    CLOSE_CODES,
    INTERNAL_ERROR,
    NORMAL,
    Connection,
    Sender,
    WireClosed,
    cut_reason,
)
from .keypad import Keypad
from .line import (
    OUT_OF_ORDER,
    REFUSED,
    Audio,
    Digit,
    Drained,
    Farewell,
    Held,
    Line,
    LineEvent,
    Reached,
    Reply,
    Started,
    Stopped,
    Wire,
)
from .phone_voice import PhoneVoice

log = logging.getLogger(__name__)

KEY_PARAMETERS = ("key", "api_key", "token", "client_secret")
"""Parameters of a call that carry a key; nobody is told their values."""
CLOSING_S = 2.0
"""How long each step of a farewell may take."""


@dataclass(frozen=True, slots=True)
class PhoneLimits:
    """What one call may ask for."""

    start_s: float = 10.0
    """Until the call has started."""
    silent_s: float = 30.0
    """Without any message, until the other end counts as gone."""
    messages_per_s: float = 250.0
    message_burst: int = 1_000
    audio_burst_s: float = 10.0
    """How much more audio may come than time has passed."""
    waiting: int = 2_000
    """Messages that may wait to be sent to somebody who does not read."""
    chunks: int = 250
    """Pieces of audio that may wait for the engine before the oldest goes."""


class Phone:
    """A `Transport` on a provider's connection. Make it on a running loop, then `begin`."""

    def __init__(
        self,
        line: Line,
        connection: Connection,
        *,
        limits: PhoneLimits | None = None,
        keys_are_text: bool = False,
        told: Callable[[Mapping[str, object]], None] = lambda message: None,
        threads: MediaThreads | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`told` is given every message of the session and of the call: keys, start, end. With
        `keys_are_text` what is keyed in is a typed question as well."""
        self.line = line
        self.limits = limits or PhoneLimits()
        self.closed_why: str | None = None
        self.refused_code: str | None = None
        """The code of what the other end sent that could not be used, if that ended the call."""
        self.audio: Bounded[AudioChunk] = Bounded(self.limits.chunks)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Bounded[Mapping[str, object]] = Bounded(256)
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._threads = threads or media_threads()
        self._told = told
        self._now = now
        self._keypad = Keypad(self._loop, self._entered) if keys_are_text else None
        self._started: asyncio.Future[Started] = self._loop.create_future()
        self._voice = PhoneVoice(line, self._put, now)
        self.playout: Playout = self._voice
        self._ear: Lane[AudioChunk] | None = None
        self._hear: Ear | None = None
        self._rate = 8_000
        self._sample_bytes = 1
        self._heard_at = now()
        self._messages_left = TokenBucket(
            self.limits.message_burst, self.limits.messages_per_s, now()
        )
        self._audio_left = TokenBucket(self.limits.audio_burst_s, 1.0, now())
        self._guard: MessageGuard | None = None
        self._sender = Sender(connection, self.limits.waiting)
        self._stopped = False
        """The other end said farewell."""
        self._watch: asyncio.TimerHandle | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    async def begin(self) -> Started:
        """Waits until the call has started. Raises `BadInput` when it does not; it is closed then,
        and the other end has been told why."""
        self._reader = self._spawn(self._read(), "phone reads")
        self._writer = self._spawn(self._write(), "phone writes")
        self._watch = self._loop.call_later(self.limits.silent_s, self._check_alive)
        try:
            async with asyncio.timeout(self.limits.start_s):
                return await asyncio.shield(self._started)
        except TimeoutError:
            why = f"the call did not start within {self.limits.start_s:g} s"
            await self.refuse(why, CLOSE_CODES[OUT_OF_ORDER])
            raise BadInput(why, code=OUT_OF_ORDER) from None
        except BadInput:
            if self._closing is not None:
                await asyncio.shield(self._closing)
            raise
        except asyncio.CancelledError:
            await self.close("the server is shutting down")
            raise

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        self._voice.played = played

    def send(self, message: Mapping[str, object]) -> None:
        self._told(message)
        if self._closing is None:
            for data in self.line.tell(message):
                self._put(data)

    def guard_messages(self, guard: MessageGuard) -> None:
        """From now on ask `guard` about every message that comes in."""
        self._guard = guard

    async def closed(self) -> None:
        """Waits until the call is over and everything of it is given back."""
        await self._over.wait()

    async def restart(self, offer_sdp: str) -> str:
        """A telephone call has no ICE. Raises `BadInput`."""
        raise BadInput("a telephone call takes no offer: it has no WebRTC", code="not_webrtc")

    async def add_candidate(
        self,
        candidate: str | None,
        sdp_mid: str | None = None,
        sdp_mline_index: int | None = None,
    ) -> None:
        """A telephone call has no ICE. Raises `BadInput`."""
        raise BadInput("a telephone call takes no candidate: it has no WebRTC", code="not_webrtc")

    async def close(self, why: str) -> None:
        await self._end(why, NORMAL, Farewell.COMPLETED)

    async def refuse(self, why: str, code: int, farewell: Farewell = Farewell.ERROR) -> None:
        """Close, telling the provider that it is an error, with this WebSocket close code."""
        await self._end(why, code, farewell)

    # Receive

    async def _read(self) -> None:
        try:
            await self._follow()
        except WireClosed:
            self._sender.is_gone = True
            self._give_up("the connection was closed", NORMAL, Farewell.COMPLETED)
        except BadInput as error:
            self.refused_code = error.code
            self._fail_start(error)
            code = CLOSE_CODES.get(error.code, INTERNAL_ERROR)
            self._give_up(str(error), code, Farewell.ERROR)
            with contextlib.suppress(WireClosed):
                await self._read_farewell()
        except Exception as error:
            # The edge of one call: a fault of ours ends it, once, with its trace.
            log.exception("a telephone call failed", extra={"provider": self.line.provider})
            self._give_up(f"internal error {type(error).__name__}", INTERNAL_ERROR, Farewell.ERROR)

    async def _follow(self) -> None:
        while True:
            data = await self._connection.receive()
            self._heard_at = now = self._now()
            if not self._messages_left.take(1, now):
                raise BadInput(
                    f"more than {self.limits.messages_per_s:g} messages per second came",
                    code=RATE,
                )
            if self._guard is not None:
                self._guard.take(len(data))
            for event in self.line.receive(data):
                self._handle(event, now)
                if isinstance(event, Stopped):
                    self._stopped = True
                    self._give_up(event.why, NORMAL, Farewell.COMPLETED)
                    return

    async def _read_farewell(self) -> None:
        """After an error of theirs, a provider that closes itself still wants its answers."""
        while self.line.closes_itself:
            data = await self._connection.receive()
            with contextlib.suppress(BadInput):
                for event in self.line.receive(data):
                    if isinstance(event, Reply):
                        self._put(event.data)
                    if isinstance(event, Stopped):
                        return

    def _handle(self, event: LineEvent, now: float) -> None:
        if isinstance(event, Reply):
            self._put(event.data)
            return
        if self._closing is not None:
            return
        match event:
            case Started():
                self._start(event)
            case Audio():
                self._listen(event, now)
            case Digit(digit=digit):
                self._told(
                    {
                        "type": "input_audio_buffer.dtmf_event_received",
                        "event": digit,
                        "received_at": int(time.time()),
                    }
                )
                if self._keypad is not None:
                    self._keypad.press(digit)
            case Reached(name=name):
                self._voice.reached(name)
            case Drained():
                self._voice.drained()
            case Held(is_held=is_held):
                self._voice.hold(is_held)
            case Stopped():
                pass

    def _start(self, started: Started) -> None:
        self._rate, self._sample_bytes = started.rate, started.encoding.sample_bytes
        if not started.is_probe:
            self._hear = Ear(started.encoding, started.rate)
            self._ear = self._threads.lane(self._heard, limit=500)
            self._voice.start(started, self._threads)
        self._told(
            {
                "type": "visavis.call.started",
                "provider": self.line.provider,
                "stream_id": started.stream_id,
                "call_id": started.call_id,
                "parameters": {
                    name: value
                    for name, value in started.parameters.items()
                    if name.lower() not in KEY_PARAMETERS
                },
            }
        )
        if not self._started.done():
            self._started.set_result(started)

    def _listen(self, audio: Audio, now: float) -> None:
        seconds = len(audio.payload) / self._sample_bytes / self._rate
        if not self._audio_left.take(seconds, now):
            raise BadInput(
                f"more than {self.limits.audio_burst_s:g} s of audio came faster than it can be "
                "spoken",
                code=RATE,
            )
        hear = self._hear
        if hear is not None and self._ear is not None:
            self._ear.put(lambda: hear.hear(audio, now))

    def _heard(self, chunks: list[AudioChunk]) -> None:
        for chunk in chunks:
            self.audio.put(chunk)

    def _check_alive(self) -> None:
        silent_s = self._now() - self._heard_at
        left = self.limits.silent_s - silent_s
        if left > 0:
            self._watch = self._loop.call_later(left, self._check_alive)
        else:
            self._give_up(f"nothing came for {silent_s:.0f} s", NORMAL, Farewell.ERROR)

    def _entered(self, digits: str) -> None:
        content = [{"type": "input_text", "text": digits}]
        item = {"type": "message", "role": "user", "content": content}
        self.messages.put({"type": "conversation.item.create", "item": item})
        self.messages.put({"type": "response.create"})

    # Send

    def _put(self, data: Wire) -> None:
        """Send a message, in order; a provider that does not read is closed."""
        if not self._sender.put(data):
            why = f"{self.line.provider} does not read what it is sent"
            self._give_up(why, INTERNAL_ERROR, Farewell.ERROR)

    async def _write(self) -> None:
        try:
            await self._sender.run()
        except WireClosed:
            self._give_up("the connection was closed", NORMAL, Farewell.COMPLETED)

    # The end

    def _give_up(self, why: str, code: int, farewell: Farewell) -> None:
        if self._closing is None:
            self.closed_why = why
            self._closing = self._spawn(self._close(why, code, farewell), "close phone")

    async def _end(self, why: str, code: int, farewell: Farewell) -> None:
        self._give_up(why, code, farewell)
        assert self._closing is not None
        await asyncio.shield(self._closing)

    async def _close(self, why: str, code: int, farewell: Farewell) -> None:
        self._fail_start(BadInput(why, code=REFUSED))
        if self._watch is not None:
            self._watch.cancel()
        if self._keypad is not None:
            self._keypad.close()
        self._voice.close()
        if self._ear is not None:
            self._ear.close()
        self.audio.close()
        self.video.close()
        self.messages.close()
        self._told({"type": "visavis.call.ended", "why": why})
        is_gone = self._sender.is_gone or self._stopped
        last = () if is_gone else self.line.hang_up(why, farewell)
        self._sender.put_last(last)
        if last and self.line.closes_itself and self._reader is not None:
            await asyncio.wait([self._reader], timeout=CLOSING_S)  # its replies go out meanwhile
        self._sender.finish()
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=CLOSING_S)
        with contextlib.suppress(TimeoutError, WireClosed):
            async with asyncio.timeout(CLOSING_S):
                await self._connection.close(code, cut_reason(why))
        tasks = [task for task in (self._reader, self._writer) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._over.set()

    def _fail_start(self, error: BadInput) -> None:
        if not self._started.done():
            self._started.set_exception(error)
            self._started.exception()  # nobody need be waiting for it

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        return self._loop.create_task(work, name=name)
