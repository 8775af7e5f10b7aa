"""A pipeline's life as the server sees it: loading, ready, failed."""

from __future__ import annotations

import asyncio

import pytest
from server_fakes import FakePipeline

from visavis.pipelines.pipeline import PipelineHost, State
from visavis.runtime.clock import run_virtual
from visavis.runtime.errors import EngineDied, EngineFull


def test_a_call_waits_for_the_model_only_so_long() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        host = PipelineHost(FakePipeline(never), patience_s=5.0)
        loading = asyncio.create_task(host.run())
        with pytest.raises(EngineFull) as refused:
            await host.ready()
        assert asyncio.get_running_loop().time() == 5.0
        assert refused.value.retry_after_s > 0
        loading.cancel()

    run_virtual(main())


def test_ready_then_dead() -> None:
    async def main() -> None:
        pipeline = FakePipeline()
        host = PipelineHost(pipeline, patience_s=5.0)
        running = asyncio.create_task(host.run())
        await host.ready()
        assert host.state is State.READY
        await asyncio.sleep(0)
        assert pipeline.death is not None
        pipeline.death.set_result("the device is gone")
        await running
        assert (host.state, host.why) == (State.FAILED, "the device is gone")
        with pytest.raises(EngineDied, match="the device is gone"):
            await host.ready()

    run_virtual(main())
