"""The graphs in ONNX Runtime compute what the modules in PyTorch compute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from embedded_fakes import weights
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import TINY, tiny_model

from visavis.models import tensors
from visavis.models.block_weights import PACKED, SCALES
from visavis.models.config import SPAN
from visavis.models.graphs import HearStep, Reference, export
from visavis.models.networks import Floats, shipped
from visavis.models.onnx_networks import EIGHT_BIT, OnnxNetworks
from visavis.models.weights import load

EXAMPLES = settings(max_examples=4, deadline=None)
CONFIG = weights().config
FRAMES = sum(2 * d for d in CONFIG.dilations)


@pytest.fixture(scope="module")
def onnx() -> OnnxNetworks:
    return OnnxNetworks(weights(), int8=False)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(load(shipped("nano")))


def close(found: tuple[Floats, ...], wanted: tuple[Floats, ...]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=3e-3, rtol=3e-3)


def drawn(rng: np.random.Generator, scale: float, *shape: int) -> Floats:
    return rng.normal(0, scale, shape).astype(np.float32)


@EXAMPLES
@given(st.integers(1, 9), st.integers(0, 99))
def test_hear(onnx: OnnxNetworks, reference: Reference, rows: int, seed: int) -> None:
    inputs = heard(np.random.default_rng(seed), rows)
    close(onnx.hear(*inputs), reference.hear(*inputs))


def heard(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats, Floats]:
    return (
        drawn(rng, 0.1, rows, CONFIG.window),
        drawn(rng, 0.1, rows, SPAN - CONFIG.hop),
        drawn(rng, 1, rows, FRAMES, CONFIG.audio_width),
    )


def test_eight_bits_hear_the_same_letters(reference: Reference) -> None:
    small, rng = OnnxNetworks(weights(), int8=True), np.random.default_rng(0)
    assert small.told.endswith("audio encoder in 8 bits")
    inputs = heard(rng, 64)
    found, wanted = small.hear(*inputs), reference.hear(*inputs)
    assert (found[0].argmax(-1) == wanted[0].argmax(-1)).mean() > 0.96
    np.testing.assert_allclose(found[1], wanted[1], atol=0.15)
    np.testing.assert_allclose(found[2], wanted[2])


@EXAMPLES
@given(st.integers(2, 8), st.integers(0, 99))
def test_in_eight_bits_nobody_hears_what_others_say(rows: int, seed: int) -> None:
    small = OnnxNetworks(weights(), int8=True)
    inputs = heard(np.random.default_rng(seed), rows)
    together = small.hear(*inputs)
    for row in range(rows):
        alone = small.hear(*(one[row : row + 1] for one in inputs))
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one[row : row + 1], other, atol=2e-4)


@EXAMPLES
@given(st.integers(1, 4), st.integers(0, 99))
def test_both_halves_of_seeing(
    onnx: OnnxNetworks, reference: Reference, rows: int, seed: int
) -> None:
    shape = (rows, CONFIG.picture, CONFIG.picture, 3)
    pictures = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    glanced = reference.glance(pictures)
    close((onnx.glance(pictures),), (glanced,))
    close((onnx.recognise(glanced),), (reference.recognise(glanced),))


@EXAMPLES
@given(st.integers(1, 9), st.integers(1, 16), st.integers(0, 99))
def test_read(
    onnx: OnnxNetworks, reference: Reference, words: int, letters: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(CONFIG.classes), (words, letters)).astype(np.float32)
    latents = drawn(rng, 1, words, letters, CONFIG.audio_width)
    lengths = rng.integers(1, letters + 1, words)
    close((onnx.read(chances, latents, lengths),), (reference.read(chances, latents, lengths),))


@EXAMPLES
@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(0, 9), st.integers(0, 99))
def test_layers(
    onnx: OnnxNetworks, reference: Reference, sizes: list[int], back: int, seed: int
) -> None:
    """Pass behind pass over one cache, the last over positions that were there already."""
    rng = np.random.default_rng(seed)
    ours, theirs = onnx.new_cache(), reference.new_cache()
    start = 0
    for number, size in enumerate(sizes):
        if number == len(sizes) - 1:
            start = max(0, start - back)
        x = drawn(rng, 1, size, CONFIG.width)
        close(ours.shallow(x, start), theirs.shallow(x, start))
        close(ours.deep(x, start), theirs.deep(x, start))
        start += size
        close((ours.held(start),), (theirs.held(start),))


def test_a_cache_can_be_full_to_its_last_position(onnx: OnnxNetworks, reference: Reference) -> None:
    x = drawn(np.random.default_rng(0), 1, CONFIG.max_positions, CONFIG.width)
    ours, theirs = onnx.new_cache(), reference.new_cache()
    close(ours.shallow(x[:-1], 0), theirs.shallow(x[:-1], 0))
    close(ours.shallow(x[-1:], len(x) - 1), theirs.shallow(x[-1:], len(x) - 1))


def test_a_used_cache_is_as_good_as_a_new_one_and_knows_no_other(onnx: OnnxNetworks) -> None:
    rng = np.random.default_rng(0)
    x, other = drawn(rng, 1, 9, CONFIG.width), drawn(rng, 1, 30, CONFIG.width)
    used, fresh = onnx.new_cache(), onnx.new_cache()
    used.shallow(other, 0)
    wanted = fresh.shallow(x, 0)
    for found, one in zip(used.shallow(x, 0), wanted, strict=True):
        np.testing.assert_array_equal(found, one)


def test_a_step_of_hearing_is_a_step_of_the_encoder() -> None:
    model = tiny_model()
    step, encoder = HearStep(model), model.audio
    tensors.seed(0)
    pcm = torch.randn(3, 7 * TINY.window) * 0.1
    whole, latents = encoder(pcm)
    samples = torch.zeros(3, SPAN - TINY.hop)
    frames = torch.zeros(3, sum(2 * d for d in TINY.dilations), TINY.audio_width)
    k = TINY.letters_per_frame
    for at in range(7):
        part = pcm[:, at * TINY.window : (at + 1) * TINY.window]
        chances, latent, samples, frames = step(part, samples, frames)
        wanted = whole[:, at * k : (at + 1) * k].softmax(dim=-1)
        torch.testing.assert_close(chances, wanted, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(latent, latents[:, at], atol=1e-3, rtol=1e-3)


def test_graphs_hold_structure_only_and_name_their_weights(tmp_path: Path) -> None:
    model = tiny_model()
    export(model, tmp_path)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    names = {"hear", EIGHT_BIT, "glance", "recognise", "read", "shallow", "deep"}
    assert set(sizes) == {f"tiny.{name}.onnx" for name in names} | {"tiny.graphs.json"}
    state = set(model.state_dict())
    for taken in _json(tmp_path / "tiny.graphs.json").values():
        whole = {name.removesuffix(PACKED).removesuffix(SCALES) for name in taken}
        assert whole and all(n in state or f"decoder.{n}" in state for n in whole)


def _json(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(path.read_text())
    return found
