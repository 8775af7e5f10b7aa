"""Order is restored within the bound, whatever comes; nothing is given twice or held for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from visavis.transports.telephony.line import MAX_LOST_CHUNKS
from visavis.transports.telephony.reorder import FAR, Reorder


def test_in_order_nothing_waits() -> None:
    order: Reorder[str] = Reorder(3)
    assert [order.push(n, str(n)) for n in (5, 6, 7)] == [[("5", 0)], [("6", 0)], [("7", 0)]]


def test_a_hole_is_waited_for_and_then_lost() -> None:
    order: Reorder[int] = Reorder(2)
    assert order.push(1, 1) == [(1, 0)]
    assert order.push(3, 3) == order.push(4, 4) == []
    assert order.push(5, 5) == [(3, 1), (4, 0), (5, 0)]
    assert order.push(2, 2) == []
    assert (order.late, order.lost) == (1, 1)


def test_a_long_hole_counts_for_a_bounded_time_and_a_jump_begins_anew() -> None:
    order: Reorder[int] = Reorder(0)
    order.push(1, 1)
    assert order.push(1000, 1000) == [(1000, MAX_LOST_CHUNKS)]
    assert order.push(1000 + 2 * FAR, 0) == [(0, 0)]
    assert order.push(1, 1) == [(1, 0)]


@given(st.integers(0, 5), st.permutations(range(20)))
def test_what_comes_out_is_in_order_and_complete_or_counted(limit: int, numbers: list[int]) -> None:
    order: Reorder[int] = Reorder(limit)
    out = [item for n in numbers for item, _ in order.push(n, n)]
    assert out == sorted(set(out))
    assert len(out) + order.late + (20 - len(out) - order.late) == 20
    assert 20 - len(out) - order.late <= limit  # what is still held


@given(st.integers(0, 5), st.lists(st.integers(0, 2**48), max_size=60))
def test_any_numbers_are_held_within_the_bound(limit: int, numbers: list[int]) -> None:
    order: Reorder[int] = Reorder(limit)
    given_out = sum(len(order.push(n, n)) for n in numbers)
    assert given_out + order.late <= len(numbers)
