"""What an answer took, in joules: always an estimate, and always told with what it is based on.

No counter knows one conversation's share. What is known is how long the models computed for it; a
second of computing is taken to cost what it cost the machine lately: RAPL's joules per busy second
of a core, and NVML's per second in which the engine computed. Without a counter the operator's
figure for a busy core stands in (`engine.watts_per_core`).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..runtime.events import Energy
from .energy_counters import RAPL, Counter, NoCounter, nvml, rapl

log = logging.getLogger(__name__)

EVERY_S = 10.0
"""Seconds between two readings of the counters."""
ENOUGH_S = 0.05
"""Seconds of computing between two readings from which their quotient says anything."""
RAPL_BASIS = "rapl"
_STAT = Path("/proc/stat")


@dataclass(slots=True)
class Rated:
    """A counter of joules beside the seconds of computing that it pays for."""

    basis: str
    counter: Counter
    busy_s: Callable[[], float]
    """Rises; raises OSError where it can't be read."""
    joules: float = 0.0
    seconds: float = 0.0
    watts: float | None = None
    """Of a second of computing; None until it was measured."""

    def start(self) -> None:
        """From here."""
        self.joules, self.seconds = self.counter.read(), self.busy_s()

    def read(self) -> None:
        """Since the last reading. Too little computing to divide by leaves what was known."""
        joules, seconds = self.counter.read(), self.busy_s()
        spent, busy = joules - self.joules, seconds - self.seconds
        if busy >= ENOUGH_S and spent >= 0:
            self.watts = spent / busy
            self.joules, self.seconds = joules, seconds


class EnergyRate:
    """Joules per second of computing. Counters are opened and read on a thread of its own; `of` may
    be called from any."""

    def __init__(self, watts_per_core: float, opens: Sequence[Callable[[], Rated]] = ()) -> None:
        """`opens` raise `NoCounter` for what this machine does not let us read. Without counters a
        second of computing costs `watts_per_core` joules."""
        self._watts_per_core = watts_per_core
        self._opens = opens
        self._rated: tuple[Rated, ...] = ()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def of(self, compute_s: float) -> Energy:
        """What so many seconds of computing took."""
        known = [(each.basis, each.watts) for each in self._rated if each.watts is not None]
        watts = sum(rate for _, rate in known)
        names = [basis for basis, _ in known]
        if RAPL_BASIS not in names:
            watts += self._watts_per_core
            names.append("watts_per_core")
        return Energy(round(compute_s * watts, 6), "+".join(names))

    def start(self) -> None:
        """Read the counters from now on, if there are any."""
        if self._opens and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="energy", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Read no more. Idempotent; does not wait."""
        self._stopped.set()

    def read(self) -> None:
        """Open what is not open yet, and read it: what the thread does every `EVERY_S` seconds."""
        opens, self._opens = self._opens, ()
        for opened in opens:
            try:
                rated = opened()
                rated.start()
                self._rated = (*self._rated, rated)
            except (NoCounter, OSError, ValueError) as error:
                log.info("an energy counter can't be read", extra={"why": str(error)})
        for each in self._rated:
            each.read()

    def _run(self) -> None:
        try:
            self.read()
            while self._rated and not self._stopped.wait(EVERY_S):
                self.read()
        except (OSError, ValueError, NoCounter) as error:
            # What was measured stays; later answers are told with it.
            log.warning("energy is no longer read", extra={"why": str(error)})


def energy_rate(
    watts_per_core: float,
    engine_busy_s: Callable[[], float],
    *,
    root: Path = RAPL,
    has_gpu: bool = False,
) -> EnergyRate:
    """With whatever counters this machine lets us read. `engine_busy_s`: seconds that the engine has
    computed, which a GPU's joules are divided by."""
    opens: list[Callable[[], Rated]] = [lambda: Rated(RAPL_BASIS, rapl(root), machine_busy_s)]
    if has_gpu:
        opens.append(lambda: Rated("nvml", nvml().energy, engine_busy_s))
    return EnergyRate(watts_per_core, opens)


def machine_busy_s(stat: Path = _STAT) -> float:
    """Seconds that all cores together were busy since the system started: what RAPL paid for."""
    fields = stat.read_text().splitlines()[0].split()
    ticks = [int(field) for field in fields[1:9]]  # user nice system idle iowait irq softirq steal
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
