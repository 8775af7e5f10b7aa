"""A process that carries media for `visavis bench engine-process`: people who talk to an engine.

What a peer's media costs is done as transports do it: each 20 ms a packet of Opus is decoded and one
encoded on the media threads, and four times a second a picture of 640x480 goes to the engine. What
no engine is asked for (sockets, encryption) is left out. The engine is in this process or in another,
as its settings say; lines of JSON come in on stdin (`Ask`) and go out on stdout (`Measured`).
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from ..models.orders import EngineMetrics
from ..pipelines.engine_pipeline import OwnedEngine
from ..pipelines.engine_place import FUSED, engine
from ..runtime import ledger as stage
from ..runtime.clock import MonotonicClock
from ..runtime.events import HeadReady, StageFailed, TokensReady, VoiceActivity
from ..runtime.frames import (
    HEARING_RATE,
    SPEAKING_RATE,
    WINDOW,
    AudioChunk,
    Pcm,
    Picture,
    VideoFrame,
)
from ..runtime.ledger import Stamps, latencies_ms, named_stamps
from ..runtime.protocols import Delivery
from ..runtime.settings import EngineSettings
from ..transports.media_threads import Lane, media_threads
from ..transports.opus import new_decoder, new_encoder
from ..transports.pictures import AvPixels
from .pictures import Scene
from .script import QUESTIONS

CHUNK_S = 0.020
CHUNK = HEARING_RATE // 50
SPEECH = SPEAKING_RATE // 50
PICTURE_CHUNKS = 12
FIRST_TRY, TRY_CHUNKS, TAIL_CHUNKS, REST_CHUNKS = 20, 16, 20, 30
"""As in `bench fusion`: when answers are begun, and the silences around them."""
CALM_S = 60.0
GIVEN_BACK_S = 0.5
"""Until an engine's process has surely read which places are free."""
IN_FLIGHT = 8
"""Windows of a conversation that are on their way when it is fed as fast as it goes."""
BIT_RATE = 32_000


class Setup(msgspec.Struct, frozen=True):
    """The first line: the engine, and a file of recorded questions (lists of packets)."""

    settings: EngineSettings
    questions: str
    seed: int


class Ask(msgspec.Struct, frozen=True):
    """One measurement: people talk at the pace of speech, or are fed as fast as it goes."""

    sessions: int
    seconds: float
    is_flood: bool = False


class Measured(msgspec.Struct, frozen=True):
    """What came of it. Times in milliseconds; counts are of this measurement alone."""

    ms: dict[str, list[float]]
    windows: int
    """Of 32 ms, judged."""
    seconds: float
    cpu_s: float
    """Of this process."""
    dropped: int
    climbs: int
    failures: int


class _Person:
    """One conversation."""

    def __init__(
        self,
        at: OwnedEngine,
        questions: Sequence[Sequence[bytes]],
        scenes: Sequence[Sequence[Picture]],
        ms: dict[str, list[float]],
        seed: int,
    ) -> None:
        self._engine, self._questions, self._scenes, self._ms = at, questions, scenes, ms
        self._dice = random.Random(seed)
        self._clock = MonotonicClock()
        self._slot = at.open(self._deliver)
        self._decoder, self._encoder = new_decoder(), new_encoder(BIT_RATE)
        self._in = media_threads().lane(self._hear, 50)
        self._out: Lane[bytes] = media_threads().lane(lambda packets: None, 50)
        self._voice = self._dice.randbytes(2 * SPEECH)
        self._shown = scenes[0]
        self._turn = 0
        self._stamps: Stamps | None = None
        self._chunks = self._heard = 0
        self._due = 0.0
        self.windows = 0
        self.failures = 0
        self.more = asyncio.Event()

    def close(self) -> None:
        """Give everything back."""
        self._in.close()
        self._out.close()
        self._engine.close(self._slot)

    async def talk(self, until: float) -> None:
        """At the pace of speech."""
        await asyncio.sleep(self._dice.random() / 2)
        self._due = self._clock.now()
        while self._clock.now() < until:
            question = self._dice.choice(self._questions)
            self._shown = self._dice.choice(self._scenes)
            for number, packet in enumerate(question):
                await self._packet(packet)
                if number >= FIRST_TRY and number % TRY_CHUNKS == 0:
                    self._try()
            for number in range(TAIL_CHUNKS):
                await self._packet(question[0])
                if number % TRY_CHUNKS == 0:
                    self._try()
            self._engine.commit(self._slot, self._turn)
            for _ in range(REST_CHUNKS):
                await self._packet(question[0])
            self._engine.cancel(self._slot, self._turn, "")

    async def flood(self, until: float, speech: Pcm) -> None:
        """As fast as it goes."""
        sent = 0
        while self._clock.now() < until:
            while sent - self.windows < IN_FLIGHT:
                at = sent * WINDOW % (len(speech) - WINDOW)
                pcm = speech[at : at + WINDOW]
                chunk = AudioChunk(pcm, sent * WINDOW, self._clock.now())
                self._engine.hear(self._slot, chunk)
                sent += 1
            self.more.clear()
            try:
                async with asyncio.timeout(1.0):
                    await self.more.wait()
            except TimeoutError:  # it was dropped on its way: counted by the engine
                sent = self.windows

    def _try(self) -> None:
        if self._turn:
            self._engine.retract(self._slot, self._turn)
        self._turn += 1
        self._stamps = Stamps()
        self._stamps.mark(stage.SHADOW_STARTED, self._clock.now())
        self._engine.start(self._slot, self._turn, None, None)

    async def _packet(self, packet: bytes) -> None:
        self._due += CHUNK_S
        if (left := self._due - self._clock.now()) > 0:
            await asyncio.sleep(left)
            self._ms["timer"].append(1000 * (self._clock.now() - self._due))
        arrived = self._clock.now()
        self._in.put(lambda: [(self._decoder.decode(packet), arrived)])
        self._out.put(lambda: [self._encoder.encode(np.frombuffer(self._voice, np.int16))])
        self._chunks += 1
        if self._chunks % PICTURE_CHUNKS == 0:
            self._show(self._dice.choice(self._shown), arrived)

    def _show(self, picture: Picture, arrived: float) -> None:
        height, width = picture.shape[:2]
        frame = VideoFrame(_pixels(picture), width, height, self._chunks * 1800, arrived)
        self._engine.look(self._slot, frame)

    def _hear(self, decoded: list[tuple[Pcm, float]]) -> None:
        for pcm, arrived in decoded:
            self._engine.hear(self._slot, AudioChunk(pcm, self._heard * CHUNK, arrived))
            self._heard += 1

    def _deliver(self, deliveries: list[Delivery]) -> None:
        now = self._clock.now()
        for delivery in deliveries:
            stamps = delivery.stamps
            match delivery.event:
                case VoiceActivity():
                    self.windows += 1
                    self.more.set()
                    self._ms["to engine"].append(1000 * (stamps["dequeued"] - stamps["arrived"]))
                case HeadReady(turn=turn) | TokensReady(turn=turn):
                    if stage.FIRST_TOKEN in stamps:
                        self._ms["from engine"].append(1000 * (now - stamps[stage.FIRST_TOKEN]))
                    self._take(turn, named_stamps(delivery.event, stamps), now)
                case StageFailed():
                    self.failures += 1
                case _:
                    pass

    def _take(self, turn: int, named: Mapping[str, float], now: float) -> None:
        if turn != self._turn or self._stamps is None:
            return
        self._stamps.take(named)
        if stage.FIRST_TOKEN in self._stamps.at:
            begun = self._stamps.at[stage.SHADOW_STARTED]
            self._ms["fusion"].append(latencies_ms(self._stamps)["fusion"])
            self._ms["first word"].append(1000 * (now - begun))
            self._stamps = None


def _pixels(picture: Picture) -> AvPixels:
    import av

    return AvPixels(av.VideoFrame.from_ndarray(picture, format="rgb24"))


async def measure(
    at: OwnedEngine,
    ask: Ask,
    questions: Sequence[Sequence[bytes]],
    scenes: Sequence[Sequence[Picture]],
    seed: int,
) -> Measured:
    """People talk at the pace of speech, then as fast as it goes; every place is given back."""
    ms: dict[str, list[float]] = {
        name: [] for name in ("to engine", "from engine", "fusion", "first word", "timer")
    }
    clock = MonotonicClock()
    await _calm(at)
    before = _counts(at)
    people = [_Person(at, questions, scenes, ms, seed + n) for n in range(ask.sessions)]
    try:
        speech = _heard(questions[0])
        cpu, began = time.process_time(), clock.now()
        until = began + ask.seconds
        async with asyncio.TaskGroup() as tasks:
            for number, person in enumerate(people):
                work = person.flood(until, speech) if ask.is_flood else person.talk(until)
                tasks.create_task(work, name=f"person {number}")
        cpu, seconds = time.process_time() - cpu, clock.now() - began
        await asyncio.sleep(0.6)  # the engine's counts are told twice a second
        dropped, climbs = (now - then for now, then in zip(_counts(at), before, strict=True))
        return Measured(
            ms=ms,
            windows=sum(person.windows for person in people),
            seconds=seconds,
            cpu_s=cpu,
            dropped=dropped,
            climbs=climbs,
            failures=sum(person.failures for person in people),
        )
    finally:
        for person in people:
            person.close()
        await asyncio.sleep(GIVEN_BACK_S)


def _heard(question: Sequence[bytes]) -> Pcm:
    decoder = new_decoder()
    return np.concatenate([decoder.decode(packet) for packet in question])


async def _calm(at: OwnedEngine) -> None:
    """Wait until the overload ladder has come down from the measurement before."""
    async with asyncio.timeout(CALM_S):
        while _metrics(at).rung:  # noqa: ASYNC110 - it is told now and then
            await asyncio.sleep(0.1)


def _metrics(at: OwnedEngine) -> EngineMetrics:
    found: object = getattr(
        at, "metrics", None
    )  # both places have them; the protocol asks for none
    assert isinstance(found, EngineMetrics)
    return found


def _counts(at: OwnedEngine) -> tuple[int, int]:
    metrics = _metrics(at)
    return metrics.dropped_chunks + metrics.dropped_windows, metrics.climbs


async def _run(setup: Setup) -> None:
    questions = msgspec.msgpack.decode(
        await asyncio.to_thread(Path(setup.questions).read_bytes), type=list[list[bytes]]
    )
    scenes = [[Scene(things).picture(tick) for tick in range(3)] for _, things, _ in QUESTIONS]
    at = engine(FUSED, setup.settings, MonotonicClock())
    await at.ready()
    _say(b"ready")
    try:
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            ask = msgspec.json.decode(line, type=Ask)
            measured = await measure(at, ask, questions, scenes, setup.seed)
            _say(msgspec.json.encode(measured))
    finally:
        await at.stop()


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(_run(msgspec.json.decode(sys.stdin.buffer.readline(), type=Setup)))
