"""How long a process computed, and how long it was ready to and had no core: from the kernel's scheduler.

Computing time is the same on a busy machine as on an idle one (nearly: caches are shared), which
elapsed time is not. Linux only; elsewhere everything is zero and `is_known` says so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Milliseconds since the process began, of all its threads."""

    computed_ms: float = 0.0
    waited_ms: float = 0.0
    """Ready to compute while others had the cores."""

    @classmethod
    def of(cls, pid: int) -> Self:
        """Zero for a process that is gone. Threads that have ended are not in it."""
        computed = waited = 0.0
        try:
            threads = list((_PROC / str(pid) / "task").iterdir())
        except OSError:
            return cls()
        for thread in threads:
            found = _read(thread / "schedstat")
            computed += found[0]
            waited += found[1]
        return cls(computed, waited)

    def __sub__(self, before: CpuTime) -> CpuTime:
        return CpuTime(self.computed_ms - before.computed_ms, self.waited_ms - before.waited_ms)


class FirstThread:
    """The thread a process began with: in a server the one of the event loop. Kept open, so that it
    can be asked before and after every question, on an event loop too: no disk is involved."""

    def __init__(self, pid: int) -> None:
        self._file: int | None = None
        try:
            self._file = os.open(_PROC / str(pid) / "schedstat", os.O_RDONLY)
        except OSError:
            return

    def time(self) -> CpuTime:
        """Zero where it can't be known."""
        if self._file is None:
            return CpuTime()
        try:
            return CpuTime(*_milliseconds(os.pread(self._file, 100, 0)))
        except OSError:  # it has ended
            return CpuTime()

    def close(self) -> None:
        """Idempotent."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def is_known() -> bool:
    """Whether this system tells."""
    return (_PROC / "self" / "schedstat").exists()


def _read(path: Path) -> tuple[float, float]:
    """Milliseconds computed and waited."""
    try:
        return _milliseconds(path.read_bytes())
    except OSError:
        return 0.0, 0.0


def _milliseconds(statistics: bytes) -> tuple[float, float]:
    """Of nanoseconds computed, nanoseconds waited and how often it ran."""
    computed, waited, _ = statistics.split()
    return int(computed) / 1e6, int(waited) / 1e6
