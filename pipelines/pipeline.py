"""What can answer: one pipeline per process, loaded once in the background, serving every call."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from ..runtime.errors import EngineDied, EngineFull, VisavisError
from ..runtime.ledger import LatencyTotals
from ..runtime.protocols import Transport
from .calls import Conversation

log = logging.getLogger(__name__)


class Pipeline(Protocol):
    """Models, a voice and the rules that put a conversation on them."""

    name: str
    hints: Sequence[str]
    """Questions a person may try, in the words that work best."""
    totals: LatencyTotals
    """Latencies of every turn of this process."""

    async def load(self) -> None:
        """Load and warm up; the event loop stays free. Raises what went wrong."""
        ...

    async def ended(self) -> str:
        """Waits until the pipeline can serve no more and says why."""
        ...

    def converse(self, transport: Transport) -> Conversation:
        """A conversation on this transport. Raises `EngineFull` or `EngineDied`."""
        ...

    async def close(self) -> None:
        """Give everything back; after the last conversation has ended."""
        ...


class State(StrEnum):
    """How far a pipeline is."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


class PipelineHost:
    """Loads a pipeline while the server listens already, and knows if it can serve."""

    def __init__(self, pipeline: Pipeline, patience_s: float) -> None:
        """`patience_s`: how long a call waits for a pipeline that is still loading."""
        self.pipeline = pipeline
        self.state = State.STARTING
        self.why = "the model is being loaded"
        self._patience_s = patience_s
        self._settled = asyncio.Event()

    async def run(self) -> None:
        """Load, then watch; returns when the pipeline failed or died, with `why` set."""
        try:
            await self.pipeline.load()
        except Exception as error:  # whatever it was, the people at the door must be told
            if isinstance(error, VisavisError):  # it says all there is to say
                self._fail(str(error))
            else:
                log.exception("the pipeline could not be loaded")
                self._fail(f"{type(error).__name__}: {error}")
            return
        # What lives now lives as long as the process: the collector need not walk it again.
        gc.collect()
        gc.freeze()
        self.state, self.why = State.READY, ""
        self._settled.set()
        self._fail(await self.pipeline.ended())

    def _fail(self, why: str) -> None:
        self.state, self.why = State.FAILED, why
        self._settled.set()

    async def settled(self) -> None:
        """Waits until it is known if the pipeline can serve."""
        await self._settled.wait()

    async def ready(self) -> None:
        """Waits a while for a pipeline that is loading. Raises `EngineFull` (come again soon) when
        it takes longer, `EngineDied` when it failed."""
        try:
            async with asyncio.timeout(self._patience_s):
                await self._settled.wait()
        except TimeoutError:
            raise EngineFull(
                "the model is still being loaded: try again in a moment", retry_after_s=2.0
            ) from None
        if self.state is State.FAILED:
            raise EngineDied(f"the server can't answer any more ({self.why}): restart it")
