"""A process that is an engine: `visavis engine` for several servers, or one that a server started.

The first listens at `engine.address` until it is stopped; the second serves the socket it was given
and ends with it, however the server ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from ..models.engine_process.server import EngineServer
from ..models.engine_process.sockets import listening
from ..models.engine_process.wire import Goodbye
from ..runtime.errors import ConfigError
from ..runtime.settings import EngineSettings
from .engine_place import parts, settle, spotter


def engine(settings: EngineSettings) -> int:
    """`visavis engine`: runs until SIGINT or SIGTERM, or until the engine dies; the exit status.
    Raises `ConfigError`."""
    if not settings.address:
        raise ConfigError(
            "engine.address is empty: name the file of the socket to listen at, for example "
            "--set engine.address=/run/user/1000/visavis.sock, and the same to each server"
        )
    parts(settings.pipeline, settings)  # a name that can't be used is told before anything runs
    with listening(Path(settings.address)) as sock:
        return asyncio.run(_host(settings, sock, is_guest=False))


def main(arguments: Sequence[str]) -> int:
    """The process that a server started: its settings as JSON, the number of its socket."""
    settings = msgspec.json.decode(arguments[0], type=EngineSettings)
    with socket.socket(fileno=int(arguments[1])) as sock:
        return asyncio.run(_host(settings, sock, is_guest=True))


async def _host(settings: EngineSettings, sock: socket.socket, *, is_guest: bool) -> int:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    if is_guest:  # Ctrl+C reaches every process of a terminal: the server says when it is over
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        loop.add_signal_handler(signal.SIGINT, stopped.set)
    make_stepper, make_vad = parts(settings.pipeline, settings)
    server = EngineServer(
        make_stepper,
        make_vad,
        settings.slots,
        loop,
        name=settings.pipeline,
        spotter_factory=spotter(settings),
        settle=settle(settings),
    )
    if is_guest:
        server.attach(socket.socket(fileno=os.dup(sock.fileno())))
    else:
        loop.add_reader(sock.fileno(), _accept, server, sock)
    waits = [asyncio.create_task(stopped.wait(), name="signals")]
    if is_guest:
        waits.append(asyncio.create_task(server.emptied(), name="server"))
    try:
        return await _serve(server, settings, waits, is_quiet=is_guest)
    finally:
        if not is_guest:
            loop.remove_reader(sock.fileno())
        for wait in waits:
            wait.cancel()


async def _serve(
    server: EngineServer,
    settings: EngineSettings,
    waits: list[asyncio.Task[Literal[True]]],
    *,
    is_quiet: bool,
) -> int:
    loading = asyncio.create_task(server.ready(), name="load")
    await asyncio.wait([loading, *waits], return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():  # told to end before it could begin; the thread ends with the process
        loading.cancel()
        return 0
    if (error := loading.exception()) is not None:
        await server.stop(Goodbye(_sentence(error), type(error).__name__))
        return _complain(_sentence(error), is_quiet)
    gc.collect()
    gc.freeze()  # what lives now lives as long as the process: the collector need not walk it again
    if not is_quiet:
        sys.stdout.write(
            f"The engine {settings.pipeline!r} listens at {settings.address}, with places for "
            f"{settings.slots} conversations. Ctrl+C stops it.\n"
        )
        sys.stdout.flush()
    ending = asyncio.create_task(server.ended(), name="engine")
    await asyncio.wait([ending, *waits], return_when=asyncio.FIRST_COMPLETED)
    if ending.done():
        await server.stop()
        return _complain(f"the engine ended: {ending.result()}", is_quiet)
    await server.stop()
    await ending
    return 0


def _accept(server: EngineServer, sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it went away again
        server.attach(sock.accept()[0])


def _sentence(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _complain(why: str, is_quiet: bool) -> int:
    """A server that started this process tells it itself."""
    if not is_quiet:
        sys.stderr.write(f"visavis: {why}\n")
    return 1


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.exit(main(sys.argv[1:]))
