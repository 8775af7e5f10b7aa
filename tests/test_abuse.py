"""1,000 malformed offers and 1,000 malformed messages: nothing is left behind, and a conversation
beside them goes on. Counts, not times."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from access_fakes import CALLS, SDP
from transport_fakes import until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from visavis.latency_bench.nonsense import bad_message, bad_offer
from visavis.pipelines import engine_place, server
from visavis.pipelines.access import Access, take_keys
from visavis.pipelines.assembly import answerer
from visavis.pipelines.engine_pipeline import EnginePipeline
from visavis.runtime.clock import MonotonicClock
from visavis.runtime.settings import EngineSettings, LimitsSettings, ServerSettings, Settings

MANY = 1000
SLOTS = 4


class Voice:
    """Says nothing."""

    async def ready(self) -> None: ...

    async def stop(self) -> None: ...

    def open(self, deliver: object) -> int:
        return 1

    def speak(self, handle: int, turn: int, text: str, is_last: bool) -> None: ...

    def cancel(self, handle: int, turn: int) -> None: ...

    def close(self, handle: int) -> None: ...


@dataclass
class Running:
    client: httpx.AsyncClient
    port: int
    access: Access

    async def health(self) -> int:
        return int((await self.client.get("/health")).json()["sessions"])

    def talk(self) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/v1/realtime", max_size=None, open_timeout=60)


Scenario = Callable[[Running], Coroutine[None, None, None]]


def run(scenario: Scenario, limits: LimitsSettings | None = None) -> None:
    """The echo engine behind the real door, on a real socket."""
    settings = Settings(
        server=ServerSettings(max_sessions=SLOTS),
        engine=EngineSettings(slots=SLOTS),
        limits=limits or LimitsSettings(),
    )
    clock = MonotonicClock()
    pipeline = EnginePipeline(
        "echo",
        settings,
        lambda: engine_place.engine(engine_place.ECHO, settings.engine, clock),
        Voice,  # type: ignore[arg-type]
        (),
        clock,
    )
    access, bare = take_keys(settings)
    app = server.app(bare, pipeline, answerer(bare), None, access=access)
    config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)

    async def main(listening: socket.socket) -> None:
        task = asyncio.create_task(running.serve(sockets=[listening]))
        port = int(listening.getsockname()[1])
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                await until(lambda: running.started, 60)
                await scenario(Running(client, port, access))
        finally:
            running.should_exit = True
            await task

    with socket.create_server(("127.0.0.1", 0)) as listening:
        asyncio.run(main(listening))


async def answered(line: ClientConnection, number: int) -> bool:
    """One good message: the conversation answers it by its id."""
    update: dict[str, object] = {
        "type": "session.update",
        "event_id": f"good_{number}",
        "session": {},
    }
    await line.send(json.dumps({**update, "session": {"instructions": f"word {number}"}}))
    while True:
        event = json.loads(await line.recv())
        if event["type"] == "session.updated":
            return bool(event["session"]["instructions"] == f"word {number}")
        assert event["type"] != "error", event


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def names_of_tasks() -> Counter[str]:
    return Counter(task.get_name().rstrip("0123456789") for task in asyncio.all_tasks())


async def settled(it: Running, sessions: int, tasks: Counter[str], files: int) -> None:
    """Everything that ended is given back."""

    def is_clean() -> bool:
        gc.collect()
        return not names_of_tasks() - tasks and open_files() <= files

    await until(is_clean, 60)
    assert await it.health() == sessions
    assert len(it.access.handshakes) == 0
    assert sum(it.access.usage.sessions().values()) == sessions


def test_malformed_offers_leave_nothing_and_disturb_nobody() -> None:
    async def scenario(it: Running) -> None:
        async with it.talk() as line:
            assert await answered(line, 0)
            for number in range(20):  # what is imported and kept open once
                await it.client.post(CALLS, content=bad_offer(number), headers=SDP)
            tasks, files = names_of_tasks(), open_files()
            codes: Counter[str] = Counter()
            for number in range(MANY):
                answer = await it.client.post(CALLS, content=bad_offer(number), headers=SDP)
                assert 400 <= answer.status_code < 500, (number, answer.text)
                codes[answer.json()["error"]["code"]] += 1
                if number % 200 == 0:
                    assert await answered(line, number)
            await settled(it, 1, tasks, files)
            assert {"invalid_sdp", "too_many_candidates", "too_many_codecs"} <= set(codes)
            counted = it.access.usage.refusals
            assert all(counted[code] >= count for code, count in codes.items())
            assert await answered(line, MANY)

    run(scenario, LimitsSettings(refusals_per_address=2 * MANY))  # each of them is read


def test_malformed_messages_leave_nothing_and_disturb_nobody() -> None:
    async def scenario(it: Running) -> None:
        async with it.talk() as line:
            assert await answered(line, 0)
            await it.health()
            tasks, files = names_of_tasks(), open_files()
            async with it.talk() as abuser:
                sent = 0
                for number in range(MANY):
                    await abuser.send(bad_message(number))
                    sent += 1
                    if number % 100 == 0:
                        assert await answered(line, number)
                # The connection lives, and its next good message is answered.
                await abuser.send(json.dumps({"type": "session.update", "session": {}}))
                seen: Counter[str] = Counter()
                while (event := json.loads(await abuser.recv()))["type"] != "session.updated":
                    seen[event["type"]] += 1
                assert sent == MANY and 20 <= seen["error"] <= MANY
                assert await it.health() == 2
            await settled(it, 1, tasks, files)
            assert it.access.usage.refusals["invalid_json"] > 0
            assert it.access.usage.refusals["json_too_deep"] > 0
            assert await answered(line, MANY)

    run(scenario)


def test_one_that_sends_only_nonsense_is_put_out_at_its_limit() -> None:
    async def scenario(it: Running) -> None:
        async with it.talk() as line:
            async with it.talk() as abuser:
                for _ in range(60):
                    await abuser.send("{")
                with pytest.raises(ConnectionClosedError, match="1008"):
                    while True:
                        await abuser.recv()
            assert await answered(line, 1)

            def is_gone() -> bool:
                return sum(it.access.usage.sessions().values()) == 1

            await until(is_gone, 60)

    run(scenario, LimitsSettings(max_refusals=50))
