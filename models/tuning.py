"""What an engine's thread chooses by measurement when it starts, in less than 0.3 s, or is told.

- **Threads inside a step**: more than one only where that is clearly faster and cores are left for
  the event loop and the codecs. Pools never spin, so that they fight with nobody.
- **Switch interval** of the interpreter: a thread that computes in Python lets others in after so
  long. The engine's thread asks for the interpreter after every step: with Python's 5 ms a first
  token may wait five.
- **Priority** of the thread (`thread_priority.py`).

The garbage collector needs no choice here: whoever serves freezes what lives when it is ready.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from .thread_priority import Priority, raise_priority

CORES_LEFT = 2
"""Cores that stay for the event loop and the codecs when a step is given more than one thread."""
WORTH = 1.3
"""Times by which a step must be faster with twice the threads."""
INTERVALS_S = (0.005, 0.001, 0.0005)
"""Switch intervals to choose from, Python's own first."""
WAIT_S = 0.0015
"""Longest wait for the interpreter that is good enough."""
TRIES = 6
"""Waits measured at each interval: 40 ms at most."""
_NAP_S = 0.0002


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of the thread."""

    priority: Priority = Priority.HIGH
    switch_interval_ms: float = 0.0
    """0 measures."""


def settle(
    wishes: Wishes, beside: int | None = None, wait: Callable[[float], float] | None = None
) -> Mapping[str, str]:
    """For the calling thread and its interpreter; what was chosen, for a person.

    `beside`: native id of the event loop's thread. While that holds the interpreter this one waits, so
    it must not lie on a busy core for long: it is raised, too, but never to real time. `wait` measures
    how long a thread waits for the interpreter at a switch interval, in seconds.
    """
    measure = wait or interpreter_wait_s
    chosen = {"priority": raise_priority(wishes.priority).value}
    if beside is not None and wishes.priority is not Priority.NORMAL:
        raise_priority(Priority.HIGH, beside)
    if wishes.switch_interval_ms > 0.0:
        sys.setswitchinterval(wishes.switch_interval_ms / 1000)
        chosen["switch interval"] = f"{wishes.switch_interval_ms:g} ms, as set"
    else:
        interval, waits = choose_interval(measure)
        sys.setswitchinterval(interval)
        tried = ", ".join(f"{_told(wait_s)} at {1000 * i:g}" for i, wait_s in waits.items())
        chosen["switch interval"] = f"{1000 * interval:g} ms (waits: {tried})"
    return chosen


def _told(wait_s: float) -> str:
    return f"{1000 * wait_s:.1f} ms" if math.isfinite(wait_s) else "not measured"


def choose_interval(wait: Callable[[float], float]) -> tuple[float, dict[float, float]]:
    """The longest switch interval at which the wait is good enough, and the waits measured on the
    way; Python's own where none is."""
    waits: dict[float, float] = {}
    for interval in INTERVALS_S:
        waits[interval] = wait(interval)
        if waits[interval] <= WAIT_S:
            return interval, waits
    return INTERVALS_S[0], waits


def interpreter_wait_s(interval: float) -> float:
    """The median of a few waits for the interpreter while another thread computes in Python;
    infinite where the machine lets none compute."""
    before, is_over = sys.getswitchinterval(), threading.Event()
    turns = [0]

    def compute() -> None:
        while not is_over.is_set():
            turns[0] += sum(range(50)) > 0

    sys.setswitchinterval(interval)
    thread = threading.Thread(target=compute, name="switch interval", daemon=True)
    thread.start()
    try:
        waits: list[float] = []
        for _ in range(TRIES):
            computed, began = turns[0], time.perf_counter()
            time.sleep(_NAP_S)
            wait = time.perf_counter() - began - _NAP_S
            if turns[0] > computed:  # else the other thread did not get onto a core
                waits.append(wait)
    finally:
        is_over.set()
        thread.join()
        sys.setswitchinterval(before)
    return max(0.0, median(waits)) if waits else math.inf


def choose_threads(wanted: int, seconds: Callable[[int], float], cores: int | None = None) -> int:
    """Threads of a step: as `wanted`; where that is 0, two if there are cores for them and
    `seconds(threads)` of a typical step says that it is worth it, else one."""
    if wanted > 0:
        return wanted
    if (cores or available_cores()) < 2 + CORES_LEFT:
        return 1
    return 2 if seconds(1) >= WORTH * seconds(2) else 1


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
