"""A flood of lines alike becomes a few and a count."""

from __future__ import annotations

import logging
from io import StringIO

from visavis.pipelines.access.redact import RedactingFormatter
from visavis.pipelines.access.seldom import ALIKE_AT_ONCE, ALIKE_PER_S, ALL_AT_ONCE, KINDS, Seldom
from visavis.runtime.clock import VirtualClock


def logger_to(stream: StringIO, seldom: Seldom) -> logging.Logger:
    log = logging.getLogger(f"{__name__}.{id(stream)}")
    log.propagate = False
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter("%(message)s"))
    handler.addFilter(seldom)
    log.addHandler(handler)
    return log


def test_of_lines_alike_so_many_are_written_and_the_next_tells_how_many_were_not() -> None:
    clock, stream = VirtualClock(0.0), StringIO()
    seldom = Seldom(clock)
    log = logger_to(stream, seldom)
    for number in range(1000):
        log.warning("no %d", number)
    lines = stream.getvalue().splitlines()
    assert lines == [f"no {number}" for number in range(ALIKE_AT_ONCE)]
    log.warning("something else")
    assert stream.getvalue().splitlines()[-1] == "something else"
    clock.advance(1 / ALIKE_PER_S)
    log.warning("no %d", 1000)
    withheld = 1000 - ALIKE_AT_ONCE
    assert stream.getvalue().splitlines()[-1] == f"no 1000 (and {withheld} more like it)"
    assert seldom.withheld == withheld
    clock.advance(1 / ALIKE_PER_S)
    log.warning("no %d", 1001)
    assert stream.getvalue().splitlines()[-1] == "no 1001"


def test_lines_that_are_all_different_are_no_way_around_it() -> None:
    stream = StringIO()
    seldom = Seldom(VirtualClock(0.0))
    log = logger_to(stream, seldom)
    for number in range(ALL_AT_ONCE + 500):
        log.warning(f"no {number}")
    assert len(stream.getvalue().splitlines()) == ALL_AT_ONCE
    assert seldom.withheld == 500
    assert len(vars(seldom)["_kinds"]) == KINDS
