"""Weight files that can be used and those that can't: each error names the file and the remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from embedded_fakes import Header, Tensors, rewritten, weights, write_tensors

from visavis.models.config import NANO
from visavis.models.lexicon import MARKS
from visavis.models.networks import WeightFile, shipped
from visavis.runtime.errors import WeightsError


def test_the_shipped_file_is_what_it_says() -> None:
    file = weights()
    assert file.config == NANO
    assert file.lexicon.words[: len(MARKS)] == MARKS
    assert all(t.dtype != np.float16 for t in file.tensors.values())
    assert sum(t.size for t in file.tensors.values()) < 8_200_000
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
