"""Two ways to an engine's process: start one of our own, or connect to one that serves several."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ...runtime.errors import EngineDied
from ..worker_process import end, environment
from .sockets import connect, pair

PATIENCE_S = 20.0
"""Seconds that an engine may take until it listens: both may be starting."""
RETRY_S = 0.2


class Reach(Protocol):
    """Where an engine's process comes from."""

    async def connect(self) -> socket.socket:
        """A socket to it. Raises `EngineDied` where there is none."""
        ...

    async def leave(self) -> str | None:
        """The connection is over: what became of the process, where that is known. Idempotent."""
        ...


class Listening:
    """An engine that was started by itself and listens at an address."""

    def __init__(self, address: Path, patience_s: float = PATIENCE_S) -> None:
        self._address, self._patience_s = address, patience_s

    async def connect(self) -> socket.socket:
        """Waits for one that is not there yet."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                while True:
                    with contextlib.suppress(OSError):
                        return connect(self._address)
                    await asyncio.sleep(RETRY_S)
        raise EngineDied(
            f"no engine listens at {self._address}: start one with "
            f"visavis engine --set engine.address={self._address}"
        )

    async def leave(self) -> str | None:
        """It is not ours to end."""
        return None


class Spawned:
    """An engine's process of our own. It is started afresh, never forked: threads and locks of this
    process are not in it. It ends when its socket is closed, however this process ends."""

    def __init__(self, command: Sequence[str]) -> None:
        """`command` gets the number of its socket's descriptor as its last argument."""
        self._command = tuple(command)
        self._process: Process | None = None

    async def connect(self) -> socket.socket:
        """Start it."""
        ours, theirs = pair()
        with theirs:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(theirs.fileno()),
                    stdin=DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=environment(),
                )
            except BaseException:
                ours.close()
                raise
        return ours

    async def leave(self) -> str | None:
        """It ends by itself, or is killed."""
        process = self._process
        if process is None:
            return None
        await end(process)
        self._process = None
        status = process.returncode or 0
        if status < 0:
            return f"its process was killed by {signal.Signals(-status).name}"
        return f"its process ended with status {status}" if status else None
