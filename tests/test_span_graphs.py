"""The decoder's graphs are small, hold no weights, and compute what the layers in PyTorch compute."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tiny_model import LEXICON, TINY, tiny_model

from visavis.models import networks as networks_module
from visavis.models.graphs import Reference, export
from visavis.models.networks import WeightFile
from visavis.models.onnx_networks import OnnxNetworks
from visavis.models.span_graphs import span_graph
from visavis.models.weights import EmbeddedModel, save
from visavis.runtime.errors import WeightsError

_onnx: Any = onnx  # it has no types for what it reads


@pytest.mark.parametrize(("first", "last"), [(0, 2), (2, 4), (0, 4)])
def test_a_layer_is_ten_nodes_and_no_weight_is_inside(first: int, last: int) -> None:
    structure, weights = span_graph(TINY, len(LEXICON), first, last)
    graph = _onnx.load_from_string(structure).graph
    assert len(graph.node) == 10 * (last - first) + 2
    state = {name: tuple(t.shape) for name, t in tiny_model().state_dict().items()}
    outside = {
        tensor.name: tuple(tensor.dims)
        for tensor in graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    }
    assert set(outside) == set(weights)
    assert all(state[name] == shape for name, shape in outside.items())
    assert len(structure) < 40_000


def test_another_model_with_other_sizes_computes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heads of 16 numbers, the fewest that ONNX Runtime turns."""
    config = replace(TINY, name="odd", width=96, heads=6, layers=3, exits=(1, 2))
    model = EmbeddedModel(config, LEXICON).eval().requires_grad_(False)
    folder = tmp_path / "weights"
    save(model, folder / "odd.safetensors", {})
    export(model, folder)
    monkeypatch.setattr(networks_module, "__file__", str(tmp_path / "networks.py"))
    monkeypatch.setitem(networks_module.CONFIGS, "odd", config)
    weights = WeightFile(folder / "odd.safetensors")
    ours, theirs = OnnxNetworks(weights).new_cache(), Reference(model).new_cache()
    rng, start = np.random.default_rng(0), 0
    for size in (5, 1, 3):
        x = rng.normal(0, 1, (size, config.width)).astype(np.float32)
        for span in ("shallow", "deep"):
            for found, wanted in zip(
                getattr(ours, span)(x, start), getattr(theirs, span)(x, start), strict=True
            ):
                np.testing.assert_allclose(found, wanted, atol=5e-3, rtol=5e-3)
        start += size
    np.testing.assert_allclose(ours.held(start), theirs.held(start), atol=5e-3, rtol=5e-3)


def test_heads_that_onnx_runtime_cannot_turn_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, folder = tiny_model(), tmp_path / "weights"
    save(model, folder / "tiny.safetensors", {})
    export(model, folder)
    monkeypatch.setattr(networks_module, "__file__", str(tmp_path / "networks.py"))
    monkeypatch.setitem(networks_module.CONFIGS, "tiny", TINY)
    opened = OnnxNetworks(WeightFile(folder / "tiny.safetensors"))
    with pytest.raises(WeightsError, match="4 numbers wide.*multiples of 16.*backend=torch"):
        opened.new_cache()
