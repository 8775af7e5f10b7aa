"""One conversation that never ends: a scripted person, the session, the carrier, a voice and a peer.

Everything between the person's microphone and the engine is what serves conversations, but for the
asyncio shell and the network. Questions, questions with a pause, barge-ins, noises, typed questions
and a camera that is switched off and on come in cycles, chosen by a seed; at the end of each cycle
everything is quiet.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from ..runtime.carrier import Carrier
from ..runtime.effects import EndSession, RunTool
from ..runtime.events import (
    AnswerRequested,
    CameraChanged,
    Event,
    ItemCreated,
    Played,
    VoiceReady,
)
from ..runtime.frame_sampler import FrameSampler
from ..runtime.frames import (
    HEARING_RATE,
    SPEAKING_RATE,
    WINDOW,
    AudioChunk,
    Pcm,
    Picture,
    VideoFrame,
)
from ..runtime.mailboxes import Bounded, Latest
from ..runtime.protocols import Delivery, Playout
from ..runtime.replay import Happening, apply
from ..runtime.scribe import Scribe
from ..runtime.session import Session
from ..runtime.settings import SessionSettings, VisionSettings
from .endless_engine import Agenda, TickedEngine
from .event_log import EventLog

WINDOW_S = WINDOW / HEARING_RATE
PACKET = SPEAKING_RATE // 50
WORD_S = 0.3
"""How long the voice takes for a word."""
PICTURE_S = 0.5
KINDS = ("question", "question", "question", "paused", "barge_in", "noise", "typed", "camera")
TYPED = ("what do you see", "is there a red circle", "what colour is this")
_FOREVER = SessionSettings(max_minutes=1e9, idle_s=1e9)


def new_session(name: str) -> Session:
    """As every recorded one, and every replayed one, is made."""
    return Session(name, limits=_FOREVER)


@dataclass(frozen=True, slots=True)
class Sounds:
    """What the person can say, at HEARING_RATE."""

    questions: Sequence[Pcm]
    noises: Sequence[Pcm]


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that is RGB already."""

    picture: Picture

    def luma(self) -> Picture:
        return self.picture[..., 1]

    def rgb(self, width: int, height: int) -> Picture:
        y = np.arange(height) * self.picture.shape[0] // height
        x = np.arange(width) * self.picture.shape[1] // width
        return np.ascontiguousarray(self.picture[y][:, x])


@cache
def _silence(samples: int) -> Pcm:
    return np.zeros(samples, np.int16)


class PacedPlayout(Playout):
    """Sends 20 ms packets on the agenda's time."""

    def __init__(self, agenda: Agenda, tell: Callable[[int, int, bool, float], None]) -> None:
        self._agenda, self._tell = agenda, tell
        self._queue: deque[tuple[int, int, bool]] = deque()  # turn, samples left, is_last
        self._sent = 0
        self._turn: int = -1
        self._run = 0
        """Packets of an earlier run, flushed since, are no longer sent."""
        self._is_sending = False

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        """Queue it."""
        self._queue.append((turn, len(pcm), is_last))
        if not self._is_sending:
            self._is_sending = True
            self._next(self._run)

    def flush(self) -> int:
        """Send no more of it."""
        self._queue.clear()
        self._run += 1
        self._is_sending = False
        return self._sent

    def _next(self, run: int) -> None:
        if run != self._run:
            return
        if not self._queue:
            self._is_sending = False
            return
        turn, left, is_last = self._queue.popleft()
        if turn != self._turn:
            self._turn, self._sent = turn, 0
        size = min(PACKET, left)
        self._sent += size
        if left > size:
            self._queue.appendleft((turn, left - size, is_last))
        now = self._agenda.clock.now()
        self._agenda.at(now + PACKET / SPEAKING_RATE, partial(self._next, run))
        self._tell(turn, self._sent, is_last and left == size, now)


class CountingPeer:
    """A transport whose other side only counts what it is told."""

    def __init__(self, playout: Playout) -> None:
        self.audio: Bounded[AudioChunk] = Bounded(1)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Bounded[Mapping[str, object]] = Bounded(1)
        self.playout = playout
        self.told: Counter[str] = Counter()

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        """Nothing: the playout was given whom to tell."""

    def send(self, message: Mapping[str, object]) -> None:
        self.told[str(message["type"])] += 1

    async def close(self, why: str) -> None:
        """Nothing is open."""


class EvenVoice:
    """Every word takes as long as the next; silence at that, unless `sound` makes another."""

    def __init__(self, agenda: Agenda, sound: Callable[[int], Pcm] | None = None) -> None:
        self._agenda = agenda
        self._sound = sound or _silence
        self._deliver: Callable[[list[Delivery]], None] | None = None
        self._cancelled = 0
        """No turn up to this one is voiced any more: turns rise."""

    def open(self, deliver: Callable[[list[Delivery]], None]) -> int:
        self._deliver = deliver
        return 1

    def speak(self, handle: int, turn: int, phrase: str, is_last: bool) -> None:
        ready = self._agenda.clock.now() + 0.010
        self._agenda.at(ready, partial(self._ready, turn, phrase, is_last))

    def cancel(self, handle: int, turn: int) -> None:
        self._cancelled = max(self._cancelled, turn)

    def close(self, handle: int) -> None:
        self._deliver = None

    def _ready(self, turn: int, phrase: str, is_last: bool) -> None:
        if turn <= self._cancelled or self._deliver is None:
            return
        pcm = self._sound(round(WORD_S * SPEAKING_RATE) * len(phrase.split()))
        self._deliver([Delivery(VoiceReady(turn, pcm, phrase, is_last), {})])


class EndlessTalk:
    """One conversation. Whoever owns the agenda begins one cycle after the other."""

    def __init__(
        self,
        name: str,
        agenda: Agenda,
        engine: TickedEngine,
        sounds: Sounds,
        pictures: Sequence[Sequence[Picture]],
        log: EventLog,
        *,
        seed: int,
        offset_s: float = 0.0,
    ) -> None:
        """`pictures`: of each scene, some that hardly differ. `offset_s`: how much later than the
        cycle the person begins. Raises `EngineFull`."""
        self.session = new_session(name)
        self.kinds: Counter[str] = Counter()
        self.ended: str | None = None
        self._agenda, self._engine, self._log = agenda, engine, log
        self._sounds, self._pictures = sounds, pictures
        self._offset = round(offset_s / WINDOW_S)
        self._dice = random.Random(seed)
        self._scene: Sequence[Picture] = pictures[0] if pictures else ()
        self._pts = 0
        self._waiting: deque[Happening] = deque()
        self._is_handling = False
        self.peer = CountingPeer(PacedPlayout(agenda, self._played))
        self._carrier = Carrier(
            self.peer,
            engine,
            EvenVoice(agenda),
            Scribe(None, self._happen),
            FrameSampler(VisionSettings()),
            agenda.clock,
            deliver=self._deliver,
            run_tool=self._run_tool,
            judged=self.session.picture_judged,
            open_picture=None,
        )
        self._carrier.open()

    @property
    def waiting(self) -> int:
        """Happenings that were not handled yet."""
        return len(self._waiting)

    @property
    def items(self) -> int:
        """Items that the conversation keeps."""
        return len(self.session.narrator.items)

    def cycle(self, windows: int) -> None:
        """Put the next cycle, of so many windows, on the agenda."""
        kind = self._dice.choice(KINDS)
        self.kinds[kind] += 1
        began = self._agenda.clock.now()
        sound = np.zeros(windows * WINDOW, np.int16)
        if self._pictures:
            self._scene = self._dice.choice(self._pictures)
        match kind:
            case "typed":
                self._agenda.at(began + 1.0, self._type)
            case "camera":
                self._agenda.at(began + 0.5, partial(self._happen, CameraChanged(False)))
                self._agenda.at(began + 3.5, partial(self._happen, CameraChanged(True)))
                self._say(sound, 1.0, self._question())
            case "noise":
                self._say(sound, 1.0, self._dice.choice(self._sounds.noises))
            case "paused":
                question = self._question()
                half = len(question) // 2
                self._say(sound, 1.0, question[:half])
                self._say(sound, 1.35 + half / HEARING_RATE, question[half:])
            case "barge_in":
                question = self._question()
                self._say(sound, 1.0, question)
                self._say(sound, 2.2 + len(question) / HEARING_RATE, self._question())
            case _:
                self._say(sound, 1.0, self._question())
        for index in range(windows):
            pcm = sound[index * WINDOW : (index + 1) * WINDOW]
            pcm = pcm if pcm.any() else _silence(WINDOW)
            self._agenda.at(began + (index + 1) * WINDOW_S, partial(self._window, pcm))
        for index in range(int(windows * WINDOW_S / PICTURE_S)):
            if self._scene:
                self._agenda.at(began + index * PICTURE_S + 0.1, self._look)

    def _question(self) -> Pcm:
        return self._dice.choice(self._sounds.questions)

    def _say(self, sound: Pcm, at_s: float, clip: Pcm) -> None:
        start = (round(at_s / WINDOW_S) + self._offset) * WINDOW
        end = min(len(sound), start + len(clip))
        sound[start:end] = clip[: end - start]

    def _type(self) -> None:
        self._happen(ItemCreated(self._dice.choice(TYPED)))
        self._happen(AnswerRequested())
        self._engine.tick()

    def _window(self, pcm: Pcm) -> None:
        now = self._agenda.clock.now()
        self._carrier.hear(AudioChunk(pcm, self._pts, now), None)
        self._pts += WINDOW
        self._engine.tick()
        while (due := self.session.deadline()) is not None and due <= now:
            self._handle(Happening(now, None))
            self._engine.tick()

    def _look(self) -> None:
        now = self._agenda.clock.now()
        picture = self._dice.choice(self._scene)
        height, width = picture.shape[:2]
        frame = VideoFrame(Still(picture), width, height, round(now * 90_000), now)
        if self._carrier.is_camera_on:
            self._carrier.look(frame, is_speaking=self.session.is_person_speaking)
            self._engine.tick()

    def _played(self, turn: int, samples: int, is_done: bool, at: float) -> None:
        self._happen(Played(turn, samples, is_done), {"sent": at})

    def _deliver(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            self._happen(delivery.event, delivery.stamps)

    def _run_tool(self, effect: RunTool) -> None:
        raise RuntimeError(f"nothing here runs {effect.name!r}: the session was given no functions")

    def _happen(self, event: Event, stamps: Mapping[str, float] | None = None) -> None:
        self._handle(Happening(self._agenda.clock.now(), event, stamps))

    def _handle(self, happening: Happening) -> None:
        """One after the other, as the runner does it."""
        self._waiting.append(happening)
        if self._is_handling:
            return
        self._is_handling = True
        try:
            while self._waiting:
                one = self._waiting.popleft()
                effects = apply(self.session, one)
                self._log.add(one, effects)
                for effect in effects:
                    if isinstance(effect, EndSession):
                        self.ended = effect.why
                        continue
                    for event in self._carrier.carry_out(effect):
                        self._waiting.append(Happening(self._agenda.clock.now(), event))
        finally:
            self._is_handling = False
