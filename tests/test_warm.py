"""What steps cost is measured for one slot and for all, and leaves fresh slots."""

from __future__ import annotations

from collections.abc import Sequence

from models_fakes import LevelVad, WritingStepper

from visavis.models.stepper import Samples
from visavis.models.warm import measured_costs
from visavis.runtime.clock import VirtualClock


class Slow(WritingStepper):
    """Hearing takes 1 ms and 0.5 ms for each slot."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock

    def hear(self, slots: Sequence[int], windows: Samples) -> list[bool]:
        self.clock.advance(0.001 + 0.0005 * len(slots))
        return super().hear(slots, windows)


def test_costs_are_a_line_over_the_batch() -> None:
    clock = VirtualClock()
    stepper, vad = Slow(clock), LevelVad(4)
    costs = measured_costs(stepper, vad, 4, clock)
    assert [round(costs.of("hear", size), 6) for size in (1, 2, 4)] == [0.0015, 0.002, 0.003]
    assert costs.pays("hear") and costs.of("begin", 1) == 0.0
    assert stepper.names()[-4:] == ["reset"] * 4
    assert vad.resets[-4:] == [0, 1, 2, 3]
