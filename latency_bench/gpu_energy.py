"""Joules of a stretch of time, by the counters that are there."""

from __future__ import annotations

import time

from ..pipelines.energy_counters import Counter, NoCounter, nvml, rapl


class Meter:
    """Joules between two readings of the counters that are there."""

    def __init__(self, counters: list[Counter], absent: dict[str, str]) -> None:
        self.absent = absent
        self._counters = counters
        self._began: dict[str, float] = {}
        self._at = 0.0

    def start(self) -> None:
        """From here."""
        self._began = {counter.name: counter.read() for counter in self._counters}
        self._at = time.perf_counter()

    def stop(self) -> tuple[float, dict[str, float]]:
        """Seconds since the start, and joules by counter."""
        seconds = time.perf_counter() - self._at
        return seconds, {
            counter.name: counter.read() - self._began[counter.name] for counter in self._counters
        }


def open_meter(*, is_cuda: bool) -> tuple[Meter, str | None]:
    """Whatever can be read here, and the driver's version where there is one."""
    counters: list[Counter] = []
    absent: dict[str, str] = {}
    version: str | None = None
    if is_cuda:
        try:
            driver = nvml()
            version = driver.version
            counters.append(driver.energy)
        except NoCounter as error:
            absent["GPU"] = str(error)
    try:
        counters.append(rapl())
    except NoCounter as error:
        absent["CPU"] = str(error)
    return Meter(counters, absent), version
