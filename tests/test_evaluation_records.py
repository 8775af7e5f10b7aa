"""Counting: intervals, word errors, calibration, confusion, groups."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.models.evaluation.records import (
    Record,
    calibration,
    confusion,
    edits,
    interval,
    report,
    snr_band,
)

RECORD = Record(
    test="seen",
    family="colour",
    question="what colour is this",
    heard="what colour is this",
    key="red",
    wanted="It is red.",
    answer="It is red.",
    named="red",
    is_right=True,
    head="answer",
    certainty=0.9,
    voice="flite/slt",
    snr_db=12.0,
)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_wilsons(right: int, count: int, low: float, high: float) -> None:
    assert interval(right, count) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 2000), st.data())
def test_the_interval_holds_the_share(count: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, count))
    low, high = interval(right, count)
    assert -1e-9 <= low <= right / count + 1e-9 and right / count - 1e-9 <= high <= 1 + 1e-9


@pytest.mark.parametrize(
    ("wanted", "got", "count"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a c", 1),
        ("a b", "a x b", 1),
        ("a b", "", 2),
        ("a", "b c", 2),
    ],
)
def test_word_errors_are_the_fewest_edits(wanted: str, got: str, count: int) -> None:
    assert edits(wanted.split(), got.split()) == count


def test_certainty_is_held_against_the_share_that_was_right() -> None:
    sure = [replace(RECORD, certainty=0.95, is_right=i < 9) for i in range(10)]
    unsure = [replace(RECORD, certainty=0.25, is_right=i < 5) for i in range(10)]
    bins, error = calibration([*sure, *unsure])
    assert [(b.certainty, b.right, b.samples) for b in bins] == [(0.25, 0.5, 10), (0.95, 0.9, 10)]
    assert error == pytest.approx((0.25 + 0.05) / 2)
    assert calibration([]) == ([], 0.0)
    assert calibration([replace(RECORD, certainty=1.0)])[0][0].samples == 1


def test_confusion_counts_what_was_named_instead() -> None:
    wrong = replace(RECORD, named="pink", is_right=False)
    two = replace(RECORD, key="red blue", named="")
    none = replace(RECORD, named="")
    assert confusion([RECORD, RECORD, wrong, two, none], "colour") == {
        "red": {"pink": 1, "red": 2, "–": 1}
    }
    assert confusion([RECORD], "shape") == {}


def test_a_report_has_all_of_a_test() -> None:
    missed = replace(
        RECORD, heard="what colour is", answer="", named="", is_right=False, head="silent",
        voice="espeak/en", snr_db=math.inf,
    )  # fmt: skip
    found = report([RECORD, missed])
    assert (found["right"], found["samples"]) == (0.5, 2)
    assert found["word_error_rate"] == 1 / 8
    assert found["heads"] == {"answer": 1, "silent": 1}
    assert found["families"]["colour"]["samples"] == 2
    assert found["word_errors_by_voice"]["espeak/en"]["word_error_rate"] == 0.25
    assert set(found["word_errors_by_snr"]) == {"10 dB", "clean"}
    (mistake,) = found["mistakes"]
    assert mistake.startswith("what colour is this | heard: what colour is | wanted: It is red.")
    assert snr_band(RECORD) == "10 dB"
