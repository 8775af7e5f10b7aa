"""The parts of `bench gpu` that decide: floors, the budget of time, energy counters, and memory."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from visavis.latency_bench.figures import Figures
from visavis.latency_bench.gpu import fitting_slots
from visavis.latency_bench.gpu_lines import Ceilings, Line, table
from visavis.latency_bench.gpu_plan import LeftOut, Task, carry_out
from visavis.models.performance.config import performance_config
from visavis.models.performance.model import needed_bytes
from visavis.runtime.errors import ConfigError


def test_the_floor_is_the_slower_of_moving_and_computing() -> None:
    ceilings = Ceilings(bytes_per_s=100.0, flops_per_s=1000.0)
    assert (ceilings.floor(10, 20).ms, ceilings.floor(10, 20).limit) == (100.0, "memory")
    assert ceilings.floor(10, 500).limit == "arithmetic"


def test_a_line_has_its_samples_and_its_distance_from_the_floor() -> None:
    line = Line("step", "batch 1", Figures.of([2.0, 4.0, 3.0]), Ceilings(1000.0, 1.0).floor(1, 0))
    assert line.record()["times_floor"] == 3.0
    assert "3.000" in table([line]) and "memory" in table([line])


def test_what_breaks_or_has_no_time_is_named_and_the_others_go_on() -> None:
    time = [0.0]

    def measure(seconds: float) -> Sequence[Line]:
        time[0] += seconds
        return [Line("a", "", Figures.of([1.0]))]

    def no_room(seconds: float) -> Sequence[Line]:
        raise LeftOut("out of memory")

    def broken(seconds: float) -> Sequence[Line]:
        time[0] += 100.0
        raise ZeroDivisionError("a kernel")

    tasks = [
        Task("one", 1, measure),
        Task("two", 1, no_room),
        Task("three", 1, measure),
        Task("four", 1, broken),
        Task("five", 1, measure),
    ]
    outcome = carry_out(tasks, 10.0, lambda text: None, lambda: time[0])
    assert len(outcome.lines) == 2
    assert outcome.left_out["two"] == "out of memory"
    assert "no time" in outcome.left_out["five"]
    assert "a kernel" in outcome.failed["four"]


def test_slots_are_as_many_as_fit() -> None:
    tiny = performance_config("tiny")
    assert fitting_slots(tiny, 8, 4, 1 << 40) == 8
    assert 1 <= fitting_slots(tiny, 10_000, 4, 2 * needed_bytes(tiny, 4, 4)) < 10_000
    with pytest.raises(ConfigError, match="needs .* for one slot"):
        fitting_slots(tiny, 1, 4, 1000)
