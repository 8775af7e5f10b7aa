"""The networks in ONNX Runtime: what they give, and graphs and weights that do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from embedded_fakes import Header, Tensors, networks, rewritten, weights

from visavis.models.config import NANO
from visavis.models.networks import WeightFile, shipped
from visavis.models.onnx_networks import EIGHT_BIT, OnnxNetworks
from visavis.runtime.errors import WeightsError


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    def lose(tensors: Tensors, _: Header) -> None:
        del tensors["vision.out.weight"]

    with pytest.raises(WeightsError, match=r"lacks 'vision.out.weight'.*nano\.recognise\.onnx"):
        OnnxNetworks(WeightFile(rewritten(tmp_path / "lost.safetensors", lose)))


def test_a_tensor_of_another_shape_does_not_fit(tmp_path: Path) -> None:
    def grow(tensors: Tensors, _: Header) -> None:
        tensors["vision.out.weight"] = np.zeros((7, 7), np.float32)

    with pytest.raises(WeightsError, match=r"do not fit the graph nano\.recognise\.onnx"):
        networks = OnnxNetworks(WeightFile(rewritten(tmp_path / "grown.safetensors", grow)))
        networks.recognise(np.zeros((1, 36, 128), np.float32))


def test_missing_graphs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, folder = shipped("nano").parent, tmp_path / "weights"
    folder.mkdir()
    shutil.copy(theirs / "nano.safetensors", folder)
    file = WeightFile(folder / "nano.safetensors")
    OnnxNetworks(file)  # the shipped graphs
    monkeypatch.setattr("visavis.models.networks.__file__", str(tmp_path / "networks.py"))
    with pytest.raises(WeightsError, match=r"nano\.graphs\.json is missing: reinstall"):
        OnnxNetworks(file)
    shutil.copytree(theirs, folder, dirs_exist_ok=True)
    OnnxNetworks(file)  # its own
    (folder / "nano.recognise.onnx").unlink()
    with pytest.raises(WeightsError, match=r"nano\.recognise\.onnx is missing: reinstall"):
        OnnxNetworks(file)


@pytest.mark.parametrize(("whole", "small", "is_chosen"), [(2.0, 1.0, True), (1.0, 1.0, False)])
def test_eight_bits_are_taken_where_they_are_faster(
    monkeypatch: pytest.MonkeyPatch, whole: float, small: float, is_chosen: bool
) -> None:
    def seconds(_: OnnxNetworks, graph: str) -> float:
        return {"hear": whole, EIGHT_BIT: small}[graph]

    monkeypatch.setattr(OnnxNetworks, "_hear_seconds", seconds)
    assert ("8 bits" in OnnxNetworks(weights()).told) == is_chosen
    assert "8 bits" in OnnxNetworks(weights(), int8=True).told
    assert "8 bits" not in OnnxNetworks(weights(), int8=False).told


def test_shapes_of_what_each_gives() -> None:
    c, n = NANO, networks()
    frames = np.zeros((2, sum(2 * d for d in c.dilations), c.audio_width), np.float32)
    samples = np.zeros((2, 272), np.float32)
    heard = n.hear(np.zeros((2, c.window), np.float32), samples, frames)
    assert [a.shape for a in heard] == [
        (2, c.letters_per_frame, c.classes),
        (2, c.audio_width),
        samples.shape,
        frames.shape,
    ]
    np.testing.assert_allclose(heard[0].sum(axis=2), 1, atol=1e-5)
    glanced = n.glance(np.zeros((2, 96, 96, 3), np.uint8))
    assert glanced.shape == (2, c.picture_tokens, c.vision_width)
    assert n.recognise(glanced).shape == (2, c.picture_tokens, c.width)
    layers = n.new_cache()
    for span in (layers.shallow, layers.deep):
        words, hidden = span(np.zeros((4, c.width), np.float32), 0)
        assert (words.shape, hidden.shape) == ((4, len(weights().lexicon)), (4, c.width))
    chances = np.zeros((3, 5, c.classes), np.float32)
    latents = np.zeros((3, 5, c.audio_width), np.float32)
    assert n.read(chances, latents, np.array([5, 1, 2])).shape == (3, c.width)


def test_what_a_pass_returned_is_not_touched_by_the_next() -> None:
    """All conversations share the buffers of a pass."""
    one, other = networks().new_cache(), networks().new_cache()
    words, hidden = one.shallow(np.full((3, NANO.width), 0.5, np.float32), 0)
    kept = words.copy(), hidden.copy()
    other.shallow(np.full((3, NANO.width), -0.5, np.float32), 0)
    np.testing.assert_array_equal(words, kept[0])
    np.testing.assert_array_equal(hidden, kept[1])
