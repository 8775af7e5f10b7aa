"""Ratios of the bench of abuse, and what they are worth."""

from __future__ import annotations

import json
import math

import pytest

from visavis.latency_bench.abuse import Abuse, AbuseOutcome, Kind, Sample, Window
from visavis.latency_bench.abuse_report import (
    answers,
    figures,
    of_kind,
    own,
    p99_ratio,
    ratio_interval,
    summary,
)
from visavis.latency_bench.abuser import BoutDone
from visavis.latency_bench.cpu_time import CpuTime


def window(kind: Kind, *ms: float, waited_ms: float = 0.0) -> Window:
    done = None if kind is Kind.QUIET else BoutDone({"400": 9, "413": 1}, 10, 0, 1.0)
    samples = [Sample(value, waited_ms) for value in ms]
    return Window(kind=kind, seconds=2.0, samples=samples, server=CpuTime(5.0, 1.0), bout=done)


def test_the_ratio_is_of_the_99th_percentiles_of_all_samples() -> None:
    quiet = [window(Kind.QUIET, *[1.0] * 49, 2.0), window(Kind.QUIET, *[1.0] * 49, 50.0)]
    beside = [window(Kind.ONE, *[1.0] * 98, 2.2, 70.0)]
    assert p99_ratio(beside, quiet) == pytest.approx(1.1)
    assert math.isnan(p99_ratio(beside, []))


def test_the_interval_is_wide_where_windows_differ() -> None:
    same = [window(Kind.QUIET, 1.0) for _ in range(8)]
    assert ratio_interval(same, same) == (1.0, 1.0)
    differ = [window(Kind.ONE, value) for value in (1.0, 1.0, 1.0, 1.0, 3.0, 3.0)]
    low, high = ratio_interval(differ, same)
    assert low < high == 3.0
    assert ratio_interval(differ, same) == (low, high)  # the same dice
    assert all(map(math.isnan, ratio_interval([], same)))


def test_waiting_for_a_core_is_told_apart() -> None:
    quiet = [window(Kind.QUIET, 1.0, 2.0)]
    beside = [window(Kind.ONE, 21.0, 22.0, waited_ms=20.0), window(Kind.ONE, 5.0, waited_ms=20.0)]
    assert figures(beside).values == (5.0, 21.0, 22.0)
    assert figures(beside, own).values == (0.0, 1.0, 2.0)
    assert p99_ratio(beside, quiet) == 11.0 and p99_ratio(beside, quiet, own) == 1.0


def test_the_summary_is_plain_json() -> None:
    windows = [window(kind, 1.0, 2.0) for kind in Kind for _ in range(2)]
    outcome = AbuseOutcome(windows=windows, cost_us={"a message": 9.0}, before={}, after={})
    assert answers(of_kind(outcome, Kind.MANY)) == {"400": 18, "413": 2}
    result = json.loads(json.dumps(summary(Abuse(), outcome), allow_nan=False))
    assert result["one_address"]["p99_ratio"] == 1.0
    assert result["one_address"]["messages"] == 20
    assert result["quiet"]["server_ms_per_s"] == 2.5
    empty = AbuseOutcome(windows=[], cost_us={}, before={}, after={})
    assert json.loads(json.dumps(summary(Abuse(), empty), allow_nan=False))
