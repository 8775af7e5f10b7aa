"""When, of what and on what a measurement was made. Needs the standard library only."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def circumstances() -> dict[str, object]:
    """When, of what and on what this was measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "memory_gib": round(_memory_gib(), 1),
            "load": [round(load, 2) for load in os.getloadavg()],
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
        },
    }


def _commit() -> str:
    """The checkout's commit, with a + where files differ from it; the version without a checkout."""
    here = Path(__file__).resolve().parent
    try:
        described = subprocess.run(
            ("git", "describe", "--always", "--dirty=+", "--abbrev=12"),
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("visavis")
        except PackageNotFoundError:
            return "unknown: neither a checkout nor installed"
    return described.stdout.strip()


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
