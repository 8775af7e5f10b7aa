"""Joules, from counters that are there: NVML for the GPU, RAPL for the CPU. Never an estimate.

Needs the standard library only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RAPL = Path("/sys/class/powercap")
NVML = "libnvidia-ml.so.1"


@dataclass(frozen=True, slots=True)
class Counter:
    """A reading in joules that only rises."""

    name: str
    read: Callable[[], float]


class NoCounter(Exception):
    """Why there is no counter: to be told beside the figures."""


@dataclass(frozen=True, slots=True)
class Driver:
    """NVML's view of the first GPU."""

    version: str
    energy: Counter


def nvml(library: str = NVML, index: int = 0) -> Driver:
    """The driver and the energy counter of a GPU since the driver was loaded. Raises `NoCounter`.

    `index` counts all GPUs of the machine, whatever CUDA_VISIBLE_DEVICES hides.
    """
    try:
        lib = ctypes.CDLL(library)
    except OSError as error:
        raise NoCounter(f"{library} can't be loaded ({error}): no NVIDIA driver here") from error
    handle = ctypes.c_void_p()
    text = ctypes.create_string_buffer(96)
    _check(lib, "nvmlInit_v2")
    _check(lib, "nvmlSystemGetDriverVersion", text, ctypes.c_uint(len(text)))
    _check(lib, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
    total = ctypes.c_ulonglong()

    def joules() -> float:
        _check(lib, "nvmlDeviceGetTotalEnergyConsumption", handle, ctypes.byref(total))
        return total.value / 1000.0

    joules()
    return Driver(text.value.decode(errors="replace"), Counter("GPU, by NVML", joules))


def _check(lib: ctypes.CDLL, name: str, *arguments: object) -> None:
    try:
        status = int(getattr(lib, name)(*arguments))
    except AttributeError as error:
        raise NoCounter(f"the driver's NVML has no {name}: it is too old") from error
    if status != 0:
        raise NoCounter(f"{name} answered {status}: the driver gives no energy counter here")


def rapl(root: Path = RAPL) -> Counter:
    """All packages of the CPU together. Raises `NoCounter`."""
    zones = sorted(root.glob("intel-rapl:?")) if root.is_dir() else []
    if not zones:
        raise NoCounter(f"{root} has no intel-rapl zone: this machine shows no CPU energy counter")
    last: dict[Path, int] = {}
    turns: dict[Path, int] = {}
    try:
        limits = {zone: int((zone / "max_energy_range_uj").read_text()) for zone in zones}
        for zone in zones:
            last[zone] = int((zone / "energy_uj").read_text())
    except (OSError, ValueError) as error:
        raise NoCounter(f"{root} can't be read ({error}): run as root, or do without") from error

    def joules() -> float:
        total = 0
        for zone in zones:
            now = int((zone / "energy_uj").read_text())
            if now < last[zone]:  # the counter came round
                turns[zone] = turns.get(zone, 0) + 1
            last[zone] = now
            total += now + turns.get(zone, 0) * limits[zone]
        return total / 1e6

    return Counter("CPU, by RAPL", joules)
