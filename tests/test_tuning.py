"""What an engine's thread chooses when it starts, and that it obeys what it is told."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator

import pytest

from visavis.models import tuning
from visavis.models.thread_priority import Priority
from visavis.models.tuning import (
    Wishes,
    choose_interval,
    choose_threads,
    interpreter_wait_s,
    settle,
)

NORMAL = Priority.NORMAL


@pytest.fixture(autouse=True)
def switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def waits(**ms: float) -> Callable[[float], float]:
    """Waits at 5, 1 and 0.5 ms."""
    return lambda interval: ms[{0.005: "five", 0.001: "one", 0.0005: "half"}[interval]] / 1000


@pytest.mark.parametrize(
    ("found", "interval", "tried"),
    [
        (waits(five=0.1), 0.005, 1),
        (waits(five=5.1, one=1.1), 0.001, 2),
        (waits(five=5.1, one=3.0, half=0.6), 0.0005, 3),
        (waits(five=9.0, one=8.0, half=9.0), 0.005, 3),
    ],
)
def test_the_longest_interval_that_is_good_enough_is_taken(
    found: Callable[[float], float], interval: float, tried: int
) -> None:
    chosen, measured = choose_interval(found)
    assert (chosen, len(measured)) == (interval, tried)


def test_what_is_measured_is_put_into_force_and_told() -> None:
    chosen = settle(Wishes(NORMAL), wait=waits(five=5.0, one=1.0))
    assert sys.getswitchinterval() == pytest.approx(0.001)
    assert chosen == {
        "priority": "normal",
        "switch interval": "1 ms (waits: 5.0 ms at 5, 1.0 ms at 1)",
    }


@pytest.mark.parametrize("wanted", list(Priority))
def test_the_event_loops_thread_is_raised_beside_it_but_not_to_real_time(
    wanted: Priority, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[tuple[Priority, int | None]] = []

    def note(priority: Priority, thread: int | None = None) -> Priority:
        raised.append((priority, thread))
        return priority

    monkeypatch.setattr(tuning, "raise_priority", note)
    settle(Wishes(wanted), 77, waits(five=0.1))
    loop = [] if wanted is NORMAL else [(Priority.HIGH, 77)]
    assert raised == [(wanted, None), *loop]


def test_where_no_other_thread_could_run_pythons_own_interval_stays() -> None:
    chosen = settle(Wishes(NORMAL), wait=lambda _: math.inf)
    assert sys.getswitchinterval() == pytest.approx(0.005)
    assert "not measured at 5" in chosen["switch interval"]


def test_what_is_set_is_not_measured() -> None:
    def never(_: float) -> float:
        raise AssertionError("there is nothing to measure")

    chosen = settle(Wishes(NORMAL, switch_interval_ms=2.0), wait=never)
    assert sys.getswitchinterval() == pytest.approx(0.002)
    assert chosen["switch interval"] == "2 ms, as set"


def test_measuring_leaves_the_interval_as_it_was_and_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuning, "TRIES", 2)
    sys.setswitchinterval(0.003)
    assert interpreter_wait_s(0.0005) >= 0.0
    assert sys.getswitchinterval() == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("wanted", "cores", "two", "threads"),
    [
        (3, 2, 9.0, 3),  # as told
        (0, 3, 0.1, 1),  # too few cores to ask
        (0, 4, 0.9, 1),  # hardly faster
        (0, 4, 0.6, 2),
    ],
)
def test_threads(wanted: int, cores: int, two: float, threads: int) -> None:
    asked: list[int] = []

    def seconds(count: int) -> float:
        asked.append(count)
        return {1: 1.0, 2: two}[count]

    assert choose_threads(wanted, seconds, cores) == threads
    assert bool(asked) == (wanted == 0 and cores >= 4)
