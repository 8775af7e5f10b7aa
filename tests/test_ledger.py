"""Stamps, what they mean, and histograms that stay small."""

from __future__ import annotations

import math
import random

import pytest

from visavis.runtime import ledger
from visavis.runtime.events import PictureSeen, TokensReady, VoiceActivity
from visavis.runtime.ledger import (
    Histogram,
    LatencyTotals,
    Stamps,
    latencies_ms,
    modal_ms,
    named_stamps,
)


def test_an_engine_may_leave_the_modality_to_the_event() -> None:
    stamps = {"arrived": 1.0, "latents_ready": 2.0, "first_token": 3.0}
    assert named_stamps(VoiceActivity(512, 0.5), stamps) == {
        "last_audio_arrived": 1.0,
        "audio_latents_ready": 2.0,
        "first_token": 3.0,
    }
    assert "picture_latents_ready" in named_stamps(PictureSeen(0, True), stamps)


def test_fusion_counts_from_the_last_thing_the_answer_needed() -> None:
    stamps = Stamps()
    stamps.mark(ledger.SHADOW_STARTED, 10.000)
    stamps.take({ledger.AUDIO_READY: 9.990, ledger.PICTURE_READY: 9.5})
    stamps.mark(ledger.FIRST_TOKEN, 10.003)
    assert latencies_ms(stamps)["fusion"] == pytest.approx(3)
    late = named_stamps(TokensReady(1, "a", False), {"latents_ready": 10.002})
    stamps.take(late)
    assert latencies_ms(stamps)["fusion"] == pytest.approx(1)


def test_every_latency_has_its_definition() -> None:
    stamps = Stamps(
        {
            ledger.SPEECH_END: 1.0,
            ledger.SILENCE_REACHED: 1.2,
            ledger.TURN_DECIDED: 1.21,
            ledger.FIRST_PACKET: 1.25,
            ledger.BARGE_IN: 2.0,
            ledger.HELD: 2.1,
            ledger.CUT: 2.4,
        }
    )
    assert latencies_ms(stamps) == pytest.approx(
        {
            "head_wait": 10,
            "commit": 40,
            "fto": 250,
            "stop": 100,
            "confirm": 400,
        }
    )


def test_modal_latencies_come_from_one_delivery() -> None:
    stamps = {"arrived": 0.5, "dequeued": 0.51, "picture_latents_ready": 0.53}
    assert modal_ms(named_stamps(PictureSeen(0, True), stamps)) == pytest.approx(
        {"modal_picture": 30, "modal_picture_queue": 10, "modal_picture_compute": 20}
    )
    assert modal_ms({ledger.AUDIO_ARRIVED: 1.0}) == {}
    assert modal_ms({}) == {}


def test_the_first_stamp_counts() -> None:
    stamps = Stamps()
    stamps.mark("a", 1.0)
    stamps.mark("a", 2.0)
    assert stamps.at == {"a": 1.0}
    stamps.renew("a", 2.0)
    assert stamps.at == {"a": 2.0}


def test_quantiles_are_right_to_a_bucket() -> None:
    random.seed(1)
    values = [random.lognormvariate(2, 1) for _ in range(5000)]
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    values.sort()
    for share in (0.5, 0.95, 0.99):
        assert histogram.quantile(share) == pytest.approx(values[int(share * 5000)], rel=0.06)
    assert histogram.largest == values[-1]
    assert histogram.quantile(1.0) == pytest.approx(values[-1])


def test_a_histogram_takes_anything_and_merges() -> None:
    one, other = Histogram(), Histogram()
    assert math.isnan(one.quantile(0.5))
    assert one.summary() == {"count": 0}
    one.add(-5)
    other.add(1e12)
    one.merge(other)
    assert one.summary()["count"] == 2
    assert one.summary()["max"] == 1e12


def test_totals_sum_up() -> None:
    totals = LatencyTotals()
    totals.add({"fusion": 2.0})
    totals.count("turns")
    summary = totals.summary()
    assert summary["counts"] == {"turns": 1}
    latency = summary["latency_ms"]
    assert isinstance(latency, dict)
    assert latency["fusion"]["p99"] == pytest.approx(2.0)
