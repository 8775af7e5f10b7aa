"""`visavis doctor`: what this machine has, what is missing, and how to mend it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from ..runtime.errors import ConfigError, VisavisError
from ..runtime.settings import Settings
from .origins import is_loopback

PYTHON = (3, 11)
CODECS: tuple[tuple[str, str, tuple[Literal["r", "w"], ...], bool], ...] = (
    ("Opus", "libopus", ("r", "w"), True),
    ("VP8", "libvpx", ("r", "w"), True),
    ("H.264", "h264", ("r",), False),
)
"""Name, FFmpeg's name, read or write, and if a call needs it."""


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `remedy` is a command or a setting; empty when nothing need be done."""

    what: str
    verdict: Verdict
    found: str
    remedy: str = ""


def doctor(settings: Settings, *, as_json: bool) -> int:
    """Prints every finding; exit status 1 when something that a call needs is missing."""
    logging.disable()  # a part that fails here says so in its finding
    try:
        findings = list(examine(settings))
    finally:
        logging.disable(logging.NOTSET)
    if as_json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings]) + "\n")
    else:
        _show(findings)
    return 1 if any(finding.verdict is Verdict.MISSING for finding in findings) else 0


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, one after the other; a check that breaks is a finding too."""
    checks: tuple[tuple[str, Callable[[Settings], Iterator[Finding]]], ...] = (
        ("python", _python),
        ("packages", _packages),
        ("port", _port),
        ("access", _access),
        ("network", _network),
        ("codecs", _codecs),
        ("speech detection", _vad),
        ("model", _model),
        ("engine", _engine),
        ("pipeline", _pipeline),
        ("voice", _voice),
        ("GPU", _gpu),
        ("devices", _devices),
        ("browser", _browser),
    )
    for what, check in checks:
        try:
            yield from check(settings)
        except VisavisError as error:
            text, _, remedy = str(error).rpartition(": ")
            yield Finding(what, Verdict.MISSING, text or str(error), remedy if text else "")
        except Exception as error:  # noqa: BLE001 - the doctor must not fall ill with a patient
            yield Finding(what, Verdict.MISSING, f"{type(error).__name__}: {error}")


def _python(_: Settings) -> Iterator[Finding]:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= PYTHON:
        yield Finding("python", Verdict.OK, found)
    else:
        yield Finding("python", Verdict.MISSING, found, "install Python 3.11 or newer")


def _packages(_: Settings) -> Iterator[Finding]:
    try:
        wanted = [_name(line) for line in requires("visavis") or () if "extra ==" not in line]
    except PackageNotFoundError:
        yield Finding("packages", Verdict.MISSING, "not installed", "pip install --editable .")
        return
    missing: list[str] = []
    for name in wanted:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Finding(
            "packages",
            Verdict.MISSING,
            f"without {', '.join(missing)}",
            f"pip install --constraint constraints.txt {' '.join(missing)}",
        )
    else:
        yield Finding("packages", Verdict.OK, f"all {len(wanted)}, visavis {version('visavis')}")


def _name(requirement: str) -> str:
    """The package's name in a requirement line."""
    end = next(
        (i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement)
    )
    return requirement[:end]


def _port(settings: Settings) -> Iterator[Finding]:
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        yield Finding(
            "port",
            Verdict.NOTE,
            f"{host}:{port} can't be listened on ({error.strerror})",
            "is visavis running already? else: visavis serve --port 0",
        )
    else:
        yield Finding("port", Verdict.OK, f"{host}:{port} is free")


def _access(settings: Settings) -> Iterator[Finding]:
    """Who could talk if the server were started like this, and what is open."""
    from .access import take_keys
    from .access.binding import check_binding, warnings
    from .access.tls import tls_context

    has_signing_key = bool(settings.access.client_secret_key)
    unlogged = msgspec.structs.replace(settings.access, audit_log="")  # it is not made here
    access, settings = take_keys(msgspec.structs.replace(settings, access=unlogged))
    needs_key = access.needs_key
    try:
        check_binding(settings, needs_key=needs_key)
    except ConfigError as error:
        found, _, remedy = str(error).partition(": ")
        yield Finding("access", Verdict.MISSING, found, remedy)
        return
    tls = tls_context(settings.server)
    who = f"{len(access.keys)} API keys" if needs_key else "anyone who can reach it, without a key"
    how = "TLS 1.2 or newer" if tls is not None else "no TLS of its own"
    yield Finding("access", Verdict.OK, f"{settings.server.host}: {who}; {how}")
    for warning in warnings(settings, needs_key=needs_key):
        found, _, remedy = warning.partition(": ")
        yield Finding("open", Verdict.NOTE, found, remedy)
    if needs_key and not has_signing_key:
        yield Finding(
            "client secrets",
            Verdict.NOTE,
            "signed with a key made at every start: they end with the process",
            "access.client_secret_key, the same for every process of one service",
        )
    path = Path(settings.access.api_keys_file)
    if settings.access.api_keys_file and path.stat().st_mode & 0o077:
        yield Finding(
            "key file", Verdict.NOTE, f"{path} can be read by others", f"chmod 600 {path}"
        )
    if settings.webrtc.turn_credential and settings.webrtc.turn_urls:
        yield Finding(
            "TURN",
            Verdict.NOTE,
            "every page is given the same TURN password, which never ends",
            "webrtc.turn_secret mints credentials for each session",
        )


def _network(settings: Settings) -> Iterator[Finding]:
    """Media comes over UDP; which addresses a browser will be offered."""
    import ifaddr

    addresses = [
        str(ip.ip)
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if ip.is_IPv4 and not is_loopback(str(ip.ip))
    ]
    relays = "with TURN" if settings.webrtc.turn_urls else "no TURN server"
    if addresses:
        yield Finding("network", Verdict.OK, f"{', '.join(addresses)}; {relays}")
    else:
        yield Finding(
            "network",
            Verdict.NOTE,
            "only loopback addresses",
            "fine for a browser on this machine; else connect a network",
        )


def _codecs(_: Settings) -> Iterator[Finding]:
    import av

    for name, codec, modes, is_needed in CODECS:
        lacking = [mode for mode in modes if not _has_codec(codec, mode)]
        if not lacking:
            yield Finding(name, Verdict.OK, f"PyAV {av.__version__}")
        else:
            yield Finding(
                name,
                Verdict.MISSING if is_needed else Verdict.NOTE,
                f"PyAV {av.__version__} lacks {codec} ({', '.join(lacking)})",
                "pip install --force-reinstall av",
            )


def _has_codec(codec: str, mode: Literal["r", "w"]) -> bool:
    import av

    try:
        av.Codec(codec, mode)
    except ValueError:
        return False
    return True


def _vad(_: Settings) -> Iterator[Finding]:
    import numpy as np

    from ..models.vad import SileroVad
    from ..runtime.frames import WINDOW

    probability = SileroVad(1).judge([0], np.zeros((1, WINDOW), np.float32))
    yield Finding("speech detection", Verdict.OK, f"Silero; silence is {probability[0]:.3f} speech")


def _model(settings: Settings) -> Iterator[Finding]:
    from .catalogue import SHOWN_DIGITS, model_rows

    for row in model_rows(settings):
        if row.name == "silero-vad":
            continue
        if row.problem:
            yield Finding(f"model {row.name}", Verdict.MISSING, row.problem)
        else:
            sha = row.sha256[:SHOWN_DIGITS]
            found = f"{row.parameters / 1e6:.2f} M parameters, sha-256 {sha}"
            yield Finding(f"model {row.name}", Verdict.OK, found)


def _pipeline(settings: Settings) -> Iterator[Finding]:
    """A model that only seems to answer is told."""
    from .performance import LABEL, NAME

    if settings.engine.pipeline == NAME:
        yield Finding(
            "pipeline",
            Verdict.NOTE,
            f"{NAME} is a {LABEL}: it answers random words",
            "--set engine.pipeline=fused for a model that answers",
        )


def _engine(settings: Settings) -> Iterator[Finding]:
    """What the engine's thread would choose for itself here."""
    from ..models import tuning
    from ..models.thread_priority import Priority
    from .fused import stepper

    engine, chosen = settings.engine, dict[str, str]()

    wishes = tuning.Wishes(Priority(engine.priority), engine.switch_interval_ms)

    def choose() -> None:
        chosen.update(tuning.settle(wishes))
        if engine.pipeline == "fused":
            chosen.update(stepper(msgspec.structs.replace(engine, slots=1)).chosen)

    before = sys.getswitchinterval()
    try:
        with ThreadPoolExecutor(1, "engine") as thread:  # the priority is of that thread alone
            thread.submit(choose).result()
    finally:
        sys.setswitchinterval(before)
    found = "; ".join(f"{what}: {how}" for what, how in chosen.items())
    if chosen["priority"] == engine.priority:
        yield Finding("engine", Verdict.OK, found)
    else:
        yield Finding(
            "engine",
            Verdict.NOTE,
            f"{found} (not {engine.priority}: the system does not allow it)",
            "see docs/engine.md, or --set engine.priority=normal",
        )


def _voice(settings: Settings) -> Iterator[Finding]:
    from ..runtime.clock import MonotonicClock
    from .voices import voice

    async def speak() -> None:
        speaker = voice(settings.voice, MonotonicClock())
        try:
            await speaker.ready()
        finally:
            await speaker.stop()

    asyncio.run(speak())
    yield Finding("voice", Verdict.OK, f"{settings.voice.engine}, {settings.voice.name}")


def _gpu(_: Settings) -> Iterator[Finding]:
    """None is needed. NVIDIA's driver shows itself as a device; no framework is loaded to ask."""
    if not Path("/dev/nvidiactl").exists():
        yield Finding("GPU", Verdict.NOTE, "none; the shipped model runs on the CPU")
        return
    import onnxruntime

    library = cast(Any, onnxruntime)  # untyped library
    providers: list[str] = library.get_available_providers()
    if "CUDAExecutionProvider" in providers:
        yield Finding("GPU", Verdict.OK, "NVIDIA, usable by ONNX Runtime")
    else:
        yield Finding(
            "GPU",
            Verdict.NOTE,
            "NVIDIA, but ONNX Runtime is the CPU build; the shipped model does not need it",
            "pip uninstall onnxruntime && pip install 'visavis[gpu]'",
        )


def _devices(_: Settings) -> Iterator[Finding]:
    """The browser's machine needs them; on a laptop that is this one."""
    cameras = sorted(str(path) for path in Path("/dev").glob("video*"))
    cards = Path("/proc/asound/cards")
    sound = cards.read_text() if cards.exists() else ""
    has_sound = bool(sound.strip()) and "no soundcards" not in sound
    found = f"cameras: {', '.join(cameras) or 'none'}; sound: {'yes' if has_sound else 'none'}"
    if cameras and has_sound:
        yield Finding("devices", Verdict.OK, found)
    else:
        yield Finding(
            "devices", Verdict.NOTE, found, "only the machine that the browser runs on needs them"
        )


def _browser(settings: Settings) -> Iterator[Finding]:
    if is_loopback(settings.server.host):
        yield Finding("browser", Verdict.OK, "localhost may use microphone and camera")
    else:
        yield Finding(
            "browser",
            Verdict.NOTE,
            "browsers give microphone and camera to https pages and localhost only",
            "a TLS proxy in front of the server, or ssh -L",
        )
    if find_spec("playwright") is None:
        yield Finding("tests", Verdict.NOTE, "without playwright", "pip install 'visavis[dev]'")


def _show(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table

    marks = {
        Verdict.OK: "[green]ok[/green]",
        Verdict.NOTE: "[yellow]note[/yellow]",
        Verdict.MISSING: "[red]missing[/red]",
    }
    table = Table("", "", "found", "remedy", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.what, marks[finding.verdict], finding.found, finding.remedy)
    console = Console(highlight=False)
    console.print(table)
    if any(finding.verdict is Verdict.MISSING for finding in findings):
        console.print("\nSomething that a call needs is missing.")
    else:
        console.print("\nEverything that a call needs is here: visavis serve")
