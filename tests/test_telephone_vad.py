"""The measurement's own arithmetic, and that both ways of listening on a telephone hear speech."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.models.training import telephone_vad
from visavis.models.training.dsp import RATE
from visavis.models.training.speech import flite


def test_the_area_is_that_of_the_roc_curve() -> None:
    voiced = np.array([False, False, True, True])
    assert telephone_vad.area(np.array([0.1, 0.2, 0.3, 0.4], np.float32), voiced) == 1.0
    assert telephone_vad.area(np.array([0.4, 0.3, 0.2, 0.1], np.float32), voiced) == 0.0
    assert telephone_vad.area(np.array([0.1, 0.4, 0.2, 0.3], np.float32), voiced) == 0.5


def test_windows_at_the_edges_of_speech_are_not_counted() -> None:
    loud = np.sin(np.arange(RATE) * 0.3).astype(np.float32)
    voiced, counted = telephone_vad.labels(np.pad(loud, (RATE, RATE)))
    assert int(voiced.sum()) in (31, 32, 33)
    assert int((~counted).sum()) == 4


def test_speech_is_heard_on_the_line_at_either_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = np.pad(flite("how many green squares are there", "slt"), (RATE, RATE))
    monkeypatch.setattr(telephone_vad, "_sentences", lambda: [sentence])
    figures = telephone_vad.measure([20.0])["snr_20_db"]
    for way in ("wide_16k", "line_16k", "line_8k"):
        assert figures[way]["area_under_roc"] > 0.95
        assert figures[way]["missed"] < 0.2
