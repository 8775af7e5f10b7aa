"""Computing time as the kernel counts it."""

from __future__ import annotations

import os
import threading

import pytest

from visavis.latency_bench.cpu_time import CpuTime, FirstThread, is_known

pytestmark = pytest.mark.skipif(not is_known(), reason="needs Linux' scheduler statistics")


def compute() -> None:
    """Some milliseconds of it."""
    sum(number * number for number in range(200_000))


def test_what_is_computed_counts_and_waiting_does_not() -> None:
    before = CpuTime.of(os.getpid())
    compute()
    done = CpuTime.of(os.getpid()) - before
    assert done.computed_ms > 0 and done.waited_ms >= 0


def test_waiting_for_something_is_no_computing() -> None:
    first = FirstThread(os.getpid())
    before = first.time()
    compute()
    computed = first.time() - before
    before = first.time()
    threading.Event().wait(0.02)
    assert (first.time() - before).computed_ms < 20
    assert computed.computed_ms >= 0 and before.computed_ms > 0
    first.close()
    first.close()
    assert first.time() == CpuTime()


def test_threads_are_counted_while_they_live() -> None:
    is_done, may_end = threading.Event(), threading.Event()

    def work() -> None:
        compute()
        is_done.set()
        may_end.wait()

    first = FirstThread(os.getpid())
    before, own_before = CpuTime.of(os.getpid()), first.time()
    worker = threading.Thread(target=work)
    worker.start()
    is_done.wait()
    found = CpuTime.of(os.getpid()) - before
    own = first.time() - own_before
    first.close()
    may_end.set()
    worker.join()
    assert found.computed_ms > own.computed_ms


def test_a_process_that_is_gone_has_none() -> None:
    assert CpuTime.of(2**22 + 1) == CpuTime() == FirstThread(2**22 + 1).time()
