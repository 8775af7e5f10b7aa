"""What steps cost is measured for one slot and for all, and leaves fresh slots."""

from __future__ import annotations

from collections.abc import Sequence

from models_fakes import LevelVad, WritingStepper

from visavis.models.stepper import Pictures, Samples
from visavis.models.warm import measured_costs
from visavis.runtime.clock import VirtualClock
from visavis.runtime.events import Head


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


class Piecewise(WritingStepper):
    """Laying a picture takes 3 ms and 1 ms, filling it 2 ms and 1 ms; an answer's words are drafted
    in 4 ms and verified in 5."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.left = [0] * 4
        self.lacking = [0] * 4
        self.is_drafted = True

    def look(self, slots: Sequence[int], pictures: Pictures) -> list[bool]:
        for slot in slots:
            self.left[slot] = self.lacking[slot] = 2
        return super().look(slots, pictures)

    def owed(self, slot: int) -> int:
        return self.left[slot]

    def lay(self, slots: Sequence[int]) -> list[int]:
        self.clock.advance(0.003 if self.left[slots[0]] == 2 else 0.001)
        for slot in slots:
            self.left[slot] -= 1
        return [self.left[slot] for slot in slots]

    def unfilled(self, slot: int) -> int:
        return self.lacking[slot]

    def fill(self, slots: Sequence[int]) -> list[int]:
        self.clock.advance(0.002 if self.lacking[slots[0]] == 2 else 0.001)
        for slot in slots:
            self.lacking[slot] -= 1
        return [self.lacking[slot] for slot in slots]

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        self.is_drafted = False
        self.clock.advance(0.006)
        return super().begin(slots, texts)

    def wants_draft(self, slot: int) -> bool:
        return not self.is_drafted

    def draft(self, slots: Sequence[int]) -> list[bool]:
        self.clock.advance(0.004)
        self.is_drafted = True
        return [True] * len(slots)

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        self.clock.advance(0.005 if self.is_drafted else 0.001)
        return super().next(slots)


def test_of_steps_that_come_in_pieces_the_longest_counts() -> None:
    clock = VirtualClock()
    costs = measured_costs(Piecewise(clock), LevelVad(4), 1, clock)
    found = {step: round(costs.of(step, 1), 6) for step in ("lay", "fill", "draft", "next")}
    assert found == {"lay": 0.003, "fill": 0.002, "draft": 0.004, "next": 0.005}
    assert round(costs.of("begin", 1), 6) == 0.007, "with the first word, which nobody drafts"
