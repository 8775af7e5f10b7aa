"""The bench of abuse with its real server and abuser, small; and how it asks."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from visavis.latency_bench.abuse import PERIOD_S, Abuse, Asker, Kind, Sample, measure
from visavis.latency_bench.abuse_report import answers, of_kind, summary
from visavis.latency_bench.processes import BenchFailed
from visavis.runtime.clock import run_virtual


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
    waits = itertools.count(0, 3)
    found = run_virtual(Asker(Line(), lambda: float(next(waits))).ask(1.0, lambda: True))
    assert len(found) == round(1 / PERIOD_S)
    assert all(sample.ms == pytest.approx(10.0) for sample in found)
    assert {sample.waited_ms for sample in found} == {3.0}


def test_questions_go_on_until_the_abuse_is_over() -> None:
    async def main() -> list[Sample]:
        over = asyncio.get_running_loop().time() + 1.955  # behind the answer to the fortieth
        asker = Asker(Line(), lambda: 0.0)
        return await asker.ask(1.0, lambda: asyncio.get_running_loop().time() >= over)

    assert len(run_virtual(main())) == round(2 / PERIOD_S)


def test_a_refused_question_is_no_measurement() -> None:
    with pytest.raises(BenchFailed, match="refused"):
        run_virtual(Asker(Line("error"), lambda: 0.0).ask(1.0, lambda: True))


def test_the_real_thing_small() -> None:
    abuse = Abuse(sessions=1, count=80, window_s=1.0, rounds=1)
    found = asyncio.run(measure(abuse))
    for kind in Kind:
        (window,) = of_kind(found, kind)
        assert len(window.samples) >= 5 and window.seconds > 0
    one, many = (answers(of_kind(found, kind)) for kind in (Kind.ONE, Kind.MANY))
    assert sum(one.values()) == sum(many.values()) == 80
    assert one["429"] > 0  # some were answered unread
    assert all(status.startswith("4") for status in (*one, *many))
    assert set(found.cost_us) >= {"an offer that is read", "a message"}
    json.dumps(summary(abuse, found), allow_nan=False)
