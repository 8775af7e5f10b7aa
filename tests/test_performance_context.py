"""Where a cache's positions come from, however it is cut."""

from __future__ import annotations

from visavis.models.performance.context import Context, Source
from visavis.runtime.events import TokensTaken


def test_positions_are_told_by_where_they_come_from() -> None:
    context = Context()
    context.grow_to(4, Source.AUDIO)
    context.grow_to(20, Source.IMAGE)
    context.grow_to(24, Source.AUDIO)
    context.grow_to(28, Source.AUDIO)
    context.grow_to(30, Source.TEXT)
    assert (context.taken(), len(context)) == (TokensTaken(2, 12, 16), 30)


def test_a_cut_takes_the_newest_positions_in_the_middle_of_a_run_too() -> None:
    context = Context()
    context.grow_to(4, Source.AUDIO)
    context.grow_to(20, Source.IMAGE)
    context.grow_to(30, Source.TEXT)
    context.cut(10)
    assert context.taken() == TokensTaken(0, 4, 6)
    context.cut(4)
    context.grow_to(6, Source.TEXT)
    assert context.taken() == TokensTaken(2, 4, 0)
    context.cut(0)
    assert (context.taken(), len(context)) == (TokensTaken(), 0)


def test_what_is_known_already_is_not_counted_again() -> None:
    context = Context()
    context.grow_to(8, Source.IMAGE)
    context.grow_to(8, Source.TEXT)
    context.grow_to(3, Source.TEXT)
    assert context.taken() == TokensTaken(0, 0, 8)
