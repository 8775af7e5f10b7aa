"""The asyncio shell of one conversation: receive, hand to the `Session`, have it carried out.

No opinions. A part that raises ends its conversation, once, with its trace.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import cast

from . import messages
from .asides import OpenPicture
from .audio_path import AudioPath
from .carrier import SESSION, Carrier
from .client_messages import ClientMessages, default_config
from .client_reader import ClientReader
from .clock import Clock, MonotonicClock
from .effects import Emit, EndSession, FlushPlayout, RunTool
from .events import (
    AnswerCounted,
    Energy,
    Event,
    PeerGone,
    Played,
    StageFailed,
    ToolFinished,
    VoiceActivity,
)
from .frame_sampler import FrameSampler
from .frames import AudioChunk
from .inlet import Inlet
from .mailboxes import MailboxClosed
from .protocols import Delivery, Engine, MessageTransport, Transcriber, Transport, Voice
from .replay import Happening, Recorder, apply
from .scribe import Scribe
from .session import Session
from .settings import VisionSettings
from .tools import ToolRunner

log = logging.getLogger(__name__)

_Work = Callable[[], None]

_SOON_S = 1e-6
"""A deadline closer than this is due: the loop's timers are not finer."""


class _Over(Exception):
    """Ends the task group; carries nothing, the reason is kept by the runner."""


class SessionRunner:
    """Runs one `Session` between a transport, an engine and a voice.

    `open` takes the places (and may refuse); `run` lasts as long as the conversation.
    """

    def __init__(
        self,
        session: Session,
        transport: Transport,
        engine: Engine,
        voice: Voice,
        *,
        clock: Clock | None = None,
        vision: VisionSettings | None = None,
        model: str = "nano",
        voice_name: str = "default",
        recorder: Recorder | None = None,
        wanted: Mapping[str, object] | None = None,
        transcriber: Transcriber | None = None,
        tools: ToolRunner | None = None,
        open_picture: OpenPicture | None = None,
        energy: Callable[[float], Energy] | None = None,
    ) -> None:
        """`recorder` is told every call into the session, before it is made. `wanted` is the session
        to begin with, as in `session.update`. `transcriber` and `tools` serve what the session's
        abilities promise; `open_picture` makes pixels of a picture in a message, to be decoded when
        they are asked for (off the event loop); `energy` estimates what seconds of computing took."""
        self.session = session
        self.sampler = FrameSampler(vision or VisionSettings())
        self._transport = transport
        self._clock = clock or MonotonicClock()
        self._recorder = recorder
        self._wanted = wanted
        self._tools = tools
        self._energy = energy
        self._tasks: asyncio.TaskGroup | None = None
        is_track = session.audio_path is AudioPath.TRACK
        self._client = ClientMessages(
            default_config(session.id, model=model, voice=voice_name, has_superset=is_track),
            session.abilities,
            session.audio_path,
            voice_name,
        )
        session.config = self._client.checked
        self._carrier = Carrier(
            transport,
            engine,
            voice,
            Scribe(transcriber, self._happen),
            self.sampler,
            self._clock,
            deliver=self._deliver,
            run_tool=self._run_tool,
            judged=session.picture_judged,
            open_picture=open_picture,
        )
        self._inlet: Inlet | None = None
        if not is_track:
            # The session's audio path says that this transport is one.
            self._inlet = Inlet(cast(MessageTransport, transport), self._feed, self._clock)
        self._reader = ClientReader(self._client, session, self._inlet, self._happen, self._send)
        self._waiting: deque[Happening] = deque()
        self._is_handling = False
        self._why: str | None = None
        self._over = asyncio.Event()
        self._wake = asyncio.Event()
        self._timer_for = float("inf")
        self._next_pts: int | None = None

    def open(self) -> None:
        """Take a place in the engine and the voice. Raises `EngineFull` when there is none."""
        self._carrier.open()

    def release(self) -> None:
        """Give the places back. Idempotent; `run` does it itself."""
        self._carrier.release()

    async def run(self) -> str:
        """The whole conversation; returns why it ended."""
        self.open()
        why = "cancelled"
        try:
            self._begin()
            try:
                async with asyncio.TaskGroup() as tasks:
                    self._tasks = tasks
                    for name, work in (
                        ("hear", self._hear()),
                        ("watch", self._watch()),
                        ("messages", self._read_messages()),
                        ("timer", self._keep_time()),
                        ("end", self._until_over()),
                    ):
                        tasks.create_task(work, name=f"{name} {self.session.id}")
            except* _Over:
                pass
            why = self._why or "ended"
            return why
        finally:
            self._why = self._why or why
            self._over.set()
            try:
                self.release()
            finally:
                await self._transport.close(why)
            log.info("session closed", extra={"session": self.session.id, "why": why})

    def end(self, why: str) -> None:
        """Ask the conversation to end (the server is going down). Event loop only."""
        self._happen(PeerGone(why))

    def report(self) -> dict[str, object]:
        """Latencies, counts and drops of this conversation so far."""
        return {
            **self.session.totals.summary(),
            "dropped": {
                "audio": self._transport.audio.dropped,
                "video": self._transport.video.dropped,
                "messages": self._transport.messages.dropped,
            },
            "pictures": dict(self.sampler.counts),
        }

    # Receive

    def _begin(self) -> None:
        self._transport.set_played(self._played)
        hint = self.sampler.hint
        problem = self._reader.begin_with(self._wanted) if self._wanted else None
        self._send(messages.session_created(self._client.config))
        if problem is not None:
            self._send(problem)
        if not self.session.config.visavis.events:
            return
        self._send(messages.state("listening"))
        self._send(messages.sampler_hint(hint.max_fps, hint.max_width))
        self._send(messages.abilities(self.session.abilities.as_message()))

    async def _hear(self) -> None:
        try:
            while True:
                chunk = await self._transport.audio.get()
                if not self._carrier.is_open:
                    return
                if self._next_pts is not None and chunk.pts > self._next_pts and not chunk.gap:
                    # The mailbox dropped what came before.
                    chunk = replace(chunk, gap=chunk.pts - self._next_pts)
                self._next_pts = chunk.pts + len(chunk.pcm)
                self._feed(chunk)
        except MailboxClosed:
            self._happen(PeerGone("the peer is gone"))

    def _feed(self, chunk: AudioChunk) -> None:
        self._guard(partial(self._carrier.hear, chunk, self.session.transcript_wish))

    async def _watch(self) -> None:
        try:
            while True:
                frame = await self._transport.video.get()
                if not self._carrier.is_open:
                    return
                if self._carrier.is_camera_on and not self.session.is_looking:
                    is_speaking = self.session.is_person_speaking
                    self._guard(partial(self._carrier.look, frame, is_speaking=is_speaking))
        except MailboxClosed:
            return  # a peer may end its video and go on talking

    async def _read_messages(self) -> None:
        try:
            while True:
                await self._reader.read(await self._transport.messages.get())
        except MailboxClosed:
            return  # the end of the audio is the end of the peer

    async def _keep_time(self) -> None:
        while (deadline := self.session.deadline()) is not None:
            self._timer_for = deadline
            self._wake.clear()
            left = deadline - self._clock.now()
            if left > _SOON_S:
                try:
                    async with asyncio.timeout(left):
                        await self._wake.wait()
                except TimeoutError:
                    pass
            else:
                self._handle_all(Happening(max(deadline, self._clock.now()), None))
                await asyncio.sleep(0)

    async def _until_over(self) -> None:
        await self._over.wait()
        raise _Over

    def _played(self, turn: int, samples: int, is_done: bool, at: float) -> None:
        self._happen(Played(turn, samples, is_done), {"sent": at})

    def _deliver(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            self._happen(self._with_energy(delivery.event), delivery.stamps)
            if self._inlet is not None and isinstance(delivery.event, VoiceActivity):
                self._inlet.heard(delivery.event.pts)

    def _with_energy(self, event: Event) -> Event:
        """An event says all that the session is to know: it is replayed without the meter."""
        if not isinstance(event, AnswerCounted) or self._energy is None:
            return event
        return replace(event, energy=self._energy(event.counts.get("compute_us", 0) / 1e6))

    # Decide

    def _happen(self, event: Event, stamps: Mapping[str, float] | None = None) -> None:
        self._handle_all(Happening(self._clock.now(), event, stamps))

    def _handle_all(self, happening: Happening) -> None:
        """One happening after the other, also when carrying one out makes the next happen."""
        if self._over.is_set():
            return
        self._waiting.append(happening)
        if self._is_handling:
            return
        self._is_handling = True
        try:
            while self._waiting and not self._over.is_set():
                happening = self._waiting.popleft()
                if self._recorder is not None:
                    self._recorder(happening)
                self._carrier.stage = SESSION
                for effect in apply(self.session, happening):
                    if isinstance(effect, EndSession):
                        self._why = effect.why
                        self._over.set()
                        continue
                    for event in self._carrier.carry_out(effect):
                        self._waiting.append(Happening(self._clock.now(), event))
        except Exception as error:  # noqa: BLE001 - the edge of a session: it ends, once
            self._crash(error)
        finally:
            self._is_handling = False
        deadline = self.session.deadline()
        if deadline is None or deadline < self._timer_for:
            self._wake.set()

    def _run_tool(self, effect: RunTool) -> None:
        """Functions run beside the conversation, and end with it."""
        tools, group = self._tools, self._tasks
        if tools is None or group is None:
            raise RuntimeError(f"nothing here runs {effect.name!r}")

        async def run() -> None:
            output = await tools.run(effect.name, effect.arguments)
            self._happen(ToolFinished(effect.call_id, output))

        group.create_task(run(), name=f"tool {effect.name} {self.session.id}")

    def _guard(self, work: _Work) -> None:
        """Call a part outside of a happening; when it raises, the session ends."""
        if not self._carrier.is_open or self._over.is_set():
            return
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the edge of a session: it ends, once
            self._crash(error)

    def _send(self, message: messages.Message) -> None:
        self._guard(partial(self._carrier.tell, Emit(message)))

    def _crash(self, error: Exception) -> None:
        """A part raised: tell the person once, and end this session, with its trace."""
        if self._over.is_set():
            return
        stage = self._carrier.stage
        log.error(
            "session failed",
            extra={"session": self.session.id, "stage": stage},
            exc_info=error,
        )
        self._why = f"{stage} failed: {type(error).__name__}: {error}"
        failed = Happening(self._clock.now(), StageFailed(stage, self._why, is_fatal=True))
        try:
            if self._recorder is not None:
                self._recorder(failed)
            for effect in apply(self.session, failed):
                # Only words: the part that raised is not called again.
                if isinstance(effect, Emit | FlushPlayout):
                    self._carrier.tell(effect)
        except Exception as second:
            log.error("session could not say why it failed", exc_info=second)
        self._over.set()
