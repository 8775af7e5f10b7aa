"""The bench of protocols: every way is one, in and out; and its arithmetic. No times are asserted."""

from __future__ import annotations

import json

import pytest

from visavis.latency_bench.processes import BenchFailed
from visavis.latency_bench.protocol import Measured, measure, summary, worst
from visavis.latency_bench.protocol_ends import PROTOCOLS

PUBLISHED = (
    "realtime-websocket", "realtime-webrtc", "rtvi", "twilio", "telnyx", "plivo", "vonage", "genesys",
    "asterisk", "audiosocket",
)  # fmt: skip


def case(*samples: tuple[float, float, float], message: str = "a message") -> Measured:
    it = Measured(protocol="P", direction="in", message=message)
    for sample in samples:
        it.add(*sample)
    return it


def test_waiting_for_a_core_is_not_the_protocols_own() -> None:
    it = case((1.0, 0.0, 0.4), (20.0, 19.0, 0.4), (3.0, 2.9, 0.4), (0.2, 0.0, 0.4))
    assert it.own_ms == pytest.approx([1.0, 1.0, 0.4, 0.2])  # never less than was computed
    assert it.ms == [1.0, 20.0, 3.0, 0.2]
    assert it.summary()["computed_us"] == 400.0


def test_the_worst_case_is_named() -> None:
    found = [case((1.0, 0.0, 0.1)), case((2.0, 0.0, 0.1), message="another")]
    assert worst(found) == ("P in: another", 2.0)
    result = json.loads(json.dumps(summary(found, 1), allow_nan=False))
    assert result["worst"] == {"case": "P in: another", "own_p99_ms": 2.0}
    assert [each["message"] for each in result["cases"]] == ["a message", "another"]


def test_every_protocol_is_timed_both_ways() -> None:
    assert tuple(PROTOCOLS) == PUBLISHED
    found = measure(2, warm=1)
    assert all(len(each.ms) == 2 and min(each.ms) > 0 for each in found)
    assert len({each.name for each in found}) == len(found)
    for direction in ("in", "out"):
        assert len({each.protocol for each in found if each.direction == direction}) == 10


def test_one_protocol_alone() -> None:
    found = measure(1, ["audiosocket"], warm=0)
    assert {each.protocol for each in found} == {"AudioSocket"}
    with pytest.raises(BenchFailed, match="carrier-pigeon"):
        measure(1, ["carrier-pigeon"])
