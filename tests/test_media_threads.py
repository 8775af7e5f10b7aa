"""Codec work off the loop, in order, handed over together."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from transport_fakes import until

from visavis.transports.media_threads import MediaThreads, Urgency


def test_results_come_in_order_and_threads_end_with_the_last_lane() -> None:
    async def main() -> list[int]:
        before = threading.active_count()
        threads = MediaThreads(threads=2)
        got: list[int] = []
        lane = threads.lane(got.extend, limit=1000)
        other = threads.lane(got.extend, limit=10)
        for number in range(500):
            lane.put(lambda number=number: [number])  # type: ignore[misc]
        await until(lambda: len(got) == 500)
        lane.close()
        lane.close()
        assert threading.active_count() == before + 2
        other.close()
        await until(lambda: threading.active_count() == before)
        return got

    assert asyncio.run(main()) == list(range(500))


def test_a_lane_is_idle_when_all_was_delivered() -> None:
    async def main() -> None:
        threads = MediaThreads(threads=1)
        got: list[int] = []
        lane = threads.lane(got.extend, limit=10)
        assert lane.is_idle
        go, ran = threading.Event(), threading.Event()

        def job() -> list[int]:
            go.wait(10)
            return [1]

        lane.put(job)
        lane.put(lambda: [ran.set() or 2])  # type: ignore[func-returns-value, list-item]
        assert not lane.is_idle
        go.set()
        ran.wait(10)
        assert got == [] and not lane.is_idle  # the loop had no turn yet
        await until(lambda: got == [1, 2])
        assert lane.is_idle
        lane.close()
        assert not lane.is_idle

    asyncio.run(main())


def test_nothing_runs_on_the_loop_and_nothing_is_delivered_after_close() -> None:
    async def main() -> None:
        threads = MediaThreads(threads=1)
        got: list[str] = []
        lane = threads.lane(got.extend, limit=10)
        go, ran = threading.Event(), threading.Event()

        def job() -> list[str]:
            ran.set()
            go.wait(10)
            return [threading.current_thread().name]

        lane.put(job)
        await until(ran.is_set)
        lane.close()
        go.set()
        again = threads.lane(got.extend, limit=10)
        again.put(lambda: [threading.current_thread().name])
        await until(lambda: len(got) == 1)
        assert got == ["media 0"]
        again.close()

    asyncio.run(main())


def test_a_lane_that_is_behind_drops_its_oldest_job() -> None:
    async def main() -> None:
        threads = MediaThreads(threads=1)
        got: list[int] = []
        lane = threads.lane(got.extend, limit=3)
        go, ran = threading.Event(), threading.Event()

        def first() -> list[int]:
            ran.set()
            go.wait(10)
            return [-1]

        lane.put(first)
        await until(ran.is_set)
        for number in range(5):
            lane.put(lambda number=number: [number])  # type: ignore[misc]
        go.set()
        await until(lambda: len(got) == 4)
        assert (got, lane.dropped) == ([-1, 2, 3, 4], 2)
        lane.close()

    asyncio.run(main())


def test_audio_goes_before_pictures() -> None:
    async def main() -> None:
        threads = MediaThreads(threads=1)
        got: list[str] = []
        held = threads.lane(got.extend, limit=10)
        pictures = threads.lane(got.extend, limit=10, urgency=Urgency.PICTURES)
        audio = threads.lane(got.extend, limit=10)
        go, ran = threading.Event(), threading.Event()

        def hold() -> list[str]:
            ran.set()
            go.wait(10)
            return []

        held.put(hold)
        await until(ran.is_set)
        pictures.put(lambda: ["picture"])
        audio.put(lambda: ["audio"])
        go.set()
        await until(lambda: len(got) == 2)
        assert got == ["audio", "picture"]
        for lane in (held, pictures, audio):
            lane.close()

    asyncio.run(main())


def test_a_job_that_fails_is_reported_once_and_the_lane_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        threads = MediaThreads(threads=1)
        got: list[int] = []
        lane = threads.lane(got.extend, limit=10)

        def fail() -> list[int]:
            raise RuntimeError("broken")

        lane.put(fail)
        lane.put(fail)
        lane.put(lambda: [1])
        await until(lambda: got == [1])
        assert lane.failed == 2
        lane.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert len(caplog.records) == 1
