"""The ladder: up under pressure that lasts, down after calm that lasts longer, one rung at a time."""

from __future__ import annotations

import random

from visavis.models.overload import PICTURE_S, TOLD, Ladder, LadderSettings, Rung

SETTINGS = LadderSettings(window_s=1.0, up_windows=2, down_windows=3)


class Bench:
    def __init__(self) -> None:
        self.now = 0.0
        self.ladder = Ladder(SETTINGS, 0.0)
        self.rungs: list[Rung] = []

    def windows(self, count: int, share: float, late: float = 0.0) -> Rung:
        """So many seconds with this share of time computing and of work late."""
        for _ in range(count):
            self.now += 1.0
            self.ladder.served(0.0, share, 100 - round(100 * late))
            if late:
                self.ladder.served(1.0, 0.0, round(100 * late))
            if self.ladder.judge(self.now):
                self.rungs.append(self.ladder.rung)
        return self.ladder.rung


def test_pressure_that_lasts_climbs_rung_by_rung_and_no_higher_than_the_top() -> None:
    bench = Bench()
    assert bench.windows(1, 0.99) is Rung.NORMAL
    assert bench.windows(1, 0.99) is Rung.VIDEO_RATE
    assert bench.windows(20, 0.99) is Rung.REFUSE
    assert bench.rungs == list(Rung)[1:]
    assert bench.ladder.climbs == 4


def test_calm_that_lasts_goes_down_rung_by_rung() -> None:
    bench = Bench()
    bench.windows(8, 0.99)
    assert bench.windows(2, 0.1) is Rung.REFUSE
    assert bench.windows(1, 0.1) is Rung.SHADOWS
    assert bench.windows(30, 0.1) is Rung.NORMAL
    assert bench.rungs[4:] == [Rung.SHADOWS, Rung.VISUAL_TOKENS, Rung.VIDEO_RATE, Rung.NORMAL]


def test_neither_hot_nor_calm_changes_nothing() -> None:
    bench = Bench()
    bench.windows(2, 0.99)
    assert bench.windows(100, 0.75) is Rung.VIDEO_RATE


def test_a_load_that_swings_does_not_make_the_ladder_swing() -> None:
    bench = Bench()
    for _ in range(50):
        bench.windows(1, 0.99)
        bench.windows(2, 0.1)
    assert bench.rungs == []


def test_late_work_is_pressure_even_where_the_engine_is_idle() -> None:
    bench = Bench()
    assert bench.windows(2, 0.05, late=0.2) is Rung.VIDEO_RATE
    assert bench.windows(50, 0.05, late=0.02) is Rung.VIDEO_RATE
    assert bench.windows(3, 0.05) is Rung.NORMAL


def test_a_long_sleep_is_calm() -> None:
    bench = Bench()
    bench.windows(8, 0.99)
    bench.now += 60.0
    assert bench.ladder.judge(bench.now)
    assert bench.ladder.rung is Rung.NORMAL


def test_memory_that_ran_out_is_the_top_at_once() -> None:
    bench = Bench()
    assert bench.ladder.exhausted()
    assert not bench.ladder.exhausted()
    assert bench.windows(3, 0.1) is Rung.SHADOWS


def test_whatever_comes_it_moves_one_rung_at_a_time() -> None:
    dice, bench = random.Random(4), Bench()
    before = Rung.NORMAL
    for _ in range(2000):
        rung = bench.windows(1, dice.random() * 1.1, dice.choice([0.0, 0.0, 0.0, 0.3]))
        assert abs(rung - before) <= 1
        before = rung
    assert set(bench.rungs) == set(Rung)


def test_every_rung_is_told_and_pictures_get_rarer() -> None:
    assert set(TOLD) == set(Rung)
    assert len(PICTURE_S) == len(Rung)
    assert list(PICTURE_S) == sorted(PICTURE_S)
