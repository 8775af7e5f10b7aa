"""Joules: what counters say, and that an estimate says what it is based on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from visavis.pipelines.energy import EnergyRate, Rated, energy_rate, machine_busy_s
from visavis.pipelines.energy_counters import Counter, NoCounter, nvml, rapl
from visavis.runtime.events import Energy


def zone(root: Path, number: int, microjoules: int, most: int = 10_000_000) -> Path:
    folder = root / f"intel-rapl:{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    return folder


def numbers(*values: float) -> Callable[[], float]:
    left = list(values)
    return lambda: left.pop(0)


def test_without_a_counter_the_operators_figure_is_taken_and_named() -> None:
    assert EnergyRate(8.0).of(0.25) == Energy(2.0, "watts_per_core")


def test_a_second_of_computing_costs_what_it_cost_the_machine_lately() -> None:
    rated = Rated("rapl", Counter("CPU", numbers(100.0, 100.0, 130.0)), numbers(50.0, 50.0, 52.0))
    rate = EnergyRate(8.0, [lambda: rated])
    rate.read()  # opened; nothing was spent since
    assert rate.of(1.0) == Energy(8.0, "watts_per_core")
    rate.read()
    assert rate.of(2.0) == Energy(30.0, "rapl")


def test_the_gpu_comes_on_top_of_the_processor() -> None:
    gpu = Rated("nvml", Counter("GPU", numbers(0.0, 0.0, 300.0)), numbers(0.0, 0.0, 1.0))
    rate = EnergyRate(8.0, [lambda: gpu])
    rate.read()
    rate.read()
    assert rate.of(1.0) == Energy(308.0, "nvml+watts_per_core")


def test_hardly_any_computing_is_not_divided_by() -> None:
    rated = Rated("rapl", Counter("CPU", numbers(0.0, 9.0, 10.0)), numbers(0.0, 0.001, 1.0))
    rated.start()
    rated.read()
    assert rated.watts is None
    rated.read()
    assert rated.watts == 10.0


def test_a_machine_that_shows_no_counter_is_no_fault(tmp_path: Path) -> None:
    rate = energy_rate(5.0, lambda: 0.0, root=tmp_path / "none")
    rate.read()
    assert rate.of(1.0) == Energy(5.0, "watts_per_core")
    rate.start()
    rate.stop()
    rate.stop()


def test_rapl_adds_its_packages_and_survives_coming_round(tmp_path: Path) -> None:
    zone(tmp_path, 0, 4_000_000)
    zone(tmp_path, 1, 1_000_000)
    counter = rapl(tmp_path)
    assert counter.read() == pytest.approx(5.0)
    zone(tmp_path, 0, 1_000_000)  # past its end
    assert counter.read() == pytest.approx(12.0)


def test_counters_that_are_not_there_say_why(tmp_path: Path) -> None:
    with pytest.raises(NoCounter, match="no intel-rapl zone"):
        rapl(tmp_path)
    (zone(tmp_path, 0, 1) / "energy_uj").write_text("secret")
    with pytest.raises(NoCounter, match="can't be read"):
        rapl(tmp_path)
    with pytest.raises(NoCounter, match="no NVIDIA driver here"):
        nvml("libno-such-driver.so")


def test_busy_seconds_are_all_but_idle_and_waiting(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 50 900 40 0 0 10 7 0\ncpu0 1 1 1 1\n")
    assert machine_busy_s(stat) == pytest.approx(160 / os.sysconf("SC_CLK_TCK"))
