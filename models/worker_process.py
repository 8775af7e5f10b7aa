"""What the processes beside this one share (a voice, a transcriber): their environment, and how they
end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

GOODBYE_S = 1.0
"""Time a worker gets to leave by itself once its input is closed."""


def environment() -> dict[str, str]:
    """Ours, and where this very package lies, which need not be installed."""
    root = str(Path(__file__).parents[2])
    others = os.environ.get("PYTHONPATH")
    path = root + os.pathsep + others if others else root
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}


async def end(process: asyncio.subprocess.Process) -> None:
    """Close its input, which ends it; kill it where that does not."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        # Not killed at once: asyncio's kill() may take the exit status from asyncio's own watcher.
        async with asyncio.timeout(GOODBYE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
