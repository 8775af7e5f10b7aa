"""Real processes: an engine of its own, several servers on it, and what is left when one is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
from engine_process_fakes import opened
from test_engine import Caller, go

from visavis.models.engine_process.client import RemoteEngine
from visavis.models.engine_process.reach import Listening, Spawned
from visavis.models.worker_process import environment
from visavis.pipelines import engine_place
from visavis.pipelines.cli import main
from visavis.pipelines.engine_pipeline import OwnedEngine
from visavis.runtime.clock import MonotonicClock
from visavis.runtime.errors import ConfigError, EngineDied, EngineFull, WeightsError
from visavis.runtime.events import StageFailed, TokensReady, VoiceActivity
from visavis.runtime.frames import WINDOW, AudioChunk
from visavis.runtime.settings import EngineSettings

START_S = 120.0
"""A start imports ONNX Runtime, which takes its time on a machine that is busy."""
OWN = EngineSettings(pipeline="echo", process="own", slots=2)


async def start(*arguments: str) -> Process:
    program = "import sys; from visavis.pipelines.cli import main; sys.exit(main(sys.argv[1:]))"
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=PIPE, stderr=PIPE, env=environment()
    )


@asynccontextmanager
async def listening(address: Path, slots: int = 2) -> AsyncGenerator[Process]:
    """`visavis engine`, ready."""
    process = await start(
        *("engine", "--pipeline", "echo"),
        *("--set", f"engine.address={address}", "--set", f"engine.slots={slots}"),
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
        assert f"listens at {address}, with places for {slots}" in line.decode()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def ready(engine: OwnedEngine) -> AsyncGenerator[OwnedEngine]:
    async with asyncio.timeout(START_S):
        await engine.ready()
    try:
        yield engine
    finally:
        await engine.stop()


def made(settings: EngineSettings) -> OwnedEngine:
    return engine_place.engine("echo", settings, MonotonicClock())


async def talk(engine: OwnedEngine, caller: Caller, turn: int = 1) -> None:
    """A conversation that was open is heard and answered."""
    slot = await opened(engine, caller)
    engine.hear(slot, AudioChunk(np.zeros(2 * WINDOW, np.int16), 0, 1.0))
    engine.start(slot, turn, "how many words", None)
    await caller.until_last_token(turn)
    assert len(caller.of(VoiceActivity)) == 2
    told = [event.text for event in caller.of(TokensReady) if isinstance(event, TokensReady)]
    assert "".join(told) == " You wrote 3 words."


async def told(caller: Caller) -> str:
    async with asyncio.timeout(START_S):
        await caller.until(lambda events: any(isinstance(e, StageFailed) for e in events))
    (failure,) = caller.of(StageFailed)
    assert isinstance(failure, StageFailed) and failure.is_fatal
    return failure.why


def children(of: int) -> list[int]:
    listed = Path(f"/proc/{of}/task/{of}/children").read_text(encoding="ascii")
    return [int(number) for number in listed.split()]


def engines() -> list[int]:
    """Processes that this one started as engines."""
    return [
        child
        for child in children(os.getpid())
        if b"engine_host" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def test_an_engine_of_our_own_serves_and_leaves_nothing() -> None:
    async def test() -> None:
        async with ready(made(OWN)) as engine:
            await talk(engine, Caller())
            (child,) = await asyncio.to_thread(engines)
            names = os.listdir(f"/proc/{child}/fd")
            assert len(names) < 40
        assert await asyncio.to_thread(engines) == []

    shared, before = set(os.listdir("/dev/shm")), len(os.listdir("/proc/self/fd"))
    go(test)
    assert set(os.listdir("/dev/shm")) == shared
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_killed_engine_ends_every_conversation_with_its_cause_and_is_replaced_where_wanted() -> (
    None
):
    async def test() -> None:
        one, two, three = Caller(), Caller(), Caller()
        async with ready(made(msgspec.structs.replace(OWN, restarts=1))) as engine:
            engine.open(one)
            engine.open(two)
            (child,) = await asyncio.to_thread(engines)
            os.kill(child, signal.SIGKILL)
            assert await told(one) == "its process was killed by SIGKILL"
            assert await told(two) == "its process was killed by SIGKILL"
            with pytest.raises(EngineFull, match="is being started again"):
                engine.open(three)
            async with asyncio.timeout(START_S):
                while True:
                    try:
                        slot = engine.open(three)
                        break
                    except EngineFull:
                        await asyncio.sleep(0.05)
            engine.close(slot)
            await talk(engine, three)
            (child,) = await asyncio.to_thread(engines)
            os.kill(child, signal.SIGKILL)
            async with asyncio.timeout(START_S):
                assert await engine.ended() == "its process was killed by SIGKILL"
            with pytest.raises(EngineDied, match="killed by SIGKILL"):
                engine.open(one)

    go(test)


MEDIA = """
import asyncio, sys
from pathlib import Path
from visavis.models.engine_process.client import RemoteEngine
from visavis.models.engine_process.reach import Listening

async def main():
    engine = RemoteEngine(Listening(Path(sys.argv[1])), asyncio.get_running_loop(), name="echo")
    await engine.ready()
    heard = []
    slots = [engine.open(heard.extend) for _ in range(int(sys.argv[2]))]
    for slot in slots:
        engine.start(slot, 1, "hello", None)
    while not heard:
        await asyncio.sleep(0.01)
    print("talking", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def media(address: Path, conversations: int) -> Process:
    """A process that carries so many conversations and goes on until it is killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MEDIA, str(address), str(conversations)),
        stdout=PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), START_S)
    assert line == b"talking\n"
    return process


def test_two_media_processes_share_an_engine_and_one_is_killed(tmp_path: Path) -> None:
    address = tmp_path / "engine.sock"

    async def test() -> None:
        async with listening(address, slots=4) as host:
            other = await media(address, 3)
            shared = msgspec.structs.replace(OWN, address=str(address), slots=4)
            async with ready(made(shared)) as engine:
                caller = Caller()
                await talk(engine, caller)
                with pytest.raises(EngineFull, match="all 4 conversations"):
                    engine.open(caller)
                other.kill()
                await other.communicate()
                rest = [Caller(), Caller(), Caller()]
                for one in rest:
                    await talk(engine, one)
                assert not caller.of(StageFailed)
            host.terminate()
            output = await asyncio.wait_for(host.communicate(), START_S)
            assert host.returncode == 0
            assert b"Traceback" not in output[1] and b"resource_tracker" not in output[1]
        assert not address.exists()

    go(test)


def test_an_engine_that_is_stopped_tells_who_is_left_and_its_address_is_taken_again(
    tmp_path: Path,
) -> None:
    address = tmp_path / "engine.sock"

    async def test() -> None:
        caller = Caller()
        shared = msgspec.structs.replace(OWN, address=str(address), restarts=1)
        async with listening(address) as host:
            engine = made(shared)
            async with asyncio.timeout(START_S):
                await engine.ready()
            engine.open(caller)
            host.kill()  # its file stays
            assert await told(caller) == "its process is gone"
        assert address.is_socket()
        async with listening(address) as host:
            await talk(engine, Caller())
            second = await start("engine", "--set", f"engine.address={address}")
            _, errors = await asyncio.wait_for(second.communicate(), START_S)
            assert second.returncode == 2 and b"listens at" in errors and b"already" in errors
            host.send_signal(signal.SIGINT)
            async with asyncio.timeout(START_S):
                assert await engine.ended() == "it was stopped"
            assert await asyncio.wait_for(host.wait(), START_S) == 0
        await engine.stop()

    go(test)


def test_what_keeps_an_engine_from_loading_is_raised_here() -> None:
    async def test() -> None:
        settings = EngineSettings(process="own", weights="/nowhere/nano.safetensors")
        engine = engine_place.engine("fused", settings, MonotonicClock())
        with pytest.raises(WeightsError, match="/nowhere/nano.safetensors"):
            async with asyncio.timeout(START_S):
                await engine.ready()
        await engine.stop()
        assert await asyncio.to_thread(engines) == []

    go(test)


def test_a_program_that_is_no_engine_is_told() -> None:
    async def test() -> None:
        for program, why in (
            (["-c", "import sys; sys.exit(3)"], "ended before its model was loaded"),
            (["-c", "import os; os.write(int(os.sys.argv[1]), b'hi')"], "none of this version"),
        ):
            engine = RemoteEngine(
                Spawned([sys.executable, *program]), asyncio.get_running_loop(), name="echo"
            )
            with pytest.raises(EngineDied, match=why):
                async with asyncio.timeout(START_S):
                    await engine.ready()
            await engine.stop()

    go(test)


def test_nobody_at_the_address_is_told_with_the_command_to_type(tmp_path: Path) -> None:
    async def test() -> None:
        reach = Listening(tmp_path / "engine.sock", patience_s=0.3)
        engine = RemoteEngine(reach, asyncio.get_running_loop(), name="echo")
        with pytest.raises(
            EngineDied, match=r"start one with\s+visavis engine --set engine.address"
        ):
            await engine.ready()

    go(test)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("engine",), "engine.address is empty"),
        (("engine", "--pipeline", "cascade", "--set", "engine.address=/tmp/e"), "is 'cascade'"),
        (("engine", "--set", "engine.address=/missing/e"), "a folder that exists"),
        (("engine", "--set", "engine.process=somewhere"), "'somewhere'"),
    ],
)
def test_settings_that_cant_be_used_are_told(
    arguments: Sequence[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert why in capsys.readouterr().err


def test_an_address_needs_a_process_of_its_own() -> None:
    settings = EngineSettings(address="/tmp/engine.sock")
    with pytest.raises(ConfigError, match="set engine.process=own"):
        engine_place.is_apart(settings)
    with pytest.raises(ConfigError, match="set engine.process=inside"):
        engine_place.must_be_inside(OWN, "a stepper")
    assert not engine_place.is_apart(EngineSettings())


async def _address(process: Process) -> str:
    assert process.stdout is not None
    while line := (await process.stdout.readline()).decode():
        for word in line.split():
            if word.startswith("http://"):
                return word
    raise AssertionError("the server ended without telling its address")


def test_two_servers_are_ready_on_one_engine_and_say_when_it_is_gone(tmp_path: Path) -> None:
    address = tmp_path / "engine.sock"
    options = (
        *("serve", "--pipeline", "echo", "--port", "0"),
        *("--set", "engine.process=own", "--set", f"engine.address={address}"),
    )

    async def test() -> None:
        async with listening(address) as host, asyncio.timeout(START_S):
            servers = [await start(*options), await start(*options)]
            try:
                for server in servers:
                    async with httpx.AsyncClient(base_url=await _address(server)) as client:
                        while (await client.get("/health", timeout=START_S)).status_code != 200:  # noqa: ASYNC110 - a process
                            await asyncio.sleep(0.1)
                host.kill()
                for server in servers:
                    _, errors = await server.communicate()
                    assert server.returncode == 1
                    assert b"the echo pipeline ended: its process is gone" in errors
            finally:
                for server in servers:
                    if server.returncode is None:
                        server.kill()
                    await server.wait()

    go(test)
