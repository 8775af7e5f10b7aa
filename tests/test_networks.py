"""Weight files that can be used and those that can't: each error names the file and the remedy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from embedded_fakes import networks, weights, write_tensors

from visavis.models.config import NANO
from visavis.models.lexicon import MARKS
from visavis.models.networks import OnnxNetworks, WeightFile, describe, shipped
from visavis.runtime.errors import WeightsError

Tensors = dict[str, npt.NDArray[Any]]
Header = dict[str, str]


def rewritten(path: Path, change: Callable[[Tensors, Header], None]) -> Path:
    """The shipped file with something changed."""
    tensors, header = dict(weights().tensors), describe(shipped("nano"))
    change(tensors, header)
    write_tensors(path, tensors, header)
    return path


def test_the_shipped_file_is_what_it_says() -> None:
    file = weights()
    assert file.config == NANO
    assert file.lexicon.words[: len(MARKS)] == MARKS
    assert all(t.dtype != np.float16 for t in file.tensors.values())
    assert sum(t.size for t in file.tensors.values()) < 6_100_000
    assert shipped("nano").stat().st_size < 30e6


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(WeightsError, match="'mega'.*nano"):
        shipped("mega")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.safetensors does not exist.*make train"):
        WeightFile(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("size", [0, 4, 100, 5_000, 1_000_000])
def test_a_truncated_file_is_damaged(tmp_path: Path, size: int) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(shipped("nano").read_bytes()[:size])
    with pytest.raises(WeightsError, match=r"short\.safetensors can't be read.*reinstall"):
        WeightFile(path)


def test_a_file_of_something_else_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "noise.safetensors"
    path.write_bytes(np.random.default_rng(0).bytes(10_000))
    with pytest.raises(WeightsError, match=r"noise\.safetensors can't be read"):
        WeightFile(path)


def test_a_file_of_another_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_tensors(path, {"x": np.zeros(3, np.float32)})
    with pytest.raises(WeightsError, match=r"other\.safetensors has format None, not 'visavis-1'"):
        WeightFile(path)
    write_tensors(path, {"x": np.zeros(3, np.float32)}, {"format": "visavis-0"})
    with pytest.raises(WeightsError, match="'visavis-0'.*another version"):
        WeightFile(path)


def _no_words(_: Tensors, header: Header) -> None:
    del header["words"]


def _no_lexicon(_: Tensors, header: Header) -> None:
    header["words"] = json.dumps(["red", "blue"])


def _no_json(_: Tensors, header: Header) -> None:
    header["config"] = "{"


def _no_name(_: Tensors, header: Header) -> None:
    header["config"] = json.dumps({"width": 160})


def _no_table(_: Tensors, header: Header) -> None:
    header["config"] = "[]"


@pytest.mark.parametrize("change", [_no_words, _no_lexicon, _no_json, _no_name, _no_table])
def test_a_header_that_makes_no_sense_is_told(
    tmp_path: Path, change: Callable[[Tensors, Header], None]
) -> None:
    path = rewritten(tmp_path / "odd.safetensors", change)
    with pytest.raises(WeightsError, match=r"odd\.safetensors does not fit.*make train"):
        WeightFile(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_is_found(tmp_path: Path, bad: float) -> None:
    def poison(tensors: Tensors, _: Header) -> None:
        tensors["decoder.head.weight"] = tensors["decoder.head.weight"].copy()
        tensors["decoder.head.weight"][3, 5] = bad

    path = rewritten(tmp_path / "nan.safetensors", poison)
    with pytest.raises(
        WeightsError, match=r"nan\.safetensors.*not finite in decoder\.head\.weight"
    ):
        WeightFile(path)


def test_sizes_of_a_later_version_are_left_out(tmp_path: Path) -> None:
    def extend(_: Tensors, header: Header) -> None:
        header["config"] = json.dumps({**json.loads(header["config"]), "ears": 2})

    assert WeightFile(rewritten(tmp_path / "new.safetensors", extend)).config == NANO


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    def lose(tensors: Tensors, _: Header) -> None:
        del tensors["vision.out.weight"]

    with pytest.raises(WeightsError, match=r"lacks 'vision.out.weight'.*nano\.see\.onnx"):
        OnnxNetworks(WeightFile(rewritten(tmp_path / "lost.safetensors", lose)))


def test_a_tensor_of_another_shape_does_not_fit(tmp_path: Path) -> None:
    def grow(tensors: Tensors, _: Header) -> None:
        tensors["vision.out.weight"] = np.zeros((7, 7), np.float32)

    with pytest.raises(WeightsError, match=r"do not fit the graph nano\.see\.onnx"):
        networks = OnnxNetworks(WeightFile(rewritten(tmp_path / "grown.safetensors", grow)))
        networks.see(np.zeros((1, 96, 96, 3), np.uint8))


def test_missing_graphs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "weights"
    monkeypatch.setattr("visavis.models.networks.__file__", str(tmp_path / "networks.py"))
    with pytest.raises(WeightsError, match=r"nano\.graphs\.json is missing: reinstall"):
        OnnxNetworks(weights())
    shutil.copytree(Path(shipped.__code__.co_filename).with_name("weights"), folder)
    (folder / "nano.see.onnx").unlink()
    with pytest.raises(WeightsError, match=r"nano\.see\.onnx is missing: reinstall"):
        OnnxNetworks(weights())


def test_shapes_of_all_five() -> None:
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
    assert n.see(np.zeros((2, 96, 96, 3), np.uint8)).shape == (2, c.picture_tokens, c.width)
    chances = np.zeros((3, 5, c.classes), np.float32)
    latents = np.zeros((3, 5, c.audio_width), np.float32)
    assert n.read(chances, latents, np.array([5, 1, 2])).shape == (3, c.width)
