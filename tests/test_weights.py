"""A model goes into its file and comes out again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from embedded_fakes import write_tensors
from tiny_model import LEXICON, TINY, tiny_model

from visavis.models.networks import WeightFile, describe, shipped
from visavis.models.weights import load, save
from visavis.runtime.errors import WeightsError


def test_a_model_survives_its_file_at_half_precision(tmp_path: Path) -> None:
    model, path = tiny_model(), tmp_path / "deep" / "tiny.safetensors"
    save(model, path, {"minutes": 3})
    file = WeightFile(path)
    assert (file.config, file.lexicon.words) == (TINY, LEXICON.words)
    assert file.notes == {"minutes": 3}
    again = load(path)
    assert not again.training and not any(p.requires_grad for p in again.parameters())
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, atol=2e-3, rtol=2e-3)
    assert again.parameter_count == model.parameter_count


def test_the_shipped_model_is_small() -> None:
    model = load(shipped("nano"))
    assert model.parameter_count <= 8_100_000


def test_a_file_with_other_tensors_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save(tiny_model(), path, {})
    tensors, header = dict(WeightFile(path).tensors), describe(path)
    del tensors["decoder.head.bias"]
    write_tensors(path, tensors, header)
    with pytest.raises(
        WeightsError, match=r"(?s)tiny\.safetensors does not fit.*decoder\.head\.bias"
    ):
        load(path)
