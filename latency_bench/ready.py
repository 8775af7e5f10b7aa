"""`visavis bench ready`: from the command to listening, and to the first conversation it would take.

A start before the measured ones fills the system's file cache: this is a warm start.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from .figures import Figures
from .processes import serve
from .report import figures_table, show


async def starts(pipeline: str, times: int) -> dict[str, Figures]:
    """Milliseconds of `times` starts, one after the other."""
    listening: list[float] = []
    ready: list[float] = []
    for number in range(times + 1):
        async with serve(["--pipeline", pipeline]) as server:
            if number:
                listening.append(server.listening_s * 1e3)
                ready.append(server.ready_s * 1e3)
    return {"listening": Figures.of(listening), "ready to talk": Figures.of(ready)}


def run_ready(pipeline: str, times: int, path: Path | None) -> None:
    """Measure and show."""
    found = asyncio.run(starts(pipeline, times))
    result: dict[str, object] = {
        "bench": "ready",
        "pipeline": pipeline,
        "ms": {name: each.summary() for name, each in found.items()},
    }
    show([figures_table(f"visavis serve --pipeline {pipeline}", found)], result, path)
