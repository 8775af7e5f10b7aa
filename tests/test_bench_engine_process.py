"""The engine's place, measured: people who talk and are answered, and what several processes add up to."""

from __future__ import annotations

import numpy as np
import pytest
from engine_process_fakes import apart, opened
from models_fakes import WritingStepper
from test_engine import go

from visavis.latency_bench.engine_process import QUANTITIES, Run, summed, verdicts
from visavis.latency_bench.figures import Figures
from visavis.latency_bench.media_process import BIT_RATE, Ask, Measured, measure
from visavis.latency_bench.pictures import Scene
from visavis.transports.media_threads import media_threads
from visavis.transports.opus import new_encoder


def test_people_are_heard_and_answered_through_the_rings_and_then_as_fast_as_it_goes() -> None:
    encoder = new_encoder(BIT_RATE)
    tone = (np.sin(np.arange(960) * 0.2) * 20_000).astype(np.int16)
    question = [encoder.encode(tone) for _ in range(40)]

    async def test() -> None:
        async with apart(WritingStepper()) as engine:
            scenes = [[Scene(()).picture(0)]]
            told = await measure(engine, Ask(2, 0.6), [question], scenes, seed=1)
            flooded = await measure(engine, Ask(2, 0.2, is_flood=True), [question], scenes, seed=1)
            for _ in range(2):  # every place was given back
                await opened(engine, print)
        assert set(told.ms) == set(QUANTITIES)
        assert all(told.ms.values())
        # Two people: 40 packets of a question and 50 of silence, in windows of 1.6 packets.
        assert len(told.ms["to engine"]) == 2 * (90 * 320 // 512)
        assert len(told.ms["first word"]) >= 2
        assert told.windows == len(told.ms["to engine"]) and told.seconds >= 0.6
        assert flooded.windows > 0 and flooded.seconds >= 0.2
        assert (told.dropped, told.failures, flooded.failures) == (0, 0, 0)

    go(test)
    lanes = media_threads()._lanes  # pyright: ignore[reportPrivateUsage] - nothing else tells it
    assert lanes == 0


def measured(ms: float, windows: int, dropped: int = 0) -> Measured:
    return Measured({name: [ms, 2 * ms] for name in QUANTITIES}, windows, 2.0, 0.5, dropped, 1, 0)


def test_what_two_processes_measured_adds_up() -> None:
    talked = [measured(1.0, 7), measured(3.0, 7, dropped=4)]
    run = summed("own, 2 media", 8, talked, [measured(0.0, 100), measured(0.0, 50)], 0.5)
    assert run.figures["fusion"].values == (1.0, 2.0, 3.0, 6.0)
    assert run.windows_per_s == 75.0
    assert (run.media_cpu, run.engine_cpu) == (0.5, 0.5)
    assert (run.dropped, run.climbs) == (4, 1)  # the engine's own count, which both were told


@pytest.mark.parametrize(("mine", "first"), [(1.0, "own"), (3.0, "inside")])
def test_the_verdict_names_who_is_first(mine: float, first: str) -> None:
    def run(place: str, ms: float, windows: float) -> Run:
        figures = {name: Figures.of([ms]) for name in QUANTITIES}
        return Run(place, 4, figures, windows, 0.0, 0.0, 0, 0, 0)

    (told,) = verdicts([run("inside", 2.0, 10.0), run("own", mine, 5.0)]).items()
    assert told[0] == "4 conversations"
    assert told[1] == (
        f"first word by p99: {first}; media timer by p99: {first}; most speech heard: inside"
    )
