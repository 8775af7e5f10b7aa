"""/metrics as a whole: the pipeline's latencies beside its engine's counts, where it has any."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from server_fakes import FakePipeline

from visavis.models.orders import EngineMetrics
from visavis.pipelines.calls import Answer, Calls, Conversation
from visavis.pipelines.loop_lag import LoopLag
from visavis.pipelines.metrics import prometheus
from visavis.pipelines.pipeline import Pipeline
from visavis.pipelines.taps import Tapped


class Counting(FakePipeline):
    """With an engine that counts."""

    engine_metrics: EngineMetrics | None = EngineMetrics(slots=4, taken=1, rung=3)


def told(pipeline: Pipeline) -> Mapping[str, str]:
    async def answer(sdp: str) -> tuple[str, object]:
        raise AssertionError("nobody calls")

    def converse(tap: Tapped) -> Conversation:
        raise AssertionError("nobody calls")

    async def main() -> str:
        async with asyncio.TaskGroup() as tasks:
            nobody: Answer = answer  # type: ignore[assignment]
            return prometheus(Calls(nobody, converse, 3, tasks), LoopLag().report(), pipeline)

    lines = asyncio.run(main()).splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_the_engine_is_told_beside_the_latencies() -> None:
    pipeline = Counting()
    pipeline.totals.add({"fusion": 2.0})
    pipeline.totals.count("camera_same", 5)
    values = told(pipeline)
    assert values["visavis_load_step"] == "3"
    assert values["visavis_slots_taken"] == "1"
    assert values['visavis_latency_ms_count{stage="fusion"}'] == "1"
    assert values['visavis_count_total{what="camera_same"}'] == "5"
    assert values["visavis_sessions_limit"] == "3"


def test_a_pipeline_whose_engine_counts_nothing_has_the_rest() -> None:
    class Silent(Counting):
        engine_metrics = None

    for pipeline in (Silent(), FakePipeline()):
        values = told(pipeline)
        assert "visavis_load_step" not in values and "visavis_sessions" in values
