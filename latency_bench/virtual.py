"""A scripted person and the agent on a virtual clock: what the turn-taking decides, hundreds of times.

Session, carrier, engine bookkeeping, model, voice activity detection and playout line are the ones that
serve conversations. The network and all computing take no time, and the agent speaks in an even tone,
ten milliseconds after it is told to: so figures from here are what the rules alone cost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from ..models.stepper import Stepper
from ..models.vad import Vad
from ..models.voice.resample import Resampler
from ..runtime.carrier import Carrier
from ..runtime.clock import VirtualClock
from ..runtime.effects import EndSession, RunTool
from ..runtime.events import Event, Played
from ..runtime.frame_sampler import FrameSampler
from ..runtime.frames import HEARING_RATE, SPEAKING_RATE, WINDOW, AudioChunk, Pcm, VideoFrame
from ..runtime.mailboxes import Bounded, Latest
from ..runtime.protocols import Delivery, Playout
from ..runtime.replay import Happening, apply
from ..runtime.scribe import Scribe
from ..runtime.session import Session
from ..runtime.settings import SessionSettings, Settings
from ..transports.playout import Line, Packetizer
from .clips import Clip, clip, noise, speak
from .ears import Ears
from .endless_engine import Agenda, TickedEngine
from .endless_talk import PICTURE_S, WINDOW_S, EvenVoice, Still
from .manners import ANSWER_S, SETTLE_S, STEP_S, is_answered, is_silent
from .observed import Observed, Told, observe
from .person import Record
from .pictures import Scene, Thing
from .script import Kind, Turn

SIDE = 96
"""Of a camera picture, in pixels: as many as the model looks at."""
TONE_HZ = 220
LOUDNESS = 6_000
_FOREVER = SessionSettings(max_minutes=1e9, idle_s=1e9)


@cache
def _tone(samples: int) -> Pcm:
    wave = np.sin(2 * np.pi * TONE_HZ / SPEAKING_RATE * np.arange(samples))
    tone: Pcm = (LOUDNESS * wave).astype(np.int16)
    return tone


class HeardLine:
    """The `Playout` of the call: the line of every track, its packets heard when they are sent."""

    def __init__(
        self, agenda: Agenda, ears: Ears, played: Callable[[int, int, bool], None]
    ) -> None:
        self._agenda, self._ears, self._played = agenda, ears, played
        self._line = Line()
        self._packets = Packetizer(lambda pcm: pcm.tobytes())
        self._epoch = 0
        self._turn = -1
        self._is_armed = False

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        """Queue it."""
        self._turn = turn
        for _, packet in self._packets.cut(self._epoch, turn, pcm, is_last):
            self._line.add(packet)
        self._arm()

    def flush(self) -> int:
        """Send no more of it."""
        self._epoch += 1
        self._line.flush()
        return self._line.position(self._turn)

    def _arm(self) -> None:
        due = self._line.due()
        if due is not None and not self._is_armed:
            self._is_armed = True
            self._agenda.at(due, self._send)

    def _send(self) -> None:
        self._is_armed = False
        now = self._agenda.clock.now()
        if (sent := self._line.pop(now)) is not None:
            pcm: Pcm = np.frombuffer(sent.packet.payload, np.int16)
            step = SPEAKING_RATE // HEARING_RATE
            pts = sent.pts * HEARING_RATE // SPEAKING_RATE
            self._ears.hear(AudioChunk(pcm[::step], pts, now))
            self._played(sent.packet.turn, sent.position, sent.packet.is_last)
        self._arm()


class _Peer:
    """A transport whose other side is the person's memory."""

    def __init__(self, playout: HeardLine, tell: Callable[[Mapping[str, object]], None]) -> None:
        self.audio: Bounded[AudioChunk] = Bounded(1)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Bounded[Mapping[str, object]] = Bounded(1)
        self.playout: Playout = playout
        self._tell = tell

    def send(self, message: Mapping[str, object]) -> None:
        self._tell(message)

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        """Nothing: the line was given whom to tell."""

    async def close(self, why: str) -> None:
        """Nothing is open."""


class VirtualCall:
    """One conversation and the person in it."""

    def __init__(
        self, stepper: Stepper, make_vad: Callable[[int], Vad], settings: Settings
    ) -> None:
        self.clock = VirtualClock()
        self.ears = Ears()
        self.told = Told()
        self.session = Session(
            "sess_virtual", turn=settings.turn, audio=settings.audio, limits=_FOREVER
        )
        self._agenda = Agenda(self.clock)
        self._engine = TickedEngine(stepper, make_vad, 1, self.clock)
        self._scene: Scene | None = None
        self._tick = 0
        self._to_say: Pcm = np.zeros(0, np.int16)
        self._pts = 0
        self._waiting: deque[Happening] = deque()
        self._is_handling = False
        peer = _Peer(
            HeardLine(self._agenda, self.ears, self._played),
            lambda message: self.told.take(message, self.clock.now()),
        )
        self._carrier = Carrier(
            peer,
            self._engine,
            EvenVoice(self._agenda, _tone),
            Scribe(None, self._happen),
            FrameSampler(settings.vision),
            self.clock,
            deliver=self._deliver,
            run_tool=self._run_tool,
            judged=self.session.picture_judged,
            open_picture=None,
        )
        self._carrier.open()
        self._agenda.at(WINDOW_S, self._window)
        self._agenda.at(PICTURE_S, self._look)

    def show(self, scene: Scene | None) -> None:
        """From now on the camera sees this."""
        self._scene = scene

    def say(self, sound: Clip) -> tuple[float, float]:
        """Speak from the next window on; when the first and last voiced samples are said."""
        began = self._pts / HEARING_RATE
        resampler = Resampler(SPEAKING_RATE, HEARING_RATE)
        parts = [resampler.push(sound.pcm.astype(np.float32)), resampler.flush()]
        self._to_say = np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16)
        return began + sound.first / SPEAKING_RATE, began + sound.last / SPEAKING_RATE

    def run(self, seconds: float) -> None:
        """Time goes by."""
        self._agenda.run(self.clock.now() + seconds)

    def until(self, is_true: Callable[[], bool], limit: float) -> bool:
        """Time goes by until this is true; False when `limit` came first."""
        while not is_true():
            if self.clock.now() >= limit:
                return False
            self.run(STEP_S)
        return True

    def _window(self) -> None:
        now = self.clock.now()
        pcm, self._to_say = self._to_say[:WINDOW], self._to_say[WINDOW:]
        pcm = np.pad(pcm, (0, WINDOW - len(pcm)))
        self._carrier.hear(AudioChunk(pcm, self._pts, now), None)
        self._pts += WINDOW
        self._engine.tick()
        while (due := self.session.deadline()) is not None and due <= now:
            self._handle(Happening(now, None))
            self._engine.tick()
        self._agenda.at(self._pts / HEARING_RATE + WINDOW_S, self._window)

    def _look(self) -> None:
        now = self.clock.now()
        self._agenda.at(now + PICTURE_S, self._look)
        if self._scene is None:
            return
        self._tick += 1
        still = Still(self._scene.picture(self._tick))
        frame = VideoFrame(still, SIDE, SIDE, round(now * 90_000), now)
        self._carrier.look(frame, is_speaking=self.session.is_person_speaking)
        self._engine.tick()

    def _played(self, turn: int, samples: int, is_done: bool) -> None:
        self._happen(Played(turn, samples, is_done), {"sent": self.clock.now()})
        self._engine.tick()

    def _deliver(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            self._happen(delivery.event, delivery.stamps)

    def _run_tool(self, effect: RunTool) -> None:
        raise RuntimeError(f"nothing here runs {effect.name!r}: the session was given no functions")

    def _happen(self, event: Event, stamps: Mapping[str, float] | None = None) -> None:
        self._handle(Happening(self.clock.now(), event, stamps))

    def _handle(self, happening: Happening) -> None:
        """One after the other, as the runner does it."""
        self._waiting.append(happening)
        if self._is_handling:
            return
        self._is_handling = True
        try:
            while self._waiting:
                for effect in apply(self.session, self._waiting.popleft()):
                    if isinstance(effect, EndSession):
                        self.told.problems.append(f"the session ended: {effect.why}")
                        continue
                    for event in self._carrier.carry_out(effect):
                        self._waiting.append(Happening(self.clock.now(), event))
        finally:
            self._is_handling = False


Said = tuple[str, tuple[str, ...], tuple[int, ...]]
"""A voice, what it says in parts, and the pauses between them in milliseconds."""


async def spoken(turns: Sequence[Turn]) -> dict[Said, Clip]:
    """Everything that is said in these turns. Raises `EngineDied` when espeak-ng can't."""
    wanted = [(t.voice, t.parts, t.pauses_ms) for t in turns if t.parts]
    wanted += [(t.voice, t.opener, ()) for t in turns if t.opener]
    said = await speak((voice, part) for voice, parts, _ in wanted for part in parts)
    return {
        (voice, parts, pauses): clip([said[voice, part] for part in parts], pauses)
        for voice, parts, pauses in wanted
    }


class VirtualPerson:
    """Goes through turns in one call."""

    def __init__(
        self, call: VirtualCall, turns: Sequence[Turn], clips: Mapping[Said, Clip]
    ) -> None:
        self._call = call
        self._turns = turns
        self._clips = clips
        self._scenes: dict[tuple[Thing, ...], Scene] = {}

    def talk(self, progress: Callable[[int], None]) -> Record:
        """All turns. `progress` is told after each."""
        observed: list[Observed] = []
        for turn in self._turns:
            if turn.scene and turn.scene not in self._scenes:
                self._scenes[turn.scene] = Scene(turn.scene, SIDE, SIDE)
            self._call.show(self._scenes.get(turn.scene))
            self._call.run(SETTLE_S)
            self._call.told.understood = ""
            observed.append(self._do(turn))
            progress(1)
        told = self._call.told
        return Record(observed, told.ledgers, told.counts, told.problems)

    def _do(self, turn: Turn) -> Observed:
        call, ears, told = self._call, self._call.ears, self._call.told
        if turn.opener:
            _, last = call.say(self._clips[turn.voice, turn.opener, ()])
            if not call.until(lambda: ears.first_after(last) is not None, last + ANSWER_S):
                return observe(turn, None, ears, told)
            call.run(turn.after_ms / 1e3)
        is_noise = turn.kind is Kind.NOISE
        first, last = call.say(
            noise(turn.noise, turn.after_ms)
            if is_noise
            else self._clips[turn.voice, turn.parts, turn.pauses_ms]
        )
        call.run(last - call.clock.now())
        if is_noise or turn.kind is Kind.BACK_CHANNEL:
            limit = call.clock.now() + ANSWER_S
            call.until(lambda: is_silent(told, ears, call.clock.now()), limit)
        else:
            call.until(
                lambda: is_answered(told, ears, first, last, call.clock.now()), last + ANSWER_S
            )
        return observe(turn, (first, last), ears, told)


def talk_virtually(
    turns: Sequence[Turn], settings: Settings, progress: Callable[[int], None]
) -> Record:
    """The shipped model's, or that of `engine.weights`. Raises `WeightsError`."""
    from ..models.vad import SileroVad
    from ..pipelines.fused import stepper

    call = VirtualCall(stepper(settings.engine), SileroVad, settings)
    return VirtualPerson(call, turns, asyncio.run(spoken(turns))).talk(progress)
