"""An engine's server and its clients on one event loop: real rings and sockets, and no process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from models_fakes import LevelVad, WritingStepper

from visavis.models.engine_process.client import RemoteEngine
from visavis.models.engine_process.server import EngineServer
from visavis.models.engine_process.sockets import pair
from visavis.runtime.errors import EngineFull
from visavis.runtime.protocols import Delivery, Engine, Slot


class Beside:
    """A `Reach` to a server of this process."""

    def __init__(self, server: EngineServer) -> None:
        self.server = server
        self.far: list[socket.socket] = []
        self.left = 0

    async def connect(self) -> socket.socket:
        ours, theirs = pair()
        self.server.attach(theirs)
        self.far.append(theirs)
        return ours

    async def leave(self) -> str | None:
        self.left += 1
        return None


@asynccontextmanager
async def serving(
    stepper: WritingStepper, slots: int = 2, ring_bytes: int = 1 << 20, beat_s: float = 3600.0
) -> AsyncGenerator[EngineServer]:
    """A server with a loaded engine; ended with the block."""
    loop = asyncio.get_running_loop()
    server = EngineServer(
        lambda: stepper, LevelVad, slots, loop, ring_bytes=ring_bytes, beat_s=beat_s
    )
    await server.ready()
    stepper.calls.clear()
    try:
        yield server
    finally:
        for held in stepper.held.values():
            held.set()
        await server.stop()


@asynccontextmanager
async def apart(stepper: WritingStepper, slots: int = 2) -> AsyncGenerator[RemoteEngine]:
    """An engine whose rings and sockets are real."""
    async with serving(stepper, slots) as server:
        client = RemoteEngine(Beside(server), asyncio.get_running_loop())
        await client.ready()
        # Read where they are made, so that a test need not wait until they are told.
        client._told = server.engine.metrics  # pyright: ignore[reportPrivateUsage]
        try:
            yield client
        finally:
            await client.stop()


async def opened(engine: Engine, deliver: Callable[[list[Delivery]], None]) -> Slot:
    """A place, as soon as the engine has read that one was given back."""
    async with asyncio.timeout(10):
        while True:
            try:
                return engine.open(deliver)
            except EngineFull:
                await asyncio.sleep(0.001)
