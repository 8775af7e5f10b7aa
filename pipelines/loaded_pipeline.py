"""A pipeline outside of any server: loaded, watched, and given back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from .pipeline import Pipeline

R = TypeVar("R")


class LoadedPipeline:
    """A loaded pipeline, and whether it still lives."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.why: str | None = None
        """Why it can answer no more; None while it can."""
        self._watcher: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Raises what went wrong, with everything given back."""
        try:
            await self.pipeline.load()
        except BaseException:
            await self.pipeline.close()
            raise
        self._watcher = asyncio.get_running_loop().create_task(self._watch(), name="pipeline")

    async def _watch(self) -> None:
        self.why = await self.pipeline.ended()

    async def close(self) -> None:
        """After its last conversation."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        await self.pipeline.close()


async def on_a_thread(work: Callable[[], R]) -> R:
    """Importing and reading files would be heard by whoever else talks on this loop."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def settle(result: R | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whatever it was, who waits must hear of it
            loop.call_soon_threadsafe(settle, None, error)
        else:
            loop.call_soon_threadsafe(settle, result, None)

    threading.Thread(target=run, name="agent is made", daemon=True).start()
    return await done
