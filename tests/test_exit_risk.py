"""The first layers judge alone only as often wrong as it is stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.models.exit_risk import KEPT, Calibration, calibration_path, wait_from


def weights(folder: Path, content: bytes = b"weights") -> Path:
    path = folder / "some.safetensors"
    path.write_bytes(content)
    return path


@given(
    st.lists(st.floats(0, 1, width=32), min_size=20, max_size=150, unique=True),
    st.floats(0.001, 0.5),
)
def test_no_more_finished_questions_than_the_risk_allows(chances: list[float], risk: float) -> None:
    found = Calibration(tuple(sorted(chances, reverse=True)), len(chances), "")
    threshold = found.wait_from(risk)
    if threshold is None:
        assert risk * (len(chances) + 1) < 1
        return
    wrong = sum(chance >= threshold for chance in chances)
    assert wrong <= risk * (len(chances) + 1) - 1 + 1e-9
    lower = sum(chance >= np.nextafter(threshold, 0.0) for chance in chances)
    assert lower == wrong or lower + 1 > risk * (len(chances) + 1) - 1


def test_the_promise_holds_for_questions_it_was_not_calibrated_on() -> None:
    rng = np.random.default_rng(0)
    wrong: list[float] = []
    for _ in range(200):
        threshold = Calibration(
            tuple(sorted(rng.beta(0.5, 3, 200), reverse=True)), 200, ""
        ).wait_from(0.02)
        assert threshold is not None
        wrong.append(float((rng.beta(0.5, 3, 500) >= threshold).mean()))
    assert 0.015 < np.mean(wrong) < 0.0215  # 4 of 201 is what it comes to


@pytest.mark.parametrize(("finished", "risk"), [(50, 0.01), (50, 0.0), (0, 0.4)])
def test_too_few_questions_promise_nothing(finished: int, risk: float) -> None:
    assert Calibration((0.9,) * min(finished, 3), finished, "").wait_from(risk) is None


def test_a_calibration_is_of_its_weights_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = weights(tmp_path)
    assert wait_from(path, 0.01) is None
    assert "not calibrated" in caplog.text
    chances = np.random.default_rng(0).random(3 * KEPT)
    written = Calibration.of(list(chances), 600, path)
    written.save(calibration_path(path))
    assert len(Calibration.load(calibration_path(path)).highest) == KEPT
    threshold = wait_from(path, 0.01)
    assert threshold is not None and (chances >= threshold).sum() <= 5
    caplog.clear()
    assert wait_from(path, 0.0) is None
    assert caplog.text == ""
    weights(tmp_path, b"other weights")
    assert wait_from(path, 0.01) is None
    assert "not calibrated" in caplog.text


@pytest.mark.parametrize("text", ["", "[]", '{"highest": [1], "finished": 3}', "nothing"])
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.exits.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"odd\.exits\.json is no calibration.*exit_risk"):
        Calibration.load(path)
