"""`visavis serve`: one process that listens at once, loads its models meanwhile, and stops cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Generator, MutableMapping

import uvicorn

from ..runtime.errors import ConfigError
from ..runtime.settings import ENV_PREFIX, SECRETS, ServerSettings, Settings
from .access import Access, take_keys
from .access.binding import check_binding, warnings
from .access.connections import bounded_http
from .access.redact import RedactingFormatter
from .access.seldom import Seldom
from .access.tls import tls_context
from .assembly import answerer, make_pipeline
from .extensions import page
from .origins import is_loopback
from .server import app
from .ways import ways

STOP_S = 3
"""Seconds that HTTP requests under way may take once the server was told to stop."""
BACKLOG = 128
SPARE_BYTES = 8192
"""Of headers beyond the limit that are still read, so that they can be answered."""
WS_MARGIN = 1_048_576
"""Bytes over the limit of a WebSocket message that are still read, to say so in words."""


def serve(settings: Settings) -> int:
    """Runs until SIGINT or SIGTERM, or until the pipeline dies; returns the exit status.

    Raises `ConfigError` for what can't be used, and for a server that anybody on the network could
    use without having been told so in so many words.
    """
    _log_without_secrets()
    access, settings = take_keys(settings)
    forget_secrets(os.environ)
    check_binding(settings, needs_key=access.needs_key)
    tls = tls_context(settings.server)
    with _listen(settings.server) as listening:
        # All that is looked for on disk is found before the loop runs.
        server = _Server(settings, listening, access, tls)
        with asyncio.Runner(loop_factory=_loop()) as runner:
            runner.run(server.serve(sockets=[listening]))
    if server.death is not None:
        sys.stderr.write(
            f"visavis: the {settings.engine.pipeline} pipeline ended: {server.death}\n"
        )
        return 1
    return 0


class HostedServer:
    """The server inside a program that has an event loop of its own: no signal is handled, nothing
    is printed, no logging is set up. `await run()` it; `stop()` ends it."""

    def __init__(self, settings: Settings) -> None:
        """Reads files and listens, so it blocks: make it before the event loop runs, or on a
        thread. Raises `ConfigError` as `serve` does."""
        access, settings = take_keys(settings)
        check_binding(settings, needs_key=access.needs_key)
        tls = tls_context(settings.server)
        self._listening = _listen(settings.server)
        try:
            self._server = _Server(settings, self._listening, access, tls, is_hosted=True)
        except BaseException:
            self._listening.close()
            raise
        self.port = int(self._listening.getsockname()[1])
        """Where it listens."""

    async def run(self) -> str:
        """Until `stop`, or until the pipeline dies; returns why it ended."""
        try:
            await self._server.serve(sockets=[self._listening])
        finally:
            self._listening.close()
        return self._server.death or "it was stopped"

    def stop(self) -> None:
        """Every conversation is told; `run` returns within some seconds. Event loop only."""
        self._server.should_exit = True


def _log_without_secrets() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(Seldom())
    logging.basicConfig(handlers=[handler])


def forget_secrets(environment: MutableMapping[str, str]) -> None:
    """Take the settings that are secrets out of the environment, which processes that are started
    later would inherit."""
    for path in SECRETS:
        environment.pop(ENV_PREFIX + path.replace(".", "__").upper(), None)


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

    def __init__(
        self,
        settings: Settings,
        listening: socket.socket,
        access: Access,
        tls: ssl.SSLContext | None,
        *,
        is_hosted: bool = False,
    ) -> None:
        """Imports and finds everything; nothing runs yet. One that `is_hosted` leaves the process
        alone."""
        limits = settings.limits
        proxies = settings.server.trusted_proxies
        self.death: str | None = None
        self._settings = settings
        self._listening = listening
        self._access = access
        self._is_hosted = is_hosted
        pipeline = make_pipeline(settings)
        self._pipeline = pipeline.name
        application = app(
            settings,
            pipeline,
            answerer(settings),
            page(),
            on_death=self._die,
            access=access,
            ways=ways(settings),
        )
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=STOP_S,
            http=bounded_http(
                access.connections,
                limits.request_s,
                access.count_refusal,
                None if proxies else access.refusals,
            ),
            h11_max_incomplete_event_size=limits.max_header_bytes + SPARE_BYTES,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            ssl_context_factory=None if tls is None else lambda config, default: tls,
            # A message a little too large is answered by an error, a larger one by a close frame.
            ws_max_size=settings.limits.max_message_bytes + WS_MARGIN,
            ws_ping_interval=settings.websocket.ping_s,
            ws_ping_timeout=settings.websocket.pong_s,
            ws_per_message_deflate=False,  # coded audio does not shrink, and it costs the loop
        )
        super().__init__(config)

    def _die(self, why: str) -> None:
        self.death = why
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self._is_hosted:
            _greet(self._settings, self._listening, self._access, self._pipeline)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """uvicorn's own raises the signal again afterwards, which would end in a traceback."""
        loop = asyncio.get_running_loop()
        signals = () if self._is_hosted else (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def _greet(settings: Settings, listening: socket.socket, access: Access, pipeline: str) -> None:
    """`pipeline`: its own name for itself."""
    from rich.console import Console
    from rich.panel import Panel

    name = str(listening.getsockname()[0])
    port = int(listening.getsockname()[1])
    host = "localhost" if name in ("0.0.0.0", "::") else name
    scheme = "https" if settings.server.tls_certificate else "http"
    address = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    lines = [
        f"Open [bold]{address}[/bold] in a browser and start talking.",
        f"It is {pipeline!r} that answers, to {settings.server.max_sessions} "
        + "people at once. Ctrl+C stops it.",
    ]
    if access.needs_key:
        lines.append(f"It asks for an API key, one of {len(access.keys)}.")
    lines += warnings(settings, needs_key=access.needs_key)
    if not is_loopback(name) and scheme == "http":
        lines.append(
            "From another machine, browsers give a microphone to https pages only: set "
            "server.tls_certificate, put a TLS proxy in front, or forward the port with ssh -L."
        )
    Console(highlight=False).print(Panel("\n".join(lines), title="visavis", expand=False))
    sys.stdout.flush()
