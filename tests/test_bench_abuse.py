"""The bench of abuse with its real server and abuser, small; and its arithmetic."""

from __future__ import annotations

import asyncio
import json
import math
from typing import cast

import pytest

from visavis.latency_bench.abuse import Abuse, AbuseOutcome, Asker, measure, summary
from visavis.latency_bench.abuser import BoutDone
from visavis.latency_bench.processes import BenchFailed
from visavis.runtime.clock import run_virtual


def outcome(quiet: list[float], abused: list[float]) -> AbuseOutcome:
    done = BoutDone({"400": 9, "413": 1}, 10, 0, 1.0)
    return AbuseOutcome(
        quiet=quiet, abused=abused, bouts=[done, done], before={}, after={"visavis_sessions": 2.0}
    )


def test_the_ratio_is_of_the_99th_percentiles() -> None:
    assert outcome([1.0] * 99 + [50.0], [1.1] * 99 + [70.0]).ratio == pytest.approx(1.1)
    assert math.isnan(outcome([], [1.0]).ratio)
    result = summary(Abuse(), outcome([1.0], [2.0]))
    assert result["p99_ratio"] == 2.0
    assert result["offers"] == {"400": 18, "413": 2} and result["messages"] == 20


class Line:
    """Answers after 10 ms of virtual time, with an event of another kind before."""

    def __init__(self, kind: str = "session.updated") -> None:
        self._kind = kind
        self._events: list[str] = []

    async def send(self, message: str) -> None:
        session = json.loads(message)["session"]
        await asyncio.sleep(0.01)
        self._events = [
            json.dumps({"type": "visavis.state", "state": "listening"}),
            json.dumps({"type": self._kind, "session": session}),
        ]

    async def recv(self) -> str:
        return self._events.pop(0)


def test_questions_keep_their_pace_and_are_timed() -> None:
    found = run_virtual(Asker(Line()).ask(1.0))
    assert len(found) == 20
    assert all(value == pytest.approx(10.0) for value in found)


def test_a_refused_question_is_no_measurement() -> None:
    with pytest.raises(BenchFailed, match="refused"):
        run_virtual(Asker(Line("error")).ask(1.0))


def test_the_real_thing_small() -> None:
    abuse = Abuse(sessions=1, count=40, window_s=1.0, rounds=1)
    found = asyncio.run(measure(abuse))
    assert len(found.quiet) >= 5 and len(found.abused) >= 5
    result = summary(abuse, found)
    assert isinstance(result["offers"], dict)
    offers = cast("dict[str, int]", result["offers"])
    assert sum(offers.values()) == 40
    assert all(status.startswith("4") for status in offers)
    assert result["messages"] == 40
