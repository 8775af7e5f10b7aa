from visavis.pipelines.loop_lag import ALARM_MS, KEPT, LoopLag


def test_a_stall_is_counted_and_kept_as_the_maximum() -> None:
    lag = LoopLag()
    for _ in range(99):
        lag.add(1.0)
    lag.add(ALARM_MS + 5)
    report = lag.report()
    assert (report.p50_ms, report.max_ms, report.stalls) == (1.0, ALARM_MS + 5, 1)


def test_old_lags_leave_the_percentiles_but_not_the_maximum() -> None:
    lag = LoopLag()
    lag.add(500.0)
    for _ in range(KEPT):
        lag.add(0.0)
    report = lag.report()
    assert (report.p99_ms, report.max_ms) == (0.0, 500.0)


def test_nothing_seen_yet_is_zero() -> None:
    assert LoopLag().report().samples == 0
