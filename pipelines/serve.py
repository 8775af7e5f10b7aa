"""`visavis serve`: one process that listens at once, loads its models meanwhile, and stops cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Generator

import uvicorn

from ..runtime.errors import ConfigError
from ..runtime.settings import ServerSettings, Settings
from .assembly import answerer, make_pipeline
from .extensions import page
from .origins import is_loopback
from .server import app

STOP_S = 3
"""Seconds that HTTP requests under way may take once the server was told to stop."""
BACKLOG = 128


def serve(settings: Settings) -> int:
    """Runs until SIGINT or SIGTERM, or until the pipeline dies; returns the exit status."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with _listen(settings.server) as listening:
        # All that is looked for on disk is found before the loop runs.
        server = _Server(settings, listening)
        with asyncio.Runner(loop_factory=_loop()) as runner:
            runner.run(server.serve(sockets=[listening]))
    if server.death is not None:
        sys.stderr.write(
            f"visavis: the {settings.engine.pipeline} pipeline ended: {server.death}\n"
        )
        return 1
    return 0


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not made for Windows
        return None
    return uvloop.new_event_loop


def _listen(server: ServerSettings) -> socket.socket:
    """A listening socket, so that a taken port is told before anything is loaded."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    try:
        return socket.create_server((server.host, server.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"can't listen on {server.host} port {server.port} ({error.strerror}): "
            "is visavis running already? --port 0 takes a free port"
        ) from error


class _Server(uvicorn.Server):
    """uvicorn that says when it listens, stops when the pipeline is dead, and leaves quietly."""

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        """Imports and finds everything; nothing runs yet."""
        self.death: str | None = None
        self._settings = settings
        self._listening = listening
        application = app(
            settings, make_pipeline(settings), answerer(settings), page(), on_death=self._die
        )
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=STOP_S,
        )
        super().__init__(config)

    def _die(self, why: str) -> None:
        self.death = why
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _greet(self._settings, self._listening)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """uvicorn's own raises the signal again afterwards, which would end in a traceback."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def _greet(settings: Settings, listening: socket.socket) -> None:
    from rich.console import Console
    from rich.panel import Panel

    name = str(listening.getsockname()[0])
    port = int(listening.getsockname()[1])
    host = "localhost" if name in ("0.0.0.0", "::") else name
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    lines = [
        f"Open [bold]{address}[/bold] in a browser and start talking.",
        f"It is {settings.engine.pipeline!r} that answers, to {settings.server.max_sessions} "
        + "people at once. Ctrl+C stops it.",
    ]
    if not is_loopback(name):
        lines.append(
            "From another machine, browsers give a microphone to https pages only: put a TLS "
            "proxy in front, or forward the port with ssh -L."
        )
    Console(highlight=False).print(Panel("\n".join(lines), title="visavis", expand=False))
    sys.stdout.flush()
