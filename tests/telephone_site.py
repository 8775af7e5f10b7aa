"""A real server on a free port of the loopback, in a thread of its own, for telephone clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from server_fakes import answerer

from visavis.pipelines import server
from visavis.pipelines.pipeline import Pipeline
from visavis.pipelines.telephony import Telephony
from visavis.runtime.settings import Settings


@dataclass
class TelephoneSite:
    """Where it listens, and what it is made of."""

    port: int
    loop: asyncio.AbstractEventLoop
    telephony: Telephony

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/telephony"

    def tasks(self) -> list[str]:
        """Names of the tasks of calls that are alive."""
        return sorted(
            name
            for task in asyncio.all_tasks(self.loop)
            if (name := task.get_name()).startswith(("phone", "close phone", "call tel"))
        )


@contextmanager
def telephone_site(settings: Settings, pipeline: Pipeline) -> Generator[TelephoneSite]:
    """Up while the block runs."""
    application = server.app(settings, pipeline, answerer([]), None)
    telephony: Telephony = application.state.telephony
    config = uvicorn.Config(
        application, port=0, log_config=None, access_log=False, lifespan="on", loop="asyncio"
    )
    running = uvicorn.Server(config)
    loops: list[asyncio.AbstractEventLoop] = []
    is_up = threading.Event()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        task = asyncio.create_task(running.serve(), name="server")
        while not running.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.01)
        is_up.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="telephone site")
    thread.start()
    try:
        assert is_up.wait(60) and running.started
        port = int(running.servers[0].sockets[0].getsockname()[1])
        yield TelephoneSite(port, loops[0], telephony)
    finally:
        running.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
