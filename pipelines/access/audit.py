"""The audit log: who did what, when, and what came of it. One JSON object per line.

No secrets and nobody's words: every field is a code, a count, an id of ours or an address. Lines are
written by a thread of its own; the event loop never waits for a disk.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from ...runtime.errors import ConfigError

log = logging.getLogger(__name__)

WAITING = 10_000
"""Lines that may wait for the disk; more are dropped and counted."""

Value = str | int | float | None


class Audit:
    """Writes to `path`, or nowhere when it is None."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        has_addresses: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Opens the file once, so that a path that can't be written is told at start (`ConfigError`)."""
        self.dropped = 0
        self.failed = 0
        """Lines that could not be written: the disk is full, the folder gone."""
        self._path = path
        self._has_addresses = has_addresses
        self._now = now
        self._lines: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        if path is not None:
            try:
                _open(path).close()
            except OSError as error:
                raise ConfigError(
                    f"access.audit_log {path} can't be written ({error.strerror}): choose another "
                    "file, or mend its permissions"
                ) from error
            self._thread = threading.Thread(target=self._write, name="audit log", daemon=True)
            self._thread.start()

    def note(
        self, what: str, who: str, address: str | None, *, result: str = "ok", **facts: Value
    ) -> None:
        """`what` happened: admit, refuse, mint, begin or end. `facts` are codes, ids and counts."""
        if self._thread is None:
            return
        line: dict[str, Value] = {
            "at": self._now().isoformat(timespec="milliseconds"),
            "who": who,
            "address": address if self._has_addresses else network(address),
            "what": what,
            "result": result,
            **{name: value for name, value in facts.items() if value is not None},
        }
        try:
            self._lines.put_nowait(msgspec.json.encode(line) + b"\n")
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, then end. Blocks; idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._lines.put(None)
            thread.join()

    def _write(self) -> None:
        assert self._path is not None
        while (line := self._lines.get()) is not None:
            batch, is_over = [line], False
            while len(batch) < 1000 and not self._lines.empty():
                more = self._lines.get()
                if more is None:
                    is_over = True
                    break
                batch.append(more)
            try:
                with _open(self._path) as file:  # anew each time: the file may have been rotated
                    file.write(b"".join(batch))
            except OSError as error:
                if not self.failed:
                    log.error("the audit log can't be written", extra={"error": error.strerror})
                self.failed += len(batch)
            if is_over:
                return


def network(address: str | None) -> str | None:
    """The network of an address: /24 of IPv4, /48 of IPv6. None for what is no address."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False))


def _open(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
