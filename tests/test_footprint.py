"""Growth is told from noise."""

from __future__ import annotations

import pytest

from visavis.latency_bench.footprint import SLACK, Footprint, Footprints, footprint, growth


def samples(per_turn: float, *, noise: int = 0, traced: bool = False) -> list[Footprint]:
    """40 samples, 100 turns apart."""
    return [
        Footprint(
            float(index * 1000),
            round(1_000_000 + per_turn * 100 * index) + noise * (index % 2),
            50_000,
            1 << 26,
            round(64 * per_turn * 100 * index) if traced else None,
        )
        for index in range(40)
    ]


def test_memory_that_stays_is_flat_whatever_one_moment_holds_more_than_another() -> None:
    grown = growth(samples(0.0, noise=SLACK // 2), 0.1)
    assert grown.is_flat and grown.turns == pytest.approx(3000)


@pytest.mark.parametrize("traced", [False, True])
def test_one_object_kept_for_each_turn_shows(traced: bool) -> None:
    grown = growth(samples(1.0, traced=traced), 0.1)
    assert grown.blocks == pytest.approx(3000)
    assert not grown.is_flat


def test_too_few_samples_say_nothing() -> None:
    with pytest.raises(ValueError, match="8 are needed"):
        growth(samples(0.0)[:7], 1.0)


def test_a_moment_counts_what_is_kept() -> None:
    before = footprint(0.0, {})
    kept = [[str(number)] for number in range(5000)]
    after = footprint(1.0, {"kept": len(kept)})
    assert after.objects - before.objects >= 5000
    assert after.blocks - before.blocks >= 10_000
    assert after.counts == {"kept": 5000} and after.traced_bytes is None


def test_moments_are_kept_without_being_a_growth_themselves() -> None:
    moments = Footprints()
    moments.add(Footprint(0.0, 1, 2, 3, None, {"items": 4}))
    before = footprint(0.0, {}).blocks
    for number in range(500):
        moments.add(Footprint(float(number), 10, 20, 30, 40, {"items": number}))
    assert footprint(0.0, {}).blocks - before < 100
    first, *_, last = moments.all()
    assert first == Footprint(0.0, 1, 2, 3, None, {"items": 4})
    assert last == Footprint(499.0, 10, 20, 30, 40, {"items": 499})
