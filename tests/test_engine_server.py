"""An engine that serves other processes: what one of them does wrong is its own loss."""

from __future__ import annotations

import asyncio
import os
import socket
import threading

import msgspec
import pytest
from engine_process_fakes import Beside, opened, serving
from models_fakes import LevelVad, WritingStepper, picture, windows
from test_engine import Caller, go, reached

from visavis.models.engine_process import wire
from visavis.models.engine_process.client import RemoteEngine
from visavis.models.engine_process.link import Link, join
from visavis.models.engine_process.ring import Record
from visavis.models.engine_process.server import MAX_PROCESSES, EngineServer
from visavis.models.engine_process.sockets import pair, receive, send
from visavis.models.engine_process.wire import Goodbye, Hello, Kind, Message, Welcome
from visavis.models.orders import Open, Start
from visavis.runtime.errors import ConfigError, EngineDied, EngineFull, WeightsError
from visavis.runtime.events import StageFailed, TokensReady, VoiceActivity
from visavis.runtime.protocols import Slot


async def joined(server: EngineServer) -> RemoteEngine:
    engine = RemoteEngine(Beside(server), asyncio.get_running_loop())
    await engine.ready()
    return engine


class Rogue:
    """A process that writes what it likes."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.link: Link

    @classmethod
    async def at(cls, server: EngineServer) -> Rogue:
        rogue = cls()
        ours, theirs = pair()
        server.attach(theirs)
        rogue.link = await join(ours, "engine", rogue.records.append)
        return rogue


async def answered(sock: socket.socket) -> Message | None:
    """What the server says next on the socket."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sock.fileno(), readable.set)
    async with asyncio.timeout(10):
        await readable.wait()
    loop.remove_reader(sock.fileno())
    told, descriptors = receive(sock)
    for descriptor in descriptors:
        os.close(descriptor)
    return told


SLOT = Slot(0, 1)
HEAD = wire.audio_head(SLOT, windows(0, [0.9]), 0)
NONSENSE = {
    "kind": (99_999, b"", b""),
    "head": (Kind.AUDIO, b"\xc1\xc1", b""),
    "samples": (Kind.AUDIO, HEAD, b"odd"),
    "picture": (Kind.PICTURE, wire.picture_head(SLOT, picture(1)), b"\0" * 10_000),
    "order": (Kind.ORDER + 3, wire.order(Open(SLOT))[1], b""),
    "results": (Kind.RESULTS, b"", b""),
    "open twice": (*wire.order(Open(SLOT)), b""),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_ends_the_process_that_wrote_it_and_nobody_else(name: str) -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with serving(stepper) as server:
            good = await joined(server)
            slot = good.open(caller)
            rogue = await Rogue.at(server)
            assert rogue.link.take_place()
            rogue.link.write(*wire.order(Open(SLOT)))
            rogue.link.write(*NONSENSE[name])
            async with asyncio.timeout(10):
                why = await rogue.link.ended()
            assert why.startswith("this process wrote what the engine can't read (")
            await opened(good, Caller())  # its place is free again
            good.hear(slot, windows(0, [0.9]))
            await caller.until_windows(1)
            assert not caller.of(StageFailed)
            await good.stop()

    go(test)


def _has_ended(records: list[Record], turn: int) -> bool:
    events = [
        delivery.event for record in records for delivery in wire.read_results(record.head)[1]
    ]
    return TokensReady(turn, " 3", True) in events


def test_media_and_orders_of_no_conversation_are_left_out() -> None:
    async def test() -> None:
        stepper = WritingStepper()
        async with serving(stepper) as server:
            rogue = await Rogue.at(server)
            chunk = windows(0, [0.9])
            rogue.link.write(Kind.AUDIO, HEAD, chunk.pcm.tobytes())
            rogue.link.write(*wire.order(Start(SLOT, 1, "hello", None, 0.0)))
            assert rogue.link.take_place()
            rogue.link.write(*wire.order(Open(SLOT)))
            old = Slot(SLOT.index, SLOT.generation - 1)
            rogue.link.write(Kind.AUDIO, wire.audio_head(old, chunk, 0), chunk.pcm.tobytes())
            rogue.link.write(*wire.order(Start(SLOT, 2, "hello", None, 0.0)))
            async with asyncio.timeout(10):
                while not _has_ended(rogue.records, 2):  # noqa: ASYNC110 - no caller waits there
                    await asyncio.sleep(0.001)
            assert "hear" not in stepper.names() and stepper.names().count("begin") == 1
            rogue.link.close("enough")

    go(test)


def test_a_process_that_is_gone_frees_its_places_and_others_notice_nothing() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(words=10**9), Caller(), Caller()
        async with serving(stepper, slots=3) as server:
            first, second = await joined(server), await joined(server)
            doomed = [first.open(one), first.open(one)]
            first.start(doomed[0], 1, "hello", None)
            first.commit(doomed[0], 1)
            await one.until(lambda events: any(isinstance(e, TokensReady) for e in events))
            kept = second.open(two)
            with pytest.raises(EngineFull, match="all 3 conversations .* taken: come again in"):
                second.open(two)
            life = first._life  # pyright: ignore[reportPrivateUsage] - as a kill would end it
            assert life is not None
            life.cancel()
            places = [await opened(second, Caller()), await opened(second, Caller())]
            assert len({kept, *places}) == 3
            second.hear(kept, windows(0, [0.9]))
            await two.until_windows(1)
            assert two.of(StageFailed) == [] and len(two.of(VoiceActivity)) == 1
            await second.stop()

    go(test)


def test_processes_share_the_places_and_get_their_own_results_only() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(words=2), Caller(), Caller()
        async with serving(stepper, slots=2) as server:
            first, second = await joined(server), await joined(server)
            mine, yours = first.open(one), second.open(two)
            assert mine == yours  # each process names its own
            for engine in (first, second):
                with pytest.raises(EngineFull) as full:
                    engine.open(one)
                assert full.value.retry_after_s == 10.0
            first.start(mine, 1, "mine", None)
            second.start(yours, 7, "yours", None)
            await one.until_last_token(1)
            await two.until_last_token(7)
            asked = [call for call in stepper.calls if call[0] == "begin"]
            texts = " ".join(str(call[2]) for call in asked)
            assert (texts.count("mine"), texts.count("yours")) == (1, 1)
            assert {e.turn for e in one.of(TokensReady) if isinstance(e, TokensReady)} == {1}
            assert {e.turn for e in two.of(TokensReady) if isinstance(e, TokensReady)} == {7}
            first.close(mine)
            await opened(second, two)
            await first.stop()
            await second.stop()

    go(test)


def test_a_process_that_does_not_read_loses_its_conversations_only() -> None:
    async def test() -> None:
        stepper, caller = WritingStepper(), Caller()
        async with serving(stepper, ring_bytes=4096 * 8, beat_s=0.001) as server:
            good = await joined(server)
            slot = good.open(caller)
            ours, theirs = pair()
            server.attach(theirs)
            send(ours, Hello("engine"))
            assert isinstance(await answered(ours), Welcome)
            goodbye = await answered(ours)  # what it was told is never read
            assert isinstance(goodbye, Goodbye) and "did not read its results" in goodbye.why
            good.hear(slot, windows(0, [0.9]))
            await caller.until_windows(1)
            assert not caller.of(StageFailed)
            ours.close()
            await good.stop()

    go(test)


def test_who_came_before_the_model_was_loaded_is_welcomed_then() -> None:
    async def test() -> None:
        loop, gate = asyncio.get_running_loop(), threading.Event()

        def slow() -> WritingStepper:
            assert gate.wait(10)
            return WritingStepper()

        server = EngineServer(slow, LevelVad, 1, loop)
        engine = RemoteEngine(Beside(server), loop)
        loading = [asyncio.create_task(server.ready()), asyncio.create_task(engine.ready())]
        await asyncio.sleep(0)
        assert not loading[1].done()
        gate.set()
        await asyncio.gather(*loading)
        engine.open(Caller())
        await engine.stop()
        await server.stop()

    go(test)


def test_what_loading_raised_is_raised_by_every_process_that_waits() -> None:
    async def test() -> None:
        def broken() -> WritingStepper:
            raise WeightsError("nano.safetensors is damaged: install visavis again")

        loop = asyncio.get_running_loop()
        server = EngineServer(broken, LevelVad, 1, loop)
        engine = RemoteEngine(Beside(server), loop)
        waiting = asyncio.create_task(engine.ready())
        with pytest.raises(WeightsError) as raised:
            await server.ready()
        await server.stop(Goodbye(str(raised.value), "WeightsError"))
        with pytest.raises(WeightsError, match="install visavis again"):
            await waiting
        with pytest.raises(EngineDied):
            engine.open(Caller())
        await engine.stop()

    go(test)


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        (Hello("echo"), "the engine is 'engine' and this process asks for 'echo'"),
        (Hello("engine", "visavis 0.0.1"), "install the same version for both"),
    ],
)
def test_who_wants_another_engine_is_told(hello: Hello, why: str) -> None:
    async def test() -> None:
        async with serving(WritingStepper()) as server:
            ours, theirs = pair()
            server.attach(theirs)
            send(ours, hello)
            goodbye = await answered(ours)
            assert isinstance(goodbye, Goodbye) and why in goodbye.why
            assert isinstance(goodbye.as_error(), ConfigError)
            ours.close()

    go(test)


@pytest.mark.parametrize("nonsense", [b"GET / HTTP/1.1", msgspec.msgpack.encode({"type": "Bye"})])
def test_nonsense_on_the_socket_is_answered_and_closed(nonsense: bytes) -> None:
    async def test() -> None:
        async with serving(WritingStepper()) as server:
            ours, theirs = pair()
            server.attach(theirs)
            ours.send(nonsense)
            goodbye = await answered(ours)
            assert isinstance(goodbye, Goodbye) and "can't read" in goodbye.why
            assert await answered(ours) is None
            ours.close()

    go(test)


def test_too_many_processes_are_refused() -> None:
    async def test() -> None:
        async with serving(WritingStepper()) as server:
            ends = [pair() for _ in range(MAX_PROCESSES + 1)]
            for _, theirs in ends:
                server.attach(theirs)
            goodbye = await answered(ends[-1][0])
            assert isinstance(goodbye, Goodbye) and "start another engine" in goodbye.why
            for ours, _ in ends:
                ours.close()

    go(test)


def test_a_place_lost_by_a_killed_process_is_found_again() -> None:
    async def test() -> None:
        async with serving(WritingStepper(), slots=2) as server:
            rogue = await Rogue.at(server)
            assert rogue.link.take_place()  # and it never says what for
            rogue.link.close("killed")
            async with asyncio.timeout(10):
                await server.emptied()
            engine = await joined(server)
            engine.open(Caller())
            engine.open(Caller())
            await engine.stop()

    go(test)


def test_a_late_result_does_not_reach_the_next_conversation_of_the_process() -> None:
    async def test() -> None:
        stepper, one, two = WritingStepper(), Caller(), Caller()
        async with serving(stepper, slots=2) as server:
            engine = await joined(server)
            first = engine.open(one)
            engine.start(first, 1, "mine", None)
            hold = stepper.hold("next")
            await reached(stepper, "next")
            engine.close(first)
            second = engine.open(two)  # another place of the engine, the same number here
            assert (second.index, second.generation) == (first.index, first.generation + 1)
            hold.set()
            engine.start(second, 1, "yours", None)
            await two.until_last_token(1)
            assert one.of(TokensReady) == []
            assert len(two.of(TokensReady)) == stepper.words
            await engine.stop()

    go(test)


def test_the_end_of_the_engine_is_told_to_every_process() -> None:
    async def test() -> None:
        class Unplugged(BaseException):
            pass

        stepper, one, two = WritingStepper(), Caller(), Caller()
        async with serving(stepper) as server:
            first, second = await joined(server), await joined(server)
            slot = first.open(one)
            second.open(two)
            stepper.fatal = Unplugged("the device is gone")
            first.start(slot, 1, "hello", None)
            for engine, caller in ((first, one), (second, two)):
                assert "the device is gone" in await engine.ended()
                (failure,) = caller.of(StageFailed)
                assert isinstance(failure, StageFailed) and failure.is_fatal
                assert "the device is gone" in failure.why
            assert "the device is gone" in await server.ended()

    go(test)


def test_nothing_is_left_open() -> None:
    async def test() -> None:
        async with serving(WritingStepper()) as server:
            caller = Caller()
            for _ in range(3):
                engine = await joined(server)
                slot = engine.open(caller)
                engine.look(slot, picture(1))
                await caller.until(lambda events: bool(events))
                await engine.stop()

    go(test)
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    go(test)
    assert len(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == threads
