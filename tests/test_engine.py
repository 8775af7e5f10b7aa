"""The engine in one piece: its thread, the order of its work, and that results reach their owner."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest
from engine_process_fakes import apart, opened
from models_fakes import LevelVad, WritingStepper, picture, windows

from visavis.models.engine import ThreadedEngine
from visavis.models.engine_process.client import RemoteEngine
from visavis.runtime.errors import EngineDied, EngineFull, WeightsError
from visavis.runtime.events import (
    Event,
    Head,
    HeadReady,
    PictureSeen,
    StageFailed,
    TokensReady,
    TranscriptChanged,
    VoiceActivity,
)
from visavis.runtime.protocols import Delivery, Engine


class Caller:
    """Takes what is delivered and lets a test wait for it."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.batches = 0
        self._changed = asyncio.Event()

    def __call__(self, deliveries: list[Delivery]) -> None:
        self.deliveries += deliveries
        self.batches += 1
        self._changed.set()

    @property
    def events(self) -> list[Event]:
        return [delivery.event for delivery in self.deliveries]

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, is_enough: Callable[[list[Event]], bool]) -> list[Event]:
        async with asyncio.timeout(10):
            while not is_enough(self.events):
                self._changed.clear()
                await self._changed.wait()
        return self.events

    async def until_last_token(self, turn: int) -> None:
        await self.until(
            lambda events: any(
                isinstance(e, TokensReady) and e.is_last and e.turn == turn for e in events
            )
        )

    async def until_windows(self, count: int) -> None:
        await self.until(lambda events: sum(isinstance(e, VoiceActivity) for e in events) >= count)


_place: ContextVar[str] = ContextVar("place", default="inside")


@pytest.fixture(autouse=True)
def place(request: pytest.FixtureRequest) -> Generator[None]:
    """Where `running` has its engine."""
    token = _place.set(getattr(request, "param", "inside"))
    yield
    _place.reset(token)


both = pytest.mark.parametrize("place", ["inside", "apart"], indirect=True)
"""In the process, and behind the rings of a process of its own."""


@asynccontextmanager
async def running(
    stepper: WritingStepper, slots: int = 2
) -> AsyncGenerator[ThreadedEngine | RemoteEngine]:
    if _place.get() == "apart":
        async with apart(stepper, slots) as remote:
            yield remote
        return
    loop = asyncio.get_running_loop()
    engine = ThreadedEngine(lambda: stepper, LevelVad, slots, loop)
    await engine.ready()
    stepper.calls.clear()
    try:
        yield engine
    finally:
        for held in stepper.held.values():
            held.set()
        await engine.stop()


def go(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


async def reached(stepper: WritingStepper, step: str) -> None:
    """The thread is inside `step` now."""
    is_there = await asyncio.to_thread(stepper.reached[step].wait, 10)
    assert is_there


async def settled(engine: Engine, caller: Caller) -> None:
    """All that was ordered so far is done: a picture is looked at last."""
    slot = await opened(engine, caller)
    seen = len(caller.of(PictureSeen))
    engine.look(slot, picture(1))
    await caller.until(lambda events: len([e for e in events if isinstance(e, PictureSeen)]) > seen)
    engine.close(slot)


def test_it_is_the_engine_of_the_runtime() -> None:
    def check(engine: Engine) -> Engine:
        return engine

    assert check is not None and callable(ThreadedEngine.open)


@both
def test_speech_is_judged_encoded_and_answered() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(words=3), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.hear(slot, windows(0, [0.0, 0.0, 0.9, 0.9, 0.0]))
            await caller.until_windows(5)
            await caller.until(lambda events: TranscriptChanged("5 windows", 5 * 512) in events)
            engine.start(slot, 1, None, 4 * 512)
            await caller.until_last_token(1)
            engine.commit(slot, 1)
            await settled(engine, Caller())
        assert caller.of(HeadReady) == [HeadReady(1, Head.ANSWER, 0.9)]
        assert caller.of(TokensReady) == [
            TokensReady(1, " 1", False),
            TokensReady(1, " 2", False),
            TokensReady(1, " 3", True),
        ]
        activity = caller.of(VoiceActivity)
        assert [e.pts for e in activity if isinstance(e, VoiceActivity)] == [
            512 * n for n in range(1, 6)
        ]
        assert stepper.names()[:3] == ["reset", "open_utterance", "hear"]
        assert ("commit", 0) in stepper.calls

    go(test)


@both
def test_every_step_of_an_answer_is_stamped() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.look(slot, picture(7))
            engine.hear(slot, windows(3, [0.9]))
            await caller.until(
                lambda events: {type(e) for e in events} >= {PictureSeen, TranscriptChanged}
            )
            engine.start(slot, 1, None, None)
            await caller.until_last_token(1)
        stamps = {type(d.event): d.stamps for d in reversed(caller.deliveries)}
        assert set(stamps[VoiceActivity]) == {"arrived", "dequeued"}
        assert stamps[VoiceActivity]["arrived"] == 3.0
        assert set(stamps[TranscriptChanged]) == {"arrived", "dequeued", "audio_latents_ready"}
        assert set(stamps[PictureSeen]) == {"arrived", "dequeued", "picture_latents_ready"}
        first = stamps[TokensReady]
        order = ["asked", "head_ready", "first_token"]
        assert [first[name] for name in order] == sorted(first[name] for name in order)
        assert first["audio_latents_ready"] <= first["first_token"]
        assert "picture_latents_ready" in first

    go(test)


@both
def test_conversations_are_served_in_one_batch() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(), Caller(), Caller()
        async with running(stepper, slots=3) as engine:
            first, second = engine.open(one), engine.open(two)
            hold = stepper.hold("look")
            engine.look(first, picture(1))
            await reached(stepper, "look")
            for slot, caller in ((first, one), (second, two)):
                engine.hear(slot, windows(0, [0.9, 0.9]))
                assert caller.events == []
            hold.set()
            await one.until_windows(2)
            await two.until_windows(2)
            await settled(engine, Caller())
            assert ("hear", (0, 1), (0.0, 0.0)) in stepper.calls
            assert engine.metrics.batches["vad"][2] == 2
            assert engine.metrics.batches["hear"][2] == 2

    go(test)


@both
def test_orders_come_first_then_answers_then_audio_then_pictures() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(words=2), Caller(), Caller()
        async with running(stepper) as engine:
            first, second = engine.open(one), engine.open(two)
            hold = stepper.hold("look")
            engine.look(first, picture(1))
            await reached(stepper, "look")
            engine.look(first, picture(2))
            engine.hear(second, windows(0, [0.9]))
            engine.start(first, 1, "hello", None)
            engine.set_camera(second, True)
            hold.set()
            await one.until(
                lambda events: len([e for e in events if isinstance(e, PictureSeen)]) > 1
            )
        names = stepper.names()
        steps = ["set_camera", "begin", "next", "next", "hear", "look"]
        after = names[names.index("set_camera") :]
        assert [name for name in after if name in steps] == steps

    go(test)


@both
def test_a_picture_from_before_the_camera_went_off_is_not_looked_at() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(), Caller(), Caller()
        async with running(stepper) as engine:
            first, second = engine.open(one), engine.open(two)
            hold = stepper.hold("look")
            engine.look(first, picture(1))
            await reached(stepper, "look")
            engine.look(second, picture(2))  # waits in the inbox
            engine.set_camera(second, False)
            engine.close(first)
            hold.set()
            await settled(engine, Caller())
        looks = [call[1] for call in stepper.calls if call[0] == "look"]
        assert looks == [(0,), (0,)]  # the one that was held, and the settling one

    go(test)


@both
def test_the_tail_of_the_question_is_heard_before_its_answer_begins() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            hold = stepper.hold("look")
            engine.look(slot, picture(1))
            await reached(stepper, "look")
            engine.hear(slot, windows(0, [0.9, 0.9, 0.9, 0.0, 0.0]))
            engine.start(slot, 1, None, 3 * 512)
            hold.set()
            await caller.until_last_token(1)
            await caller.until_windows(5)
        names = stepper.names()
        assert names[: names.index("begin")].count("hear") == 3

    go(test)


@both
def test_nothing_of_a_cancelled_turn_is_delivered_even_from_a_step_under_way() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(words=10**9), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.start(slot, 1, "hello", None)
            await caller.until(lambda events: any(isinstance(e, TokensReady) for e in events))
            engine.commit(slot, 1)
            hold = stepper.hold("next")
            await reached(stepper, "next")
            engine.cancel(slot, 1, " 1")
            told = len(caller.of(TokensReady))
            hold.set()
            await settled(engine, Caller())
            assert len(caller.of(TokensReady)) == told
            assert ("cancel", 0, " 1") in stepper.calls
            assert engine.metrics.undelivered > 0

    go(test)


def test_a_cancel_waits_for_one_step_of_the_answer_only() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(words=10**9), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.start(slot, 1, "hello", None)
            engine.commit(slot, 1)
            hold = stepper.hold("next")
            await reached(stepper, "next")
            engine.cancel(slot, 1, "")
            before = stepper.names().count("next")
            hold.set()
            await settled(engine, Caller())
            names = stepper.names()
            assert names[: names.index("cancel")].count("next") == before + 1
            assert names.count("next") == before + 1

    go(test)


@both
def test_audio_is_not_starved_by_a_long_answer() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(words=30), Caller(), Caller()
        async with running(stepper) as engine:
            first, second = engine.open(one), engine.open(two)
            hold = stepper.hold("next")
            engine.start(first, 1, "hello", None)
            await reached(stepper, "next")
            engine.commit(first, 1)
            engine.hear(second, windows(0, [0.9] * 4))
            engine.look(second, picture(3))
            hold.set()
            await one.until_last_token(1)
            await two.until(lambda events: any(isinstance(e, PictureSeen) for e in events))
        names = stepper.names()
        assert names.count("hear") == 4
        last_hear = len(names) - 1 - names[::-1].index("hear")
        assert names[:last_hear].count("next") < 20

    go(test)


@both
def test_a_retracted_shadow_goes_on_listening() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(words=1), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.hear(slot, windows(0, [0.9]))
            await caller.until_windows(1)
            engine.start(slot, 1, None, None)
            await caller.until_last_token(1)
            engine.retract(slot, 1)
            engine.hear(slot, windows(1, [0.9]))
            engine.start(slot, 2, None, None)
            await caller.until_last_token(2)
        names = stepper.names()
        assert names.count("open_utterance") == 1
        assert names.index("retract") < len(names) - 1 - names[::-1].index("hear")

    go(test)


@both
def test_the_head_decides_whether_there_are_tokens_and_commit_overrules_it() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(words=1), Caller()
        stepper.head = Head.WAIT
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.start(slot, 1, "and", None)
            await settled(engine, Caller())
            assert caller.events == [HeadReady(1, Head.WAIT, 0.9)]
            engine.commit(slot, 1)
            await caller.until_last_token(1)

    go(test)


@both
def test_a_new_start_replaces_the_shadow() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(words=1), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.start(slot, 1, "one", None)
            await caller.until_last_token(1)
            engine.start(slot, 2, "two", None)
            await caller.until_last_token(2)
        assert stepper.names() == ["reset", "begin", "next", "retract", "begin", "next"]

    go(test)


@both
def test_speech_under_way_at_the_commit_opens_the_next_utterance() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(words=1), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.hear(slot, windows(0, [0.9, 0.0]))
            await caller.until_windows(2)
            engine.start(slot, 1, None, 1024)
            await caller.until_last_token(1)
            engine.hear(slot, windows(2, [0.9, 0.9]))
            await caller.until_windows(4)
            engine.commit(slot, 1)
            await caller.until(lambda e: e.count(TranscriptChanged("2 windows", 4 * 512)) > 0)
        names = stepper.names()
        assert names[names.index("commit") + 1] == "open_utterance"

    go(test)


def test_only_the_newest_picture_waits() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            hold = stepper.hold("look")
            engine.look(slot, picture(1))
            await reached(stepper, "look")
            for value in (2, 3, 4):
                engine.look(slot, picture(value))
            hold.set()
            await caller.until(lambda events: PictureSeen(4 * 90, True) in events)
            assert engine.metrics.dropped_pictures == 2
        assert [call[2] for call in stepper.calls if call[0] == "look"] == [(1,), (4,)]

    go(test)


@both
def test_a_picture_that_cant_be_converted_ends_nothing() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.look(slot, picture(1, error=ValueError("torn")))
            await caller.until(lambda events: bool(events))
            engine.look(slot, picture(2))
            await caller.until(lambda events: PictureSeen(180, True) in events)
        assert caller.events[0] == StageFailed("camera", "ValueError: torn", is_fatal=False)

    go(test)


@both
def test_an_error_ends_only_the_conversation_that_caused_it() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(), Caller(), Caller()
        async with running(stepper) as engine:
            first, second = engine.open(one), engine.open(two)
            hold = stepper.hold("look")
            engine.look(first, picture(1))
            await reached(stepper, "look")
            stepper.guilty = {0}
            engine.hear(first, windows(0, [0.9]))
            engine.hear(second, windows(0, [0.9]))
            hold.set()
            await two.until(lambda events: TranscriptChanged("1 windows", 512) in events)
            await one.until(lambda events: any(isinstance(e, StageFailed) for e in events))
            assert not two.of(StageFailed)
            failure = one.of(StageFailed)[0]
            assert isinstance(failure, StageFailed) and failure.is_fatal
            assert "can't be computed" in failure.why
            stepper.guilty = set()
            engine.close(first)
            third = await opened(engine, one)
            assert (third.index, third.generation) == (0, first.generation + 1)
            engine.start(third, 9, "hello", None)
            await one.until_last_token(9)

    go(test)


@both
def test_a_result_never_reaches_the_next_caller_of_a_slot() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(), Caller(), Caller()
        async with running(stepper, slots=1) as engine:
            hold = stepper.hold("begin")
            first = engine.open(one)
            engine.start(first, 1, "mine", None)
            await reached(stepper, "begin")
            engine.close(first)
            second = await opened(engine, two)
            hold.set()
            engine.start(second, 2, "yours", None)
            await two.until_last_token(2)
            assert one.events == []
            assert {e.turn for e in two.of(HeadReady) if isinstance(e, HeadReady)} == {2}
            assert stepper.names().count("reset") == 2
            engine.hear(first, windows(0, [0.9]))
            engine.close(first)
            engine.close(first)
            with pytest.raises(EngineFull, match="come again in") as full:
                engine.open(one)
            assert full.value.retry_after_s > 0

    go(test)


@both
def test_a_dead_thread_ends_every_conversation_and_takes_no_new_one() -> None:
    async def test() -> None:
        class Unplugged(BaseException):
            pass

        stepper, one, two = WritingStepper(), Caller(), Caller()
        async with running(stepper) as engine:
            first, _ = engine.open(one), engine.open(two)
            await settled_start(engine, first, one)
            stepper.fatal = Unplugged("the device is gone")
            engine.start(first, 2, "hello", None)
            for caller in (one, two):
                await caller.until(lambda events: any(isinstance(e, StageFailed) for e in events))
                failure = caller.of(StageFailed)[0]
                assert isinstance(failure, StageFailed) and failure.is_fatal
                assert "the device is gone" in failure.why
            engine.start(first, 3, "still there?", None)
            assert "the device is gone" in await engine.ended()
            with pytest.raises(EngineDied, match="the device is gone"):
                engine.open(one)

    async def settled_start(engine: Engine, slot: object, caller: Caller) -> None:
        from visavis.runtime.protocols import Slot

        assert isinstance(slot, Slot)
        engine.start(slot, 1, "hello", None)
        await caller.until_last_token(1)

    go(test)


def test_what_the_factory_raises_is_raised_by_ready() -> None:
    async def test() -> None:
        def broken() -> WritingStepper:
            raise WeightsError("nano.safetensors is damaged: install visavis again")

        engine = ThreadedEngine(broken, LevelVad, 1, asyncio.get_running_loop())
        with pytest.raises(WeightsError, match="install visavis again"):
            await engine.ready()
        with pytest.raises(EngineDied):
            engine.open(Caller())
        await engine.stop()

    go(test)


def test_what_the_thread_chose_is_told_and_it_chose_before_it_loaded() -> None:
    async def test() -> None:
        order: list[str] = []

        class Choosing(WritingStepper):
            @property
            def chosen(self) -> dict[str, str]:
                return {"model": "letters"}

        def made() -> WritingStepper:
            order.append(f"load on {threading.current_thread().name}")
            return Choosing()

        def settle() -> dict[str, str]:
            order.append(f"settle on {threading.current_thread().name}")
            return {"priority": "high"}

        loop = asyncio.get_running_loop()
        engine = ThreadedEngine(made, LevelVad, 1, loop, settle=settle, name="chooser")
        await engine.ready()
        assert order == ["settle on chooser", "load on chooser"]
        assert engine.metrics.chosen == {"priority": "high", "model": "letters"}
        await engine.stop()

    go(test)


def test_a_model_with_too_few_slots_is_refused() -> None:
    async def test() -> None:
        stepper = WritingStepper(slots=2)
        engine = ThreadedEngine(lambda: stepper, LevelVad, 3, asyncio.get_running_loop())
        with pytest.raises(ValueError, match="room for 2 conversations and engine.slots is 3"):
            await engine.ready()

    go(test)


@both
def test_the_thread_sleeps_while_there_is_nothing_to_do() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with running(stepper) as engine:
            slot = engine.open(caller)
            engine.start(slot, 1, "hello", None)
            await caller.until_last_token(1)
            before = engine.metrics.ticks
            await asyncio.sleep(0.05)  # real: what must not happen needs time not to happen in
            assert engine.metrics.ticks == before
            assert before < 10

    go(test)


def test_stopping_tells_who_is_left_and_ends_the_thread() -> None:
    async def test() -> None:
        import threading

        before = threading.active_count()
        stepper, caller = WritingStepper(), Caller()
        engine = ThreadedEngine(lambda: stepper, LevelVad, 1, asyncio.get_running_loop())
        await engine.ready()
        assert threading.active_count() == before + 1
        engine.open(caller)
        await engine.stop()
        await engine.stop()
        assert threading.active_count() == before
        assert caller.events == [StageFailed("engine", "it was stopped", is_fatal=True)]

    go(test)


def test_an_engine_never_started_stops() -> None:
    async def test() -> None:
        engine = ThreadedEngine(WritingStepper, LevelVad, 1, asyncio.get_running_loop())
        await engine.stop()

    go(test)


@both
def test_a_caller_that_fails_does_not_keep_results_from_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        def clumsy(_deliveries: list[Delivery]) -> None:
            raise RuntimeError("dropped it")

        stepper, caller = WritingStepper(), Caller()
        async with running(stepper) as engine:
            first, second = engine.open(clumsy), engine.open(caller)
            engine.start(first, 1, "hello", None)
            engine.start(second, 1, "hello", None)
            await caller.until_last_token(1)
        assert "failed to take its results" in caplog.text

    go(test)


# What can go wrong ----------------------------------------------------------------------------


def test_a_step_that_never_returns_ends_every_conversation_and_the_engine_can_be_stopped() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(), Caller(), Caller()
        loop = asyncio.get_running_loop()
        engine = ThreadedEngine(lambda: stepper, LevelVad, 2, loop, hangs_s=0.05, watch_s=0.01)
        await engine.ready()
        first, _ = engine.open(one), engine.open(two)
        hold = stepper.hold("begin")
        engine.start(first, 1, "hello", None)
        for caller in (one, two):
            await caller.until(lambda events: any(isinstance(e, StageFailed) for e in events))
            failure = caller.of(StageFailed)[0]
            assert isinstance(failure, StageFailed) and failure.is_fatal
            assert failure.why == "a step of the model (begin) takes longer than 0.05 s"
        assert "begin" in await engine.ended()
        with pytest.raises(EngineDied, match=r"a step of the model \(begin\)"):
            engine.open(one)
        await engine.stop()
        told = len(one.events)
        hold.set()  # it returns after all: nobody hears of it
        thread = engine._thread  # pyright: ignore[reportPrivateUsage] - nothing else tells its end
        await asyncio.to_thread(thread.join, 10)
        await asyncio.sleep(0)
        assert len(one.events) == told

    go(test)


def test_a_step_that_is_late_is_no_end() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        loop = asyncio.get_running_loop()
        engine = ThreadedEngine(lambda: stepper, LevelVad, 1, loop, hangs_s=30.0, watch_s=0.01)
        await engine.ready()
        slot = engine.open(caller)
        hold = stepper.hold("begin")
        engine.start(slot, 1, "hello", None)
        await reached(stepper, "begin")
        await asyncio.sleep(0.05)  # real: the thread is looked at a few times
        hold.set()
        await caller.until_last_token(1)
        assert engine.metrics.slowest_s["begin"] >= 0.05
        assert engine.metrics.late["shadow"] >= 1
        await engine.stop()

    go(test)


class Owner:
    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def take(self, deliveries: list[Delivery]) -> None:
        self.deliveries += deliveries


@both
def test_the_slot_of_an_owner_that_vanished_is_free_for_the_next() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(words=10**9), Caller()
        async with running(stepper, slots=1) as engine:
            owner: Owner | None = Owner()
            assert owner is not None
            slot = engine.open(owner.take)
            engine.start(slot, 1, "hello", None)
            engine.commit(slot, 1)
            with pytest.raises(EngineFull):
                engine.open(caller)
            owner = None
            again = await opened(engine, caller)
            assert again.generation == slot.generation + 1
            assert engine.metrics.vanished == 1
            engine.start(again, 2, "hello", None)
            await caller.until(lambda events: any(isinstance(e, TokensReady) for e in events))

    go(test)


def test_nobody_new_is_taken_at_the_top_of_the_overload_ladder() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with running(stepper) as engine:
            engine.metrics.rung = 4
            with pytest.raises(EngineFull, match="more work than it can do.*come again in") as full:
                engine.open(caller)
            assert full.value.retry_after_s > 0
            assert engine.metrics.refused == 1
            engine.metrics.rung = 3
            engine.open(caller)

    go(test)
