"""The fused pipeline makes its model as the settings say."""

from __future__ import annotations

import logging

import pytest
from embedded_fakes import answer

from visavis.models.exit_risk import Calibration, calibration_path
from visavis.models.networks import shipped
from visavis.pipelines.fused import stepper
from visavis.runtime.settings import EngineSettings


def test_the_shipped_model_on_one_thread() -> None:
    model = stepper(EngineSettings(slots=2, threads=1, int8="on"))
    assert model.slots == 2
    assert model.chosen == {
        "model": "ONNX Runtime, 1 thread inside a step, audio encoder in 8 bits"
    }


def test_both_back_ends_say_the_same() -> None:
    onnx, torch = (
        stepper(EngineSettings(slots=1, threads=1, backend=backend, int8="off"))
        for backend in ("onnxruntime", "torch")
    )
    assert torch.chosen["model"] == "PyTorch"
    for question in ("hello", "what can you do", "what do you see"):
        assert answer(torch, question) == answer(onnx, question)


def test_a_risk_is_taken_only_with_a_calibration_of_these_weights(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whichever weights are shipped, calibrated or not."""
    weights = shipped("nano")
    with caplog.at_level(logging.WARNING):
        model = stepper(EngineSettings(slots=1, threads=1, wait_risk=0.05))
    if "turn end" in model.chosen:
        found = Calibration.load(calibration_path(weights)).wait_from(0.05)
        assert model.chosen["turn end"] == f"first layers alone from {found:.3f} on"
    else:
        assert "not calibrated" in caplog.text
