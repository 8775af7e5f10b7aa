"""A burst at once, then so much per second; the clock is an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.runtime.token_bucket import TokenBucket


def test_a_burst_then_a_rate() -> None:
    bucket = TokenBucket(3, 2.0, now=10.0)
    assert [bucket.take(1, 10.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait_s(1, 10.0) == 0.5
    assert bucket.take(1, 10.5) and not bucket.take(1, 10.5)
    assert bucket.left(100.0) == 3


def test_all_or_nothing_and_what_is_given_back() -> None:
    bucket = TokenBucket(3, 1.0, now=0.0)
    assert not bucket.take(4, 0.0)
    assert bucket.wait_s(4, 0.0) == float("inf")
    assert bucket.take(3, 0.0)
    bucket.give(2, 0.0)
    assert bucket.take(2, 0.0) and not bucket.take(1, 0.0)
    bucket.give(100, 0.0)
    assert bucket.left(0.0) == 3


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1, 1.0, now=5.0)
    assert bucket.take(1, 5.0)
    assert not bucket.take(1, 4.0)
    assert not bucket.take(1, 5.5)


@pytest.mark.parametrize(("burst", "per_s"), [(0, 1), (1, 0), (-1, 1)])
def test_a_bucket_without_sense(burst: float, per_s: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        TokenBucket(burst, per_s, 0.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 3)), max_size=60))
def test_never_more_than_burst_and_rate(steps: list[tuple[float, float]]) -> None:
    bucket, now, taken = TokenBucket(5, 2.0, 0.0), 0.0, 0.0
    for amount, after in steps:
        now += after
        if bucket.take(amount, now):
            taken += amount
        assert taken <= 5 + 2.0 * now + 1e-6
