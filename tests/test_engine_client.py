"""A media process's engine in another process: nothing is lost in silence, and every end is told."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from engine_process_fakes import Beside, opened, serving
from models_fakes import Plain, WritingStepper, picture, windows
from test_engine import Caller, go, reached

from visavis.models.engine_process.client import RemoteEngine
from visavis.models.engine_process.server import EngineServer
from visavis.runtime.errors import EngineDied, EngineFull
from visavis.runtime.events import LoadChanged, PictureSeen, StageFailed, VoiceActivity
from visavis.runtime.frames import WINDOW, AudioChunk, Picture, VideoFrame
from visavis.runtime.protocols import Delivery, Slot


@asynccontextmanager
async def remote(
    server: EngineServer, *, restarts: int = 0, hangs_s: float = 10.0, watch_s: float = 1.0
) -> AsyncGenerator[RemoteEngine]:
    reach = Beside(server)
    engine = RemoteEngine(
        reach, asyncio.get_running_loop(), restarts=restarts, hangs_s=hangs_s, watch_s=watch_s
    )
    await engine.ready()
    try:
        yield engine
    finally:
        await engine.stop()


def told(caller: Caller) -> list[str]:
    return [event.why for event in caller.of(StageFailed) if isinstance(event, StageFailed)]


def test_audio_that_finds_no_room_is_dropped_counted_and_leaves_a_gap() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with serving(stepper, ring_bytes=4096 * 8) as server, remote(server) as engine:
            slot = engine.open(caller)
            for number in range(60):  # nothing is read before this test waits
                engine.hear(slot, windows(number, [0.9]))
            dropped = engine.metrics.dropped_chunks
            assert 30 < dropped < 45
            engine.start(slot, 1, "orders still go", None)
            await caller.until_last_token(1)
            engine.hear(slot, windows(60, [0.9]))
            heard = 60 - dropped
            await caller.until_windows(heard + 1)
            ends = [e.pts // WINDOW for e in caller.events if isinstance(e, VoiceActivity)]
            assert ends == [*range(1, heard + 1), 61]
            assert engine.metrics.dropped_chunks == dropped

    go(test)


def test_an_engine_that_takes_no_more_orders_counts_as_dead() -> None:
    async def test() -> None:
        caller = Caller()
        stepper = WritingStepper()
        async with serving(stepper, ring_bytes=4096 * 8) as server, remote(server) as engine:
            slot = engine.open(caller)
            for turn in range(1000):
                engine.cancel(slot, turn, "a few words that were heard of the answer")
            assert await engine.ended() == "its process takes no more orders"
            assert told(caller) == ["its process takes no more orders"]

    go(test)


def test_a_long_chunk_arrives_whole() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with serving(stepper) as server, remote(server) as engine:
            slot = engine.open(caller)
            levels = [0.25] * 90
            engine.hear(slot, windows(0, levels))
            await caller.until_windows(len(levels))
            found = [e for e in caller.events if isinstance(e, VoiceActivity)]
            assert [e.pts for e in found] == [WINDOW * n for n in range(1, len(levels) + 1)]
            assert all(e.probability == pytest.approx(0.25, abs=0.001) for e in found)

    go(test)


def test_a_chunk_without_samples_and_one_of_every_other_sample_are_chunks() -> None:
    async def test() -> None:
        caller = Caller()
        async with serving(WritingStepper()) as server, remote(server) as engine:
            slot = engine.open(caller)
            engine.hear(slot, AudioChunk(np.zeros(0, np.int16), 0, 1.0))
            engine.hear(slot, AudioChunk(np.zeros(2 * WINDOW, np.int16)[::2], 0, 1.0))
            await caller.until_windows(1)

    go(test)


class Odd:
    """Pixels that do not keep to the size that was asked for."""

    def luma(self) -> Picture:
        return np.zeros((4, 4), np.uint8)

    def rgb(self, width: int, height: int) -> Picture:
        return np.zeros((4, 4, 3), np.uint8)


def test_a_picture_of_another_size_ends_nothing() -> None:
    async def test() -> None:
        caller = Caller()
        async with serving(WritingStepper()) as server, remote(server) as engine:
            slot = engine.open(caller)
            engine.look(slot, VideoFrame(Odd(), 4096, 4096, 1, 1.0))
            await caller.until(lambda events: bool(events))
            (failure,) = caller.events
            assert isinstance(failure, StageFailed) and not failure.is_fatal
            assert "a picture came as uint8 (4, 4, 3), not as uint8 (6, 8, 3)" in failure.why
            engine.look(slot, picture(2))
            await caller.until(lambda events: PictureSeen(180, True) in events)

    go(test)


class Slow(Plain):
    """Pixels whose conversion waits."""

    def __init__(self) -> None:
        super().__init__(1)
        self.begun, self.go = threading.Event(), threading.Event()

    def rgb(self, width: int, height: int) -> Picture:
        self.begun.set()
        assert self.go.wait(10)
        return super().rgb(width, height)


def test_no_picture_comes_after_the_camera_went_off() -> None:
    async def test() -> None:
        stepper, caller, slow = WritingStepper(), Caller(), Slow()
        async with serving(stepper) as server, remote(server) as engine:
            slot = engine.open(caller)
            engine.look(slot, VideoFrame(slow, 64, 48, 1, 1.0))
            assert await asyncio.to_thread(slow.begun.wait, 10)
            engine.look(slot, picture(2))
            engine.set_camera(slot, False)
            slow.go.set()
            engine.hear(slot, windows(0, [0.9]))  # what came before it is obeyed when it is heard
            await caller.until_windows(1)
            engine.set_camera(slot, True)
            engine.look(slot, picture(3))
            await caller.until(lambda events: PictureSeen(270, True) in events)
            assert [call[2] for call in stepper.calls if call[0] == "look"] == [(3,)]

    go(test)


def test_only_the_newest_picture_waits_for_its_conversion() -> None:
    async def test() -> None:
        stepper, caller, slow = WritingStepper(), Caller(), Slow()
        async with serving(stepper) as server, remote(server) as engine:
            slot = engine.open(caller)
            engine.look(slot, VideoFrame(slow, 64, 48, 1, 1.0))
            assert await asyncio.to_thread(slow.begun.wait, 10)
            for value in (2, 3, 4):
                engine.look(slot, picture(value))
            slow.go.set()
            await caller.until(lambda events: PictureSeen(360, True) in events)
            assert engine.metrics.dropped_pictures == 2
            assert [c[2] for c in stepper.calls if c[0] == "look"][-1] == (4,)

    go(test)


def test_an_overloaded_engine_takes_nobody() -> None:
    async def test() -> None:
        caller = Caller()
        async with serving(WritingStepper(), beat_s=0.001) as server, remote(server) as engine:
            server.engine.metrics.rung = 4
            async with asyncio.timeout(10):
                while engine.metrics.rung != 4:  # noqa: ASYNC110 - it is told now and then
                    await asyncio.sleep(0.001)
            with pytest.raises(EngineFull, match="more work than it can do") as full:
                engine.open(caller)
            assert full.value.retry_after_s == 10.0
            assert engine.metrics.refused == 1
            server.engine.metrics.rung = 0

    go(test)


def test_overload_that_was_not_told_yet_ends_the_conversation_with_the_same_words() -> None:
    async def test() -> None:
        caller = Caller()
        async with serving(WritingStepper(), slots=1) as server, remote(server) as engine:
            server.engine.metrics.rung = 4
            slot = engine.open(caller)
            await caller.until(lambda events: bool(events))
            assert "more work than it can do" in told(caller)[0]
            engine.close(slot)
            server.engine.metrics.rung = 0
            await opened(engine, caller)  # its place was given back, once
            before = engine.metrics.full
            with pytest.raises(EngineFull):
                engine.open(caller)
            assert engine.metrics.full == before + 1

    go(test)


def test_the_load_is_known_as_soon_as_a_conversation_hears_of_it() -> None:
    async def test() -> None:
        caller = Caller()
        async with serving(WritingStepper()) as server, remote(server) as engine:
            slot = engine.open(caller)
            await asyncio.sleep(0.01)  # real: the other side has opened it
            server.engine._deliver(  # pyright: ignore[reportPrivateUsage] - as its thread would
                {Slot(0, 1): [Delivery(LoadChanged(2, "fewer pictures"), {})]}
            )
            await caller.until(lambda events: bool(events))
            assert engine.metrics.rung == 2
            engine.close(slot)

    go(test)


def test_an_engine_without_a_sign_of_life_is_left() -> None:
    async def test() -> None:
        caller = Caller()
        async with (
            serving(WritingStepper()) as server,  # its first beat is an hour away
            remote(server, hangs_s=0.03, watch_s=0.01) as engine,
        ):
            engine.open(caller)
            assert await engine.ended() == "its process gave no sign of life for 0.03 s"
            assert told(caller) == ["its process gave no sign of life for 0.03 s"]

    go(test)


def test_an_engine_that_beats_is_kept() -> None:
    async def test() -> None:
        caller = Caller()
        async with (
            serving(WritingStepper(), beat_s=0.005) as server,
            remote(server, hangs_s=0.2, watch_s=0.01) as engine,
        ):
            engine.open(caller)
            await asyncio.sleep(0.5)  # real: what must not happen needs time not to happen in
            assert caller.events == []

    go(test)


async def refused(engine: RemoteEngine) -> EngineFull:
    """What is said while it is started again; before its end is noticed places are still given."""
    while True:
        try:
            engine.close(engine.open(Caller()))
        except EngineFull as full:
            if "started again: come again in" in str(full):
                return full
        await asyncio.sleep(0.001)


def test_an_engine_that_died_is_replaced_as_often_as_was_said() -> None:
    async def test() -> None:
        one, two = Caller(), Caller()
        async with serving(WritingStepper()) as first, serving(WritingStepper()) as second:
            reach = Beside(first)
            engine = RemoteEngine(reach, asyncio.get_running_loop(), restarts=1)
            await engine.ready()
            slot = engine.open(one)
            reach.server = second
            await first.stop()
            await one.until(lambda events: bool(events))
            (end,) = told(one)
            assert "it was stopped" in end
            assert (await refused(engine)).retry_after_s == 10.0
            again = await opened(engine, two)
            assert again.generation == slot.generation + 1
            engine.close(slot)  # the old conversation's: not the new one's place
            engine.start(again, 1, "hello", None)
            await two.until_last_token(1)
            assert reach.left == 1
            await second.stop()
            assert await engine.ended() == "it was stopped"
            with pytest.raises(EngineDied, match="restart it"):
                engine.open(two)
            await engine.stop()

    go(test)


def test_the_end_is_told_once_and_stop_can_be_said_twice() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with serving(stepper) as server:
            engine = RemoteEngine(Beside(server), asyncio.get_running_loop(), restarts=5)
            await engine.stop()  # it was never started
            await engine.ready()
            slot = engine.open(caller)
            hold = stepper.hold("begin")
            engine.start(slot, 1, "hello", None)
            await reached(stepper, "begin")
            await engine.stop()
            await engine.stop()
            assert told(caller) == ["it was stopped"]
            hold.set()
            for act in (engine.forget, engine.close):
                act(slot)
            engine.hear(slot, windows(0, [0.9]))
            engine.look(slot, picture(1))
            assert await engine.ended() == "it was stopped"

    go(test)


def test_stopping_before_the_engine_is_there_is_no_error() -> None:
    async def test() -> None:
        class Never:
            async def connect(self) -> socket.socket:
                await asyncio.Event().wait()
                raise AssertionError

            async def leave(self) -> str | None:
                return None

        engine = RemoteEngine(Never(), asyncio.get_running_loop())
        waiting = asyncio.create_task(engine.ready())
        await asyncio.sleep(0)
        await engine.stop()
        with pytest.raises(EngineDied, match="it was stopped"):
            await waiting

    go(test)


def test_times_are_of_the_clock_that_was_given() -> None:
    class Ahead:
        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()

        def now(self) -> float:
            return self.loop.time() + 1000.0

    async def test() -> None:
        caller, clock = Caller(), Ahead()
        async with serving(WritingStepper()) as server:
            engine = RemoteEngine(Beside(server), asyncio.get_running_loop(), clock=clock)
            await engine.ready()
            slot = engine.open(caller)
            arrived = clock.now()
            engine.hear(slot, AudioChunk(np.full(WINDOW, 30_000, np.int16), 0, arrived))
            engine.start(slot, 1, None, None)
            await caller.until_last_token(1)
            stamps = {name: at for d in caller.deliveries for name, at in d.stamps.items()}
            assert stamps["arrived"] == pytest.approx(arrived, abs=0.001)
            for name in ("dequeued", "asked", "head_ready", "first_token"):
                assert arrived - 0.001 <= stamps[name] <= clock.now()
            await engine.stop()

    go(test)
