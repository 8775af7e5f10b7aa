"""How right answers are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from embedded_fakes import weights
from hypothesis import given
from hypothesis import strategies as st
from training_fakes import write_scenes, write_speech

from visavis.models.embedded import open_embedded
from visavis.models.training.evaluate import SLOTS, Tally, interval, spoken, typed
from visavis.models.training.language import respond
from visavis.models.training.train_audio import Utterances
from visavis.models.training.train_vision import Pictures
from visavis.runtime.events import Head


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


def test_a_tally_counts_answers_and_words() -> None:
    exchange = respond("what can you do", None)
    assert exchange is not None
    tally = Tally()
    tally.add(exchange, "what can you do", Head.ANSWER, exchange.answer)
    tally.add(exchange, "what can do", Head.WAIT, "Red.")
    report = tally.report()
    assert (report["right"], report["samples"]) == (0.5, 2)
    assert report["word_error_rate"] == 1 / 8
    assert report["families"][exchange.family]["samples"] == 2
    assert report["heads"] == {"answer": 1, "wait": 1}
    (mistake,) = report["mistakes"]
    assert mistake.startswith("what can you do | heard: what can do | wanted: ")


def test_questions_go_through_the_runtime(tmp_path: Path) -> None:
    model = open_embedded(weights(), SLOTS)
    pictures = Pictures(write_scenes(tmp_path / "scenes", 4), "test")
    pictures.refresh()
    pool = Utterances(write_speech(tmp_path / "speech", ("seen",)), "seen")
    pool.refresh()
    assert len(typed(model, pictures, 5, seed=1).report()["mistakes"]) <= 5
    report = spoken(model, pool, pictures, limit=4, seed=1).report()
    assert 1 <= report["samples"] <= 3, "an utterance without words is no question"
