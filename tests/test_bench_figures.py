"""Percentiles as they are defined, and intervals of shares."""

from __future__ import annotations

import math

import pytest

from visavis.latency_bench.figures import Figures, nearest_rank, share_interval


def test_percentiles_are_samples_that_were_measured() -> None:
    figures = Figures.of([5.0, 1.0, 4.0, 2.0, 3.0])
    assert [figures.quantile(share) for share in (0.2, 0.5, 0.95, 1.0)] == [1.0, 3.0, 5.0, 5.0]
    assert figures.summary() == {"count": 5, "p50": 3.0, "p95": 5.0, "p99": 5.0, "max": 5.0}


def test_a_hundred_samples_have_their_95th_in_place_95() -> None:
    assert nearest_rank([float(n) for n in range(1, 101)], 0.95) == 95.0


def test_the_last_thousandth_needs_a_thousand_samples() -> None:
    assert "p99.9" not in Figures.of(range(999)).summary()
    assert Figures.of(range(1, 1001)).summary()["p99.9"] == 999.0


def test_nothing_measured_has_no_percentile() -> None:
    assert Figures.of([]).summary() == {"count": 0}
    assert math.isnan(Figures.of([]).quantile(0.5))


def test_the_interval_of_a_share_holds_the_share_and_narrows() -> None:
    assert share_interval(0, 0) == (0.0, 1.0)
    low, high = share_interval(0, 20)
    assert low == 0.0 and high == pytest.approx(0.161, abs=0.001)
    few, many = share_interval(5, 10), share_interval(500, 1000)
    assert few[0] < many[0] < 0.5 < many[1] < few[1]
