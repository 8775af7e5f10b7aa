"""Carries a session's effects out: to the engine, the voice, the transcriber, the peer.

Owns the conversation's place in the engine and in the voice, and gives both back however it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from . import messages
from .asides import Asides, OpenPicture, as_frame
from .clock import Clock
from .effects import (
    BeginTranscript,
    CancelTurn,
    CommitTurn,
    Configure,
    DropTranscript,
    Effect,
    Emit,
    EndAside,
    EndTranscript,
    EndTurn,
    EraseItem,
    FlushPlayout,
    ForgetUtterance,
    HoldPlayout,
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
    TellLimits,
    TellSound,
)
from .events import Event, PlayoutHeld
from .frame_sampler import FrameSampler
from .frames import AudioChunk, VideoFrame
from .protocols import (
    Delivery,
    Engine,
    ItemEngine,
    LimitedTransport,
    MessageTransport,
    RevisingEngine,
    Slot,
    SoundEngine,
    Transport,
    Voice,
)
from .scribe import Scribe, Wish

SESSION = "session"
"""The stage while a session decides."""


class Carrier:
    """What one conversation's decisions are done with. Used on the event loop."""

    def __init__(
        self,
        transport: Transport,
        engine: Engine,
        voice: Voice,
        scribe: Scribe,
        sampler: FrameSampler,
        clock: Clock,
        *,
        deliver: Callable[[list[Delivery]], None],
        run_tool: Callable[[RunTool], None],
        judged: Callable[[str], None],
        open_picture: OpenPicture | None,
    ) -> None:
        """`deliver` is given what engine and voice bring; `run_tool` begins a function; `judged` is
        told why a camera's picture was looked at, or not."""
        self.stage = SESSION
        """The part that is being called, for the one who has to say which one raised."""
        self.is_camera_on = True
        self._transport = transport
        self._engine = engine
        self._voice = voice
        self._scribe = scribe
        self._sampler = sampler
        self._clock = clock
        self._deliver = deliver
        self._run_tool = run_tool
        self._judged = judged
        self._open_picture = open_picture
        self._asides = Asides(engine, deliver, open_picture)
        self._slot: Slot | None = None
        self._handle: int | None = None

    @property
    def is_open(self) -> bool:
        """It has its places."""
        return self._slot is not None

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
        """Give the places back. Idempotent."""
        slot, self._slot = self._slot, None
        handle, self._handle = self._handle, None
        try:
            self._asides.close()
            if slot is not None:
                self._engine.close(slot)
            self._scribe.close()
        finally:
            if handle is not None:
                self._voice.close(handle)

    def hear(self, chunk: AudioChunk, wish: Wish | None) -> None:
        """The person's audio goes to the engine and to the transcriber they wish for."""
        slot = self._slot
        if slot is None:
            return
        self.stage = "engine"
        self._engine.hear(slot, chunk)
        self.stage = "transcriber"
        self._scribe.hear(chunk, wish)

    def look(self, frame: VideoFrame, *, is_speaking: bool) -> None:
        """A camera's picture goes to the engine if the sampler finds it worth a look."""
        slot = self._slot
        if slot is None:
            return
        self.stage = "camera"
        verdict = self._sampler.judge(
            frame.pixels.luma(), frame.pts, self._clock.now(), is_speaking
        )
        self._judged(verdict.reason)
        if verdict.accept:
            self.stage = "engine"
            self._engine.look(slot, frame)

    def carry_out(self, effect: Effect) -> list[Event]:
        """Do it; what comes of it at once comes back as events."""
        slot, handle = self._slot, self._handle
        if slot is None or handle is None:
            return []
        self.stage = "engine"
        match effect:
            case StartShadow(turn=turn, text=text, tail_pts=tail_pts):
                self._engine.start(slot, turn, text, tail_pts)
            case CommitTurn(turn=turn):
                self._engine.commit(slot, turn)
            case RetractShadow(turn=turn):
                self._engine.retract(slot, turn)
                self.stage = "voice"
                self._voice.cancel(handle, turn)
            case CancelTurn(turn=turn, heard=heard):
                self._engine.cancel(slot, turn, heard)
                self.stage = "voice"
                self._voice.cancel(handle, turn)
            case EndTurn():
                pass  # the engine has it all already: it decoded the answer to its end
            case ForgetUtterance():
                self._engine.forget(slot)
            case TellSound(sound=sound):
                if isinstance(self._engine, SoundEngine):
                    self._engine.tell_sound(slot, sound)
            case StopDecoding(turn=turn, said=said):
                self._engine.cancel(slot, turn, said)
            case LookAt():
                self._look_at(slot, effect)
            case StartAside(turn=turn, text=text, pictures=pictures):
                return self._asides.start(turn, text, pictures, self._clock.now())
            case EndAside(turn=turn):
                self._asides.end(turn)
                self.stage = "voice"
                self._voice.cancel(handle, turn)
            case RunTool():
                self._run_tool(effect)
            case Configure() | Prepare() | InsertItem() | NameItems() | EraseItem() | ReviseTurn():
                self._inform(slot, effect)
            case BeginTranscript() | EndTranscript() | DropTranscript():
                self.stage = "transcriber"
                failed = self._scribe.carry_out(effect)
                return [failed] if failed is not None else []
            case SetCamera(is_on=is_on):
                self.is_camera_on = is_on
                self._sampler.forget()
                self._engine.set_camera(slot, is_on)
            case Speak(turn=turn, phrase=phrase, is_last=is_last):
                self.stage = "voice"
                self._voice.speak(handle, turn, phrase, is_last)
            case HoldPlayout(turn=turn):
                self.stage = "transport"
                return [PlayoutHeld(turn, self._transport.playout.flush())]
            case _:
                self.tell(effect)
        return []

    def tell(self, effect: Effect) -> None:
        """Do what concerns the peer alone: words, audio, a flush. Nothing for other effects."""
        self.stage = "transport"
        match effect:
            case SendAudio(message=message, pcm=pcm, kind=kind, is_last=is_last):
                # Only a session whose audio goes in messages sends any.
                transport = cast(MessageTransport, self._transport)
                transport.send_audio(message, pcm, kind, is_last=is_last)
            case Play(turn=turn, pcm=pcm, is_last=is_last):
                self._transport.playout.play(turn, pcm, is_last)
            case FlushPlayout():
                self._transport.playout.flush()
            case Emit(message=message):
                self._transport.send(message)
            case TellLimits():
                if isinstance(self._transport, LimitedTransport):
                    limits = self._transport.rate_limits()
                    if limits:
                        self._transport.send(messages.rate_limits(limits))
            case _:
                pass

    def _look_at(self, slot: Slot, effect: LookAt) -> None:
        if self._open_picture is None:
            raise RuntimeError("a picture is to be looked at and nothing opens pictures")
        frame = as_frame(effect.picture, self._open_picture, effect.pts, self._clock.now())
        self._engine.look(slot, frame)

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
