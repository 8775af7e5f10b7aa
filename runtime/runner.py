"""The asyncio shell of one conversation: receive, hand to the `Session`, carry out. No opinions.

Owns the conversation's place in the engine and in the voice, and gives both back however it ends.
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
from .asides import Asides, OpenPicture, as_frame
from .audio_path import AudioPath
from .client_messages import ClientMessages, Translated, default_config
from .clock import Clock, MonotonicClock
from .effects import (
    BeginTranscript,
    CancelTurn,
    CommitTurn,
    Configure,
    DropTranscript,
    Effect,
    Emit,
    EndAside,
    EndSession,
    EndTranscript,
    EndTurn,
    EraseItem,
    FlushPlayout,
    ForgetUtterance,
    InsertItem,
    LookAt,
    NameItems,
    Play,
    Prepare,
    RetractShadow,
    ReviseTurn,
    RunTool,
    SendAudio,
    SetCamera,
    Speak,
    StartAside,
    StartShadow,
    StopDecoding,
)
from .errors import BadInput
from .events import (
    AudioAppended,
    CameraChanged,
    Event,
    PeerGone,
    Played,
    StageFailed,
    ToolFinished,
    Transcribed,
    TranscriptionFailed,
    VoiceActivity,
)
from .frame_sampler import FrameSampler
from .frames import AudioChunk, VideoFrame
from .inlet import Inlet
from .mailboxes import MailboxClosed
from .protocols import (
    Delivery,
    Engine,
    ItemEngine,
    MessageTransport,
    RevisingEngine,
    Slot,
    Transcriber,
    Transport,
    Voice,
)
from .replay import Happening, Recorder, apply
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
    ) -> None:
        """`recorder` is told every call into the session, before it is made. `wanted` is the session
        to begin with, as in `session.update`. `transcriber` and `tools` serve what the session's
        abilities promise; `open_picture` makes pixels of a picture in a message, to be decoded when
        they are asked for (off the event loop)."""
        self.session = session
        self.sampler = FrameSampler(vision or VisionSettings())
        self._transport = transport
        self._engine = engine
        self._voice = voice
        self._clock = clock or MonotonicClock()
        self._recorder = recorder
        self._wanted = wanted
        self._transcriber = transcriber
        self._tools = tools
        self._open_picture = open_picture
        self._asides = Asides(engine, self._deliver, open_picture)
        self._tasks: asyncio.TaskGroup | None = None
        self._script: int | None = None
        self._script_wish: tuple[str | None, str] | None = None
        self._script_problem = "no transcriber is there"
        is_track = session.audio_path is AudioPath.TRACK
        self._client = ClientMessages(
            default_config(session.id, model=model, voice=voice_name, has_superset=is_track),
            session.abilities,
            session.audio_path,
            voice_name,
        )
        session.config = self._client.checked
        self._inlet: Inlet | None = None
        if not is_track:
            # The session's audio path says that this transport is one.
            self._inlet = Inlet(cast(MessageTransport, transport), self._feed, self._clock)
        self._slot: Slot | None = None
        self._handle: int | None = None
        self._waiting: deque[Happening] = deque()
        self._is_handling = False
        self._is_camera_on = True
        self._why: str | None = None
        self._over = asyncio.Event()
        self._wake = asyncio.Event()
        self._timer_for = float("inf")
        self._next_pts: int | None = None
        self._stage = "session"

    def open(self) -> None:
        """Take a place in the engine and the voice. Raises `EngineFull` when there is none."""
        if self._slot is not None:
            return
        self._slot = self._engine.open(self._deliver)
        try:
            self._handle = self._voice.open(self._deliver)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the places back. Idempotent; `run` does it itself."""
        slot, self._slot = self._slot, None
        handle, self._handle = self._handle, None
        script, self._script = self._script, None
        try:
            self._asides.close()
            if slot is not None:
                self._engine.close(slot)
            if script is not None and self._transcriber is not None:
                self._transcriber.close(script)
        finally:
            if handle is not None:
                self._voice.close(handle)

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
        problem = self._begin_as_wanted()
        self._send(messages.session_created(self._client.config))
        if problem is not None:
            self._send(problem)
        if not self.session.config.visavis.events:
            return
        self._send(messages.state("listening"))
        self._send(messages.sampler_hint(hint.max_fps, hint.max_width))
        self._send(messages.abilities(self.session.abilities.as_message()))

    def _begin_as_wanted(self) -> messages.Message | None:
        """Lay the wanted session over ours; what can't be had of it is told."""
        if not self._wanted:
            return None
        try:
            translated = self._client.translate({"type": "session.update", "session": self._wanted})
        except BadInput as error:
            return messages.error(str(error), code=error.code, param=error.param)
        for event in translated.events:
            self._happen(event)
        return None

    async def _hear(self) -> None:
        try:
            while True:
                chunk = await self._transport.audio.get()
                slot = self._slot
                if slot is None:
                    return
                if self._next_pts is not None and chunk.pts > self._next_pts and not chunk.gap:
                    # The mailbox dropped what came before.
                    chunk = replace(chunk, gap=chunk.pts - self._next_pts)
                self._next_pts = chunk.pts + len(chunk.pcm)
                self._guard("engine", partial(self._engine.hear, slot, chunk))
                self._guard("transcriber", partial(self._overhear, chunk))
        except MailboxClosed:
            self._happen(PeerGone("the peer is gone"))

    async def _watch(self) -> None:
        try:
            while True:
                frame = await self._transport.video.get()
                if self._slot is None:
                    return
                if self._is_camera_on and not self.session.is_looking:
                    self._guard("camera", partial(self._look, self._slot, frame))
        except MailboxClosed:
            return  # a peer may end its video and go on talking

    def _look(self, slot: Slot, frame: VideoFrame) -> None:
        now, is_speaking = self._clock.now(), self.session.is_person_speaking
        if self.sampler.judge(frame.pixels.luma(), frame.pts, now, is_speaking).accept:
            self._stage = "engine"
            self._engine.look(slot, frame)

    async def _read_messages(self) -> None:
        try:
            while True:
                await self._read(await self._transport.messages.get())
        except MailboxClosed:
            return  # the end of the audio is the end of the peer

    async def _read(self, message: Mapping[str, object]) -> None:
        try:
            await self._understand(message)
        except BadInput as error:
            event_id = message.get("event_id")
            self._send(
                messages.error(
                    str(error),
                    code=error.code,
                    param=error.param,
                    event_id=event_id if isinstance(event_id, str) else None,
                )
            )

    async def _understand(self, message: Mapping[str, object]) -> None:
        inlet = self._inlet
        kind = message.get("type")
        if inlet is not None and kind == "input_audio_buffer.append":
            audio = message.get("audio")
            if not isinstance(audio, str):
                raise BadInput(
                    "audio is missing or not base64", code="missing_field", param="audio"
                )
            await inlet.append(audio, self.session.config.audio.input.format.kind)
            self._happen(AudioAppended(inlet.pts))
            return
        translated = self._client.translate(message)
        if inlet is not None and kind in ("input_audio_buffer.commit", "input_audio_buffer.clear"):
            await inlet.finish()  # what was appended before it belongs to it
        if inlet is not None and translated.audio is not None:
            await self._take_item_audio(inlet, translated)
            return
        for event in translated.events:
            if isinstance(event, CameraChanged):
                self._is_camera_on = event.is_on
            self._happen(event)
        for reply in translated.replies:
            self._send(reply)

    async def _take_item_audio(self, inlet: Inlet, translated: Translated) -> None:
        """A recorded message: what was appended before is heard first, then it alone."""
        begun, committed = translated.events
        await inlet.finish()
        self._happen(begun)
        if not self.session.is_taking_item_audio:
            return
        try:
            if translated.audio is not None:
                kind = self.session.config.audio.input.format.kind
                await inlet.append(translated.audio, kind)
            await inlet.finish()
        finally:
            self._happen(committed)

    def _feed(self, chunk: AudioChunk) -> None:
        slot = self._slot
        if slot is not None:
            self._guard("engine", partial(self._engine.hear, slot, chunk))
            self._guard("transcriber", partial(self._overhear, chunk))

    def _overhear(self, chunk: AudioChunk) -> None:
        """The transcriber, where one was chosen, hears what the engine hears."""
        transcriber = self._transcriber
        if transcriber is None:
            return
        wish = self.session.transcript_wish
        if wish != self._script_wish:
            self._script_wish = wish
            self._open_script(transcriber, wish)
        if self._script is not None:
            transcriber.hear(self._script, chunk)

    def _open_script(self, transcriber: Transcriber, wish: tuple[str | None, str] | None) -> None:
        """One transcript for as long as the client wants the same."""
        script, self._script = self._script, None
        if script is not None:
            transcriber.close(script)
        if wish is None:
            return
        language, prompt = wish
        try:
            self._script = transcriber.open(self._written, language=language, prompt=prompt)
        except BadInput as error:
            self._script_problem = str(error)

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
            self._happen(delivery.event, delivery.stamps)
            if self._inlet is not None and isinstance(delivery.event, VoiceActivity):
                self._inlet.heard(delivery.event.pts)

    def _written(self, event: Transcribed | TranscriptionFailed) -> None:
        self._happen(event)

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
                self._stage = "session"
                for effect in apply(self.session, happening):
                    self._carry_out(effect)
        except Exception as error:  # noqa: BLE001 - the edge of a session: it ends, once
            self._crash(error)
        finally:
            self._is_handling = False
        deadline = self.session.deadline()
        if deadline is None or deadline < self._timer_for:
            self._wake.set()

    # Carry out

    def _carry_out(self, effect: Effect) -> None:
        slot, handle = self._slot, self._handle
        if isinstance(effect, EndSession):
            self._why = effect.why
            self._over.set()
            return
        if slot is None or handle is None:
            return
        self._stage = "engine"
        match effect:
            case StartShadow(turn=turn, text=text, tail_pts=tail_pts):
                self._engine.start(slot, turn, text, tail_pts)
            case CommitTurn(turn=turn):
                self._engine.commit(slot, turn)
            case RetractShadow(turn=turn):
                self._engine.retract(slot, turn)
                self._stage = "voice"
                self._voice.cancel(handle, turn)
            case CancelTurn(turn=turn, heard=heard):
                self._engine.cancel(slot, turn, heard)
                self._stage = "voice"
                self._voice.cancel(handle, turn)
            case EndTurn():
                pass  # the engine has it all already: it decoded the answer to its end
            case ForgetUtterance():
                self._engine.forget(slot)
            case StopDecoding(turn=turn, said=said):
                self._engine.cancel(slot, turn, said)
            case LookAt(picture=picture, pts=pts):
                if self._open_picture is None:
                    raise RuntimeError("a picture is to be looked at and nothing opens pictures")
                frame = as_frame(picture, self._open_picture, pts, self._clock.now())
                self._engine.look(slot, frame)
            case StartAside(turn=turn, text=text, pictures=pictures):
                for event in self._asides.start(turn, text, pictures, self._clock.now()):
                    self._waiting.append(Happening(self._clock.now(), event))
            case EndAside(turn=turn):
                self._asides.end(turn)
                self._stage = "voice"
                self._voice.cancel(handle, turn)
            case RunTool():
                self._run_tool(effect)
            case Configure() | Prepare() | InsertItem() | NameItems() | EraseItem() | ReviseTurn():
                self._inform(slot, effect)
            case BeginTranscript() | EndTranscript() | DropTranscript():
                self._stage = "transcriber"
                self._transcribe(effect)
            case SendAudio(message=message, pcm=pcm, kind=kind, is_last=is_last):
                self._stage = "transport"
                # Only a session whose audio goes in messages sends any.
                transport = cast(MessageTransport, self._transport)
                transport.send_audio(message, pcm, kind, is_last=is_last)
            case SetCamera(is_on=is_on):
                self.sampler.forget()
                self._engine.set_camera(slot, is_on)
            case Speak(turn=turn, phrase=phrase, is_last=is_last):
                self._stage = "voice"
                self._voice.speak(handle, turn, phrase, is_last)
            case Play(turn=turn, pcm=pcm, is_last=is_last):
                self._stage = "transport"
                self._transport.playout.play(turn, pcm, is_last)
            case FlushPlayout():
                self._stage = "transport"
                self._transport.playout.flush()
            case Emit(message=message):
                self._stage = "transport"
                self._transport.send(message)

    def _inform(
        self,
        slot: Slot,
        effect: Configure | Prepare | InsertItem | NameItems | EraseItem | ReviseTurn,
    ) -> None:
        """What only some engines take: the session asks where its abilities say so."""
        engine = self._engine
        if isinstance(effect, ReviseTurn):
            if isinstance(engine, RevisingEngine):
                engine.revise(slot, effect.turn, effect.heard)
            return
        if not isinstance(engine, ItemEngine):
            return
        match effect:
            case Configure(config=config):
                engine.configure(slot, config)
            case Prepare(turn=turn, options=options):
                engine.prepare(slot, turn, options)
            case InsertItem(item=item, previous_item_id=previous):
                engine.insert(slot, item, previous)
            case NameItems(turn=turn, asked=asked, answer=answer):
                engine.name_items(slot, turn, asked, answer)
            case EraseItem(item_id=item_id):
                engine.erase(slot, item_id)

    def _transcribe(self, effect: BeginTranscript | EndTranscript | DropTranscript) -> None:
        transcriber, script = self._transcriber, self._script
        if transcriber is None or script is None:
            if isinstance(effect, EndTranscript):
                failed = TranscriptionFailed(effect.item_id, self._script_problem)
                self._waiting.append(Happening(self._clock.now(), failed))
            return
        match effect:
            case BeginTranscript(item_id=item_id, start_pts=start_pts):
                transcriber.begin(script, item_id, start_pts)
            case EndTranscript(item_id=item_id, end_pts=end_pts):
                transcriber.end(script, item_id, end_pts)
            case DropTranscript(item_id=item_id):
                transcriber.drop(script, item_id)

    def _run_tool(self, effect: RunTool) -> None:
        """Functions run beside the conversation, and end with it."""
        tools, group = self._tools, self._tasks
        if tools is None or group is None:
            raise RuntimeError(f"nothing here runs {effect.name!r}")

        async def run() -> None:
            output = await tools.run(effect.name, effect.arguments)
            self._happen(ToolFinished(effect.call_id, output))

        group.create_task(run(), name=f"tool {effect.name} {self.session.id}")

    def _guard(self, stage: str, work: _Work) -> None:
        """Call a part outside of a happening; when it raises, the session ends."""
        if self._slot is None or self._over.is_set():
            return
        self._stage = stage
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the edge of a session: it ends, once
            self._crash(error)

    def _send(self, message: messages.Message) -> None:
        self._guard("transport", partial(self._transport.send, message))

    def _crash(self, error: Exception) -> None:
        """A part raised: tell the person once, and end this session, with its trace."""
        if self._over.is_set():
            return
        stage = self._stage
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
                if isinstance(effect, Emit):
                    self._transport.send(effect.message)
                elif isinstance(effect, FlushPlayout):
                    self._transport.playout.flush()
        except Exception as second:
            log.error("session could not say why it failed", exc_info=second)
        self._over.set()
