"""A scripted person for the session's tests, and whole fake parts for the runner's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from visavis.runtime.abilities import Abilities
from visavis.runtime.audio_path import AudioPath
from visavis.runtime.effects import Effect, Emit, HoldPlayout, StartShadow, TellLimits
from visavis.runtime.events import (
    Event,
    Head,
    HeadReady,
    PictureSeen,
    Played,
    PlayoutHeld,
    SessionUpdated,
    TokensReady,
    TranscriptChanged,
    VoiceActivity,
    VoiceReady,
)
from visavis.runtime.frames import WINDOW, AudioChunk, Pcm, Picture, VideoFrame
from visavis.runtime.mailboxes import Bounded, Latest
from visavis.runtime.protocols import Delivery, Playout, Slot
from visavis.runtime.realtime_config import SessionConfig, default_config, parsed, updated
from visavis.runtime.replay import Happening
from visavis.runtime.session import Session
from visavis.runtime.settings import AudioSettings, SessionSettings, TurnSettings

WINDOW_S = WINDOW / 16_000


def silence(samples: int) -> Pcm:
    return np.zeros(samples, np.int16)


def config_with(**update: object) -> SessionConfig:
    """A session's configuration after a session.update."""
    base = default_config("sess_test", model="nano", voice="en-us")
    return parsed(updated(base, update))


def turn_detection(wish: object) -> SessionUpdated:
    """The client changes how turns are found."""
    return SessionUpdated(config_with(audio={"input": {"turn_detection": wish}}))


def turn_settings(**wishes: Any) -> TurnSettings:
    """Silences and a sureness that tests count with, whatever the shipped model is best served by.
    Any: settings are of many types."""
    counted: dict[str, Any] = {"eager_silence_ms": 192, "unsure_silence_ms": 640, "sure": 0.95}
    return TurnSettings(**{**counted, **wishes})


def heard_at_once() -> TurnSettings:
    """Speech during an answer is a turn as soon as it is heard."""
    return turn_settings(confirm_ms=64)


class Talk:
    """Hands events to a session in media time, one window after the other."""

    def __init__(
        self,
        *,
        turn: TurnSettings | None = None,
        audio: AudioSettings | None = None,
        limits: SessionSettings | None = None,
        path: AudioPath = AudioPath.TRACK,
        abilities: Abilities | None = None,
        own_tools: frozenset[str] = frozenset(),
        config: SessionConfig | None = None,
    ) -> None:
        self.session = Session(
            "sess_test",
            turn=turn or turn_settings(),
            audio=audio,
            limits=limits,
            audio_path=path,
            abilities=abilities,
            own_tools=own_tools,
            config=config,
        )
        self.now = 0.0
        self.pts = 0
        self.log: list[Happening] = []
        self.effects: list[Effect] = []
        self.sent: dict[int, int] = {}
        """Samples of each turn that were said to have been played."""

    def give(self, event: Event, stamps: Mapping[str, float] | None = None) -> list[Effect]:
        """What it causes; where the sound is held the transport says how far it came."""
        self.log.append(Happening(self.now, event, stamps))
        effects = self.session.handle(event, self.now, stamps)
        self.effects += effects
        for effect in list(effects):
            if isinstance(effect, HoldPlayout):
                effects += self.give(PlayoutHeld(effect.turn, self.sent.get(effect.turn, 0)))
        return effects

    def hear(self, probability: float, windows: int = 1) -> list[Effect]:
        """So many windows; everything they caused."""
        effects: list[Effect] = []
        for _ in range(windows):
            self.pts += WINDOW
            self.now += WINDOW_S
            effects += self.give(VoiceActivity(self.pts, probability))
        return effects

    def speech(self, windows: int = 10) -> list[Effect]:
        return self.hear(0.95, windows)

    def pause(self, windows: int) -> list[Effect]:
        return self.hear(0.02, windows)

    def text(self, text: str) -> list[Effect]:
        return self.give(TranscriptChanged(text, self.pts))

    def head(self, turn: int, head: Head = Head.ANSWER, confidence: float = 0.98) -> list[Effect]:
        return self.give(HeadReady(turn, head, confidence))

    def words(self, turn: int, text: str, *, is_last: bool = True) -> list[Effect]:
        return self.give(TokensReady(turn, text, is_last))

    def voice(
        self, turn: int, text: str, *, samples: int = 48_000, is_last: bool = True
    ) -> list[Effect]:
        return self.give(VoiceReady(turn, silence(samples), text, is_last))

    def played(self, turn: int, samples: int, *, is_done: bool = False) -> list[Effect]:
        self.sent[turn] = samples
        return self.give(Played(turn, samples, is_done))

    def wait(self, seconds: float) -> list[Effect]:
        """Time goes by without any event but the deadlines."""
        end, effects = self.now + seconds, list[Effect]()
        while (deadline := self.session.deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.log.append(Happening(self.now, None))
            effects += self.session.on_deadline(self.now)
        self.now = end
        self.effects += effects
        return effects

    def answering(self, answer: str = " It is red.") -> int:
        """Talk until the answer is live and its voice queued (one second); returns its turn."""
        self.speech()
        self.text("what colour is this")
        started = self.pause(3)
        turn = next(e.turn for e in started if isinstance(e, StartShadow))
        self.head(turn)
        self.words(turn, answer)
        self.voice(turn, answer.strip())
        self.pause(3)
        assert self.session.state == "answering"
        return turn


def acts(effects: list[Effect]) -> list[Effect]:
    """Without what is told."""
    return [effect for effect in effects if not isinstance(effect, Emit | TellLimits)]


def told(effects: list[Effect]) -> list[Mapping[str, object]]:
    """The messages."""
    return [effect.message for effect in effects if isinstance(effect, Emit)]


def types(effects: list[Effect]) -> list[object]:
    """The types of the messages, without ours."""
    found = [message["type"] for message in told(effects)]
    return [kind for kind in found if not str(kind).startswith("visavis.")]


class FakePlayout(Playout):
    """Sends 20 ms packets on the loop's time."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, int]] = []
        self.flushes = 0
        self._queue: list[tuple[int, int, bool]] = []
        self._sent = 0
        self._task: asyncio.Task[None] | None = None
        self.tell: Callable[[int, int, bool, float], None] | None = None

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        self._queue.append((turn, len(pcm), is_last))
        if self._task is None or self._task.done():
            self._sent = 0
            self._task = asyncio.get_running_loop().create_task(self._pace())

    def flush(self) -> int:
        self.flushes += 1
        self._queue.clear()
        self.stop()
        return self._sent

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _pace(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            turn, left, is_last = self._queue.pop(0)
            while left > 0:
                size = min(960, left)
                left -= size
                self._sent += size
                self.packets.append((turn, size))
                if self.tell is not None:
                    self.tell(turn, self._sent, is_last and left == 0, loop.time())
                await asyncio.sleep(0.02)


class FakeTransport:
    """Records what is sent; the test puts media and messages in."""

    def __init__(self) -> None:
        self.audio: Bounded[AudioChunk] = Bounded(50)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Bounded[Mapping[str, object]] = Bounded(50)
        self.fake_playout = FakePlayout()
        self.playout: Playout = self.fake_playout
        self.sent: list[Mapping[str, object]] = []
        self.closed: list[str] = []

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        self.fake_playout.tell = played

    def send(self, message: Mapping[str, object]) -> None:
        self.sent.append(message)

    async def close(self, why: str) -> None:
        self.closed.append(why)
        self.fake_playout.stop()
        self.hang_up()

    def hang_up(self) -> None:
        for box in (self.audio, self.video, self.messages):
            box.close()

    def sent_types(self) -> list[object]:
        return [message["type"] for message in self.sent]


class FakeEngine:
    """Hears speech where the PCM is not zero; answers every turn with the same words."""

    def __init__(self, answer: str = " It is red.", heads: Head = Head.ANSWER) -> None:
        self.answer = answer
        self.heads = heads
        self.calls: list[tuple[object, ...]] = []
        self.free = 1
        self.raise_on = ""
        self._deliver: Callable[[list[Delivery]], None] | None = None
        self._generation = 0

    def open(self, deliver: Callable[[list[Delivery]], None]) -> Slot:
        self.free -= 1
        self._deliver = deliver
        self._generation += 1
        return Slot(0, self._generation)

    def _note(self, name: str, *arguments: object) -> None:
        self.calls.append((name, *arguments))
        if name == self.raise_on:
            raise RuntimeError(f"the fake {name} broke")

    def _later(self, *deliveries: Delivery) -> None:
        deliver = self._deliver
        if deliver is not None:
            asyncio.get_running_loop().call_later(0.004, deliver, list(deliveries))

    def hear(self, slot: Slot, chunk: AudioChunk) -> None:
        self._note("hear", chunk.gap)
        is_loud = bool(np.any(chunk.pcm))
        now = asyncio.get_running_loop().time()
        stamps = {"arrived": chunk.arrived, "compute_started": now, "latents_ready": now + 0.004}
        events: list[Delivery] = [
            Delivery(VoiceActivity(chunk.pts + len(chunk.pcm), 0.9 if is_loud else 0.02), stamps)
        ]
        if is_loud:
            events.append(Delivery(TranscriptChanged("what colour is it", chunk.pts), {}))
        self._later(*events)

    def look(self, slot: Slot, frame: VideoFrame) -> None:
        self._note("look", frame.pts)
        self._later(Delivery(PictureSeen(frame.pts, True), {"arrived": frame.arrived}))

    def set_camera(self, slot: Slot, is_on: bool) -> None:
        self._note("set_camera", is_on)

    def start(self, slot: Slot, turn: int, text: str | None, tail_pts: int | None) -> None:
        self._note("start", turn, text)
        self._later(
            Delivery(HeadReady(turn, self.heads, 0.98), {}),
            Delivery(TokensReady(turn, self.answer, True), {}),
        )

    def retract(self, slot: Slot, turn: int) -> None:
        self._note("retract", turn)

    def commit(self, slot: Slot, turn: int) -> None:
        self._note("commit", turn)

    def cancel(self, slot: Slot, turn: int, heard: str) -> None:
        self._note("cancel", turn, heard)

    def forget(self, slot: Slot) -> None:
        self._note("forget")

    def close(self, slot: Slot) -> None:
        self.free += 1
        self._deliver = None
        self._note("close")


class FakeVoice:
    """A tenth of a second per word, delivered a little later."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.raise_on = ""
        self._deliver: Callable[[list[Delivery]], None] | None = None

    def open(self, deliver: Callable[[list[Delivery]], None]) -> int:
        self._note("open")
        self._deliver = deliver
        return 7

    def _note(self, name: str, *arguments: object) -> None:
        self.calls.append((name, *arguments))
        if name == self.raise_on:
            raise RuntimeError(f"the fake {name} broke")

    def speak(self, handle: int, turn: int, phrase: str, is_last: bool) -> None:
        self._note("speak", turn, phrase, is_last)
        pcm = silence(4800 * len(phrase.split()))
        deliver = self._deliver
        assert deliver is not None
        ready = [Delivery(VoiceReady(turn, pcm, phrase, is_last), {})]
        asyncio.get_running_loop().call_later(0.01, deliver, ready)

    def cancel(self, handle: int, turn: int) -> None:
        self._note("cancel", turn)

    def close(self, handle: int) -> None:
        self._note("close", handle)


class FlatPixels:
    """One grey, with a grain that counts as sharp."""

    def __init__(self, value: int, width: int = 64, height: int = 48) -> None:
        grain = np.random.default_rng(0).integers(0, 24, (height, width))
        self._luma = (grain + value).astype(np.uint8)

    def luma(self) -> Picture:
        return self._luma

    def rgb(self, width: int, height: int) -> Picture:
        return np.full((height, width, 3), int(self._luma[0, 0]), np.uint8)
