"""What each kind of step costs, measured once before the first conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..runtime.clock import Clock
from ..runtime.frames import WINDOW
from .scheduler import Costs
from .stepper import Drafts, Fills, Lays, Stepper
from .vad import Vad

TIMES = 3
"""The shortest of so many counts: a machine that starts up has other things to do."""
LARGEST = 64
"""Slots of the largest batch that is measured."""

HEARD = 16
"""Windows after which there is something to lay, in any model that lays."""


def measured_costs(stepper: Stepper, vad: Vad, slots: int, clock: Clock) -> Costs:
    """Every kind of step for one slot and for all of them; the slots are fresh afterwards."""
    costs = Costs()
    largest = min(slots, LARGEST)
    alone = _seconds(stepper, vad, 1, clock)
    together = _seconds(stepper, vad, largest, clock) if largest > 1 else alone
    for step, seconds in alone.items():
        costs.measured(step, seconds, largest, together[step])
    return costs


def _seconds(stepper: Stepper, vad: Vad, size: int, clock: Clock) -> dict[str, float]:
    """The shortest time of each kind of step for slots 0 … size - 1."""
    slots = list(range(size))
    windows = np.zeros((size, WINDOW), np.float32)
    width, height = stepper.picture_size
    pictures = np.zeros((size, height, width, 3), np.uint8)
    found: dict[str, float] = {}

    def measure(step: str, act: Callable[[], object]) -> None:
        began = clock.now()
        act()
        found[step] = min(clock.now() - began, found.get(step, float("inf")))

    def longest(
        step: str, act: Callable[[Sequence[int]], object], left: Callable[[int], int]
    ) -> None:
        """Of the steps of this kind that it takes until nothing is left."""
        most = 0.0
        while any(left(slot) for slot in slots):
            began = clock.now()
            act(slots)
            most = max(most, clock.now() - began)
        found[step] = min(most, found.get(step, float("inf")))

    for _ in range(TIMES):
        for slot in slots:
            stepper.reset(slot)
            stepper.open_utterance(slot)
        measure("judge", lambda: vad.judge(slots, windows))
        measure("hear", lambda: stepper.hear(slots, windows))
        measure("look", lambda: stepper.look(slots, pictures))
        if isinstance(stepper, Lays):
            for _ in range(HEARD):  # some lay nothing before a few windows are there
                if any(stepper.owed(slot) for slot in slots):
                    break
                stepper.hear(slots, windows)
            longest("lay", stepper.lay, stepper.owed)
        if isinstance(stepper, Fills):
            longest("fill", stepper.fill, stepper.unfilled)
        measure("begin", lambda: stepper.begin(slots, [None] * size))
        measure("next", lambda: stepper.next(slots))
        if isinstance(stepper, Drafts):
            measure("draft", lambda: stepper.draft(slots))
            measure("verify", lambda: stepper.next(slots))
        # What an answer's first token takes is both.
    for slot in slots:
        stepper.reset(slot)
        vad.reset(slot)
    found["begin"] += found["next"]
    found["next"] = found.pop("verify", found["next"])
    return found
