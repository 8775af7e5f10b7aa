"""The performance pipeline is chosen by a setting, and says everywhere that its words are random."""

from __future__ import annotations

import asyncio

import pytest
from models_fakes import LevelVad, windows

from visavis.models.engine import ThreadedEngine
from visavis.models.stepper import Counts, CountsContext, HasSpan, Lays
from visavis.models.warm import measured_costs
from visavis.pipelines import engine_place, performance
from visavis.pipelines.assembly import make_pipeline
from visavis.pipelines.engine_pipeline import EnginePipeline
from visavis.runtime.clock import MonotonicClock
from visavis.runtime.errors import ConfigError
from visavis.runtime.events import AnswerCounted, Event, HeadReady, TokensReady
from visavis.runtime.protocols import Delivery
from visavis.runtime.settings import EngineSettings, Settings, load

SETTINGS = Settings(
    engine=EngineSettings(
        pipeline="performance",
        performance_model="tiny",
        performance_device="cpu",
        slots=2,
        threads=1,
    )
)


def test_its_name_and_hints_say_what_it_is() -> None:
    pipeline = make_pipeline(SETTINGS)
    assert "random weights" in pipeline.name
    assert all("random" in hint for hint in pipeline.hints)
    assert isinstance(pipeline, EnginePipeline) and pipeline.engine_metrics is None


def test_a_model_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="performance_model"):
        load(overrides=["engine.performance_model=2b"])


def test_its_stepper_has_every_optional_protocol() -> None:
    made = performance.stepper(SETTINGS.engine)
    for protocol in (Lays, Counts, CountsContext, HasSpan):
        assert isinstance(made, protocol)
    assert made.slots == 2 and made.span == 384


def test_another_process_can_be_told_to_load_it() -> None:
    make_stepper, _ = engine_place.parts("performance", SETTINGS.engine)
    assert make_stepper().slots == 2


def test_audio_is_laid_in_pieces_and_an_answer_says_what_it_took() -> None:
    got: list[Event] = []

    async def talk() -> ThreadedEngine:
        done = asyncio.Event()

        def deliver(some: list[Delivery]) -> None:
            got.extend(one.event for one in some)
            if any(isinstance(one.event, AnswerCounted) for one in some):
                done.set()

        engine = ThreadedEngine(
            lambda: performance.stepper(SETTINGS.engine), LevelVad, 2, asyncio.get_running_loop()
        )
        await engine.ready()
        slot = engine.open(deliver)
        engine.hear(slot, windows(0, [0.9] * 20 + [0.0] * 3))
        await asyncio.sleep(0)
        engine.start(slot, 1, None, None)
        engine.commit(slot, 1)
        await asyncio.wait_for(done.wait(), 60)
        assert engine.metrics.taken == 1 and engine.metrics.slots == 2
        await engine.stop()
        return engine

    engine = asyncio.run(talk())
    (head,) = [event for event in got if isinstance(event, HeadReady)]
    (counted,) = [event for event in got if isinstance(event, AnswerCounted)]
    words = sum(isinstance(event, TokensReady) and event.text != "" for event in got)
    counts = counted.counts
    assert counts["words"] == words
    assert head.taken is not None
    assert counts["cached_positions"] + counts["added_positions"] == head.taken.total
    assert counts["heard_windows"] == 23 and counts["compute_us"] > 0
    assert counts["layer_passes"] == counts["full_layer_passes"] == 4 * words
    assert engine.metrics.span == 384 and engine.metrics.positions


def test_what_laying_costs_is_measured() -> None:
    made = performance.stepper(SETTINGS.engine)
    made.warm_up()
    costs = measured_costs(made, LevelVad(2), 2, MonotonicClock())
    assert costs.of("lay", 1) > 0 and costs.of("hear", 1) > 0
    assert made.owed(0) == 0


def test_early_exit_takes_fewer_passes_of_the_deep_layers() -> None:
    made = performance.stepper(
        EngineSettings(
            performance_model="tiny", performance_device="cpu", performance_early_exit=True, slots=1
        )
    )
    made.warm_up()
    made.reset(0)
    made.open_utterance(0)
    made.begin([0], ["hello there"])
    while not made.next([0])[0][1]:
        pass
    counts = made.counts(0)
    assert counts["drafted_words"] >= counts["accepted_words"] > 0
    assert counts["deep_passes"] <= counts["words"] + 1
    made.retract(0)
    assert made.counts(0) == counts
    assert made.taken(0).total == 0
