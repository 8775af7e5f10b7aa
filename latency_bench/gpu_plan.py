"""A budget of time, shared out over measurements: what there is no time for is left out by name,
and one that breaks does not take the others with it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .figures import Figures
from .gpu_lines import Line

LEAST = 3
"""Samples below which a measurement says nothing."""
MOST = 2000
"""Samples that are enough."""
MIN_S = 0.2
"""Seconds below which a measurement is not begun."""


@dataclass(frozen=True, slots=True)
class Task:
    """A measurement with a share of the time. `measure` is given the seconds it may take."""

    name: str
    share: float
    measure: Callable[[float], Sequence[Line]]


@dataclass(slots=True)
class Outcome:
    """What came of a plan."""

    lines: list[Line] = field(default_factory=list[Line])
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    """By name, why."""
    failed: dict[str, str] = field(default_factory=dict[str, str])
    """By name, the trace."""
    seconds: dict[str, float] = field(default_factory=dict[str, float])


class LeftOut(Exception):
    """Raised by a measurement that can't be made here: out of memory, or no batch of that size."""


def carry_out(
    tasks: Sequence[Task],
    budget_s: float,
    tell: Callable[[str], None],
    now: Callable[[], float] = time.perf_counter,
) -> Outcome:
    """One after the other; time that one does not use goes to those after it."""
    outcome = Outcome()
    end = now() + budget_s
    for number, task in enumerate(tasks):
        left, shares = end - now(), sum(each.share for each in tasks[number:])
        seconds = left * task.share / shares
        if seconds < MIN_S:
            outcome.left_out[task.name] = "no time was left: raise --minutes"
            continue
        tell(f"{task.name} ({seconds:.0f} s) ...")
        began = now()
        try:
            outcome.lines += task.measure(seconds)
        except LeftOut as error:
            outcome.left_out[task.name] = str(error)
        except Exception:  # noqa: BLE001 - a lent machine's time is dear: the others go on
            outcome.failed[task.name] = traceback.format_exc()
            tell(outcome.failed[task.name])
        outcome.seconds[task.name] = round(now() - began, 2)
    return outcome


def sample(call: Callable[[], object], seconds: float, *, warm: int = 2) -> Figures:
    """Milliseconds of calls that wait for their result, until the time is over: at least LEAST of
    them (one, where a single one takes all the time), at most MOST."""
    end = time.perf_counter() + seconds
    for _ in range(warm):
        call()
        if time.perf_counter() > end:
            break
    found: list[float] = []
    while len(found) < MOST:
        began = time.perf_counter()
        call()
        after = time.perf_counter()
        found.append((after - began) * 1000)
        if after > end and (len(found) >= LEAST or after > end + 2 * seconds):
            break
    return Figures.of(found)
