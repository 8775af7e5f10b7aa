"""The processes of a measurement: a server of its own, and one per person. Each ends with its block."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import time
import urllib.error
import urllib.request
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..runtime.errors import VisavisError

START_S = 60.0
STOP_S = 10.0
HTTP_S = 5.0
_ADDRESS = re.compile(r"http://[^\s\x1b]+")
_SERVE = "from visavis.pipelines.cli import main; raise SystemExit(main())"


class BenchFailed(VisavisError):
    """There is no measurement: a process did not do what it was started for."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready to talk. `pid` is None for one that was not started here."""

    url: str
    pid: int | None = None
    listening_s: float = 0.0
    """From the command to an address that answers."""
    ready_s: float = 0.0
    """From the command to a first conversation that would be taken without waiting."""


@contextlib.asynccontextmanager
async def serve(arguments: Sequence[str]) -> AsyncGenerator[Server]:
    """`visavis serve` on a free port. Raises `BenchFailed` with its last words when it ends."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVE, "serve", "--port", "0", *arguments,
        stdout=PIPE, stderr=PIPE, env=environment(),
    )  # fmt: skip
    words: deque[str] = deque(maxlen=20)
    readers: list[asyncio.Task[None]] = []
    try:
        async with asyncio.timeout(START_S):
            url = await _address(process, words)
            readers = [
                asyncio.create_task(_drain(stream, words), name="server's words")
                for stream in (process.stdout, process.stderr)
                if stream is not None
            ]
            listening_s = await _until_status(url, range(600), began)
            ready_s = await _until_status(url, range(200, 201), began)
        yield Server(url, process.pid, listening_s, ready_s)
        if process.returncode is not None:
            raise BenchFailed(f"the server ended meanwhile: {' '.join(words)}")
    except TimeoutError as error:
        raise BenchFailed(
            f"the server was not ready within {START_S:g} s: {' '.join(words)}"
        ) from error
    finally:
        await end(process)
        for reader in readers:
            reader.cancel()


async def _address(process: Process, words: deque[str]) -> str:
    assert process.stdout is not None and process.stderr is not None
    while line := (await process.stdout.readline()).decode():
        words.append(line.strip())
        if (found := _ADDRESS.search(line)) is not None:
            return found.group()
    words.append((await process.stderr.read()).decode()[-2000:])
    raise BenchFailed(f"the server did not start: {' '.join(words).strip()}")


async def _drain(stream: asyncio.StreamReader, words: deque[str]) -> None:
    while line := await stream.readline():
        words.append(line.decode(errors="replace").strip())


async def _until_status(url: str, wanted: range, began: float) -> float:
    """Seconds from `began` until `/health` answers with such a status."""
    while True:
        status = await asyncio.to_thread(_status, f"{url}/health")
        if status in wanted:
            return time.monotonic() - began
        await asyncio.sleep(0.01)


def _status(url: str) -> int:
    """HTTP status; 999 while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=HTTP_S) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 999


async def metrics(url: str) -> dict[str, float]:
    """The server's own figures by their names with labels, as Prometheus would read them."""
    return parse_metrics(await asyncio.to_thread(_get, f"{url.rstrip('/')}/metrics"))


def _get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=HTTP_S) as response:
            body: bytes = response.read()
            return body.decode()
    except OSError as error:
        raise BenchFailed(f"{url} can't be read ({error}): is it a visavis server?") from error


def parse_metrics(text: str) -> dict[str, float]:
    """`name{labels}` → value."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if name and not line.startswith("#"):
            with contextlib.suppress(ValueError):
                found[name] = float(value)
    return found


@contextlib.asynccontextmanager
async def person(plan: msgspec.Struct) -> AsyncGenerator[Process]:
    """A person's process with its plan handed over."""
    async with spawn("visavis.latency_bench.person", plan) as process:
        yield process


@contextlib.asynccontextmanager
async def spawn(module: str, plan: msgspec.Struct) -> AsyncGenerator[Process]:
    """A module of ours as a process, with its plan handed over; ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module,
        stdin=PIPE, stdout=PIPE, env=environment(), limit=1 << 24,
    )  # fmt: skip
    assert process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(plan) + b"\n")
        yield process
    finally:
        await end(process)


async def end(process: Process) -> None:
    """Ask it to end, then make it."""
    if process.stdin is not None:
        process.stdin.close()
    elif process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def environment() -> Mapping[str, str]:
    """Ours, and where this very package lies, which need not be installed."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "100"}


def cpu_seconds(pid: int | None) -> float | None:
    """User and system time of a process so far, where /proc tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
