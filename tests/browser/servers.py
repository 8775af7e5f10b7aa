"""Servers for the page: the real one in a process of its own, and one that only refuses."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from visavis.web_demo import HEADERS, STATIC

START_LIMIT_S = 60.0


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(
    pipeline: str = "echo", *, port: int | None = None, settings: Sequence[str] = ()
) -> Generator[str]:
    """`visavis serve` until the end of the block; yields the page's address once it can answer.

    `settings`: "path=value" each. The process takes this one's environment.
    """
    port = port or free_port()
    overrides = [word for setting in settings for word in ("--set", setting)]
    start = "import sys; from visavis.pipelines.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "serve", "--pipeline", pipeline, "--port", str(port)]
    process = subprocess.Popen(
        [*command, *overrides], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        _wait_until_ready(address, process)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}health", timeout=2):
                return
        except OSError:  # not listening yet, or 503: still loading
            time.sleep(0.1)
    raise AssertionError(f"the server at {address} did not start; exit status {process.poll()}")


class _Refusing(SimpleHTTPRequestHandler):
    """The page, and one answer to whoever calls."""

    def __init__(
        self,
        *args: object,
        answer: tuple[int, Mapping[str, object], Mapping[str, str]],
        sessions: int,
    ) -> None:
        self._answer = answer
        self._sessions = sessions
        super().__init__(*args, directory=str(STATIC))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send(200, {"status": "ready", "sessions": self._sessions, "max_sessions": 2}, {})
        elif self.path == "/config.json":
            hints = ["What colour is this?"]
            self._send(200, {"ice_servers": [], "hints": hints, "max_sessions": 2}, {})
        else:
            super().do_GET()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._send(*self._answer)

    def _send(self, status: int, body: Mapping[str, object], headers: Mapping[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def refusing(
    status: int,
    message: str,
    *,
    code: str = "server_full",
    headers: Mapping[str, str] | None = None,
    sessions: int = 0,
) -> Generator[str]:
    """A server that shows the page and answers each call with this error; yields its address."""
    error = {"message": message, "type": "server_error", "code": code, "param": None}
    handler = partial(
        _Refusing, answer=(status, {"error": error}, headers or {}), sessions=sessions
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="refusing server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
