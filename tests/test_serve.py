"""`visavis serve` as a process: it listens, talks to a real client, says when it can't, stops cleanly."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from transport_fakes import Client, ToneTrack, until

from visavis.pipelines.serve import forget_secrets

START_S = 60.0
STOP_S = 20.0
CALLS = "/v1/realtime/calls"
SDP = {"Content-Type": "application/sdp"}


@dataclass
class Running:
    process: Process
    client: httpx.AsyncClient

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), STOP_S)


async def start(*arguments: str) -> Process:
    program = "import sys; from visavis.pipelines.cli import main; sys.exit(main(sys.argv[1:]))"
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "serve", *arguments, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def serving(*arguments: str) -> AsyncGenerator[Running]:
    """An echo server that is ready; ended with the block."""
    process = await start("--pipeline", "echo", "--port", "0", *arguments)
    try:
        async with asyncio.timeout(START_S):
            address = await _address(process)
            async with httpx.AsyncClient(base_url=address, timeout=START_S) as client:
                while (await client.get("/health")).status_code != 200:  # noqa: ASYNC110 - a process
                    await asyncio.sleep(0.05)
        async with httpx.AsyncClient(base_url=address, timeout=START_S) as client:
            yield Running(process, client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _address(process: Process) -> str:
    assert process.stdout is not None
    while line := (await process.stdout.readline()).decode():
        for word in line.split():
            if word.startswith("http://"):
                return word
    raise AssertionError("the server ended without telling its address")


def test_a_real_client_is_greeted_and_told_when_the_server_stops() -> None:
    async def main() -> None:
        async with serving() as server:
            person = Client(ToneTrack())
            seen: list[str] = []

            def note(text: str) -> None:
                seen.append(json.loads(text)["type"])

            person.channel.on("message", note)
            try:
                response = await server.client.post(
                    CALLS, content=await person.offer(), headers=SDP
                )
                assert response.status_code == 201
                await person.accept(response.text)
                await until(lambda: "session.created" in seen)
                bad = await server.client.post(CALLS, content="v=0 nonsense", headers=SDP)
                assert (bad.status_code, bad.json()["error"]["code"]) == (400, "invalid_sdp")
                huge = await server.client.post(CALLS, content=b"v" * 70_000, headers=SDP)
                assert huge.status_code == 413
                assert (await server.client.get("/health")).json()["sessions"] == 1
                stopping = asyncio.create_task(server.stop())
                await until(lambda: "visavis.session.ended" in seen)
                assert await stopping == 0
            finally:
                await person.close()

    asyncio.run(main())


def test_an_interrupt_ends_it_with_status_0() -> None:
    async def main() -> None:
        async with serving() as server:
            assert await server.stop(signal.SIGINT) == 0

    asyncio.run(main())


def test_a_taken_port_is_told_with_a_remedy() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            process = await start("--port", str(taken.getsockname()[1]))
            _, errors = await asyncio.wait_for(process.communicate(), START_S)
        assert process.returncode == 2
        assert b"--port 0 takes a free port" in errors
        assert b"Traceback" not in errors

    asyncio.run(main())


def test_beyond_this_machine_it_wants_keys_or_to_be_told_so() -> None:
    async def main() -> None:
        process = await start("--host", "0.0.0.0", "--port", "0", "--pipeline", "echo")
        output, errors = await asyncio.wait_for(process.communicate(), START_S)
        assert process.returncode == 2
        assert b"--allow-anyone-on-the-network" in errors and b"visavis key" in errors
        assert b"Traceback" not in errors and output == b""

    asyncio.run(main())


def test_secrets_leave_the_environment() -> None:
    environment = {
        "VISAVIS__ACCESS__API_KEYS": "a",
        "VISAVIS__WEBRTC__TURN_SECRET": "b",
        "VISAVIS__SERVER__PORT": "1",
    }
    forget_secrets(environment)
    assert environment == {"VISAVIS__SERVER__PORT": "1"}


def test_weights_that_are_not_there_end_it_with_their_name() -> None:
    async def main() -> None:
        process = await start("--port", "0", "--set", "engine.weights=nowhere.safetensors")
        _, errors = await asyncio.wait_for(process.communicate(), START_S)
        assert process.returncode == 1
        assert b"nowhere.safetensors does not exist" in errors
        assert b"Traceback" not in errors

    asyncio.run(main())
