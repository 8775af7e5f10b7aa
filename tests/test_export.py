"""The trained parts become one file that the runtime opens."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from embedded_fakes import answer, picture

from visavis.models import tensors
from visavis.models.config import NANO
from visavis.models.embedded import open_embedded
from visavis.models.lexicon import Lexicon
from visavis.models.networks import WeightFile
from visavis.models.training.export import main
from visavis.models.training.schedule import Run, muon
from visavis.models.training.wording import ANSWER_WORDS
from visavis.models.weights import EmbeddedModel


def test_runs_become_a_weight_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors.seed(0)
    model = EmbeddedModel(NANO, Lexicon.of(ANSWER_WORDS))
    optimizer = muon([model], 1e-3, decay=0.0)
    runs, out = tmp_path / "runs", tmp_path / "weights" / "nano.safetensors"
    Run("audio", runs, 1, 1e-3).save({"encoder": model.audio}, optimizer)
    Run("vision", runs, 1, 1e-3).save({"vision": model.vision}, optimizer)
    Run("fused", runs, 1, 1e-3).save({"decoder": model.decoder}, optimizer)
    monkeypatch.setattr(sys, "argv", ["export", "--runs", str(runs), "--out", str(out)])
    main()
    file = WeightFile(out)
    assert file.config == NANO
    assert {"vision", "audio", "fused"} == set(file.notes)
    assert len(list(out.parent.glob("nano.*.onnx"))) == 7
    agent = open_embedded(file, 1)
    agent.look([0], picture(60))
    assert answer(agent, "what is it")
