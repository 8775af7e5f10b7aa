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
from visavis.models.config import SPAN
from visavis.models.graphs import HearStep, Reference, export
from visavis.models.networks import Floats, OnnxNetworks, shipped
from visavis.models.weights import load

EXAMPLES = settings(max_examples=4, deadline=None)
CONFIG = weights().config
FRAMES = sum(2 * d for d in CONFIG.dilations)


@pytest.fixture(scope="module")
def onnx() -> OnnxNetworks:
    return OnnxNetworks(weights())


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
    rng = np.random.default_rng(seed)
    inputs = (
        drawn(rng, 0.1, rows, CONFIG.window),
        drawn(rng, 0.1, rows, SPAN - CONFIG.hop),
        drawn(rng, 1, rows, FRAMES, CONFIG.audio_width),
    )
    close(onnx.hear(*inputs), reference.hear(*inputs))


@EXAMPLES
@given(st.integers(1, 4), st.integers(0, 99))
def test_see(onnx: OnnxNetworks, reference: Reference, rows: int, seed: int) -> None:
    shape = (rows, CONFIG.picture, CONFIG.picture, 3)
    pictures = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    close((onnx.see(pictures),), (reference.see(pictures),))


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
@given(st.integers(1, 40), st.integers(0, 99), st.integers(0, 99))
def test_layers(onnx: OnnxNetworks, reference: Reference, new: int, held: int, seed: int) -> None:
    rng, head = np.random.default_rng(seed), CONFIG.width // CONFIG.heads
    first = CONFIG.exits[0]
    mask: Floats = np.zeros((new, held + new), np.float32)
    mask[:, held:] = np.triu(np.full((new, new), -np.inf), 1)
    angles = rng.uniform(0, 6, (new, head))
    turn = np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    x = drawn(rng, 1, 1, new, CONFIG.width)
    for name, layers in (("shallow", first), ("deep", CONFIG.layers - first)):
        past = [drawn(rng, 1, layers, 1, CONFIG.heads, held, head) for _ in range(2)]
        inputs = (x, past[0], past[1], turn, mask)
        close(getattr(onnx, name)(*inputs), getattr(reference, name)(*inputs))


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
    names = {"hear", "see", "read", "shallow", "deep"}
    assert set(sizes) == {f"tiny.{name}.onnx" for name in names} | {"tiny.graphs.json"}
    state = set(model.state_dict())
    for taken in _json(tmp_path / "tiny.graphs.json").values():
        assert taken and all(n in state or f"decoder.{n}" in state for n in taken)


def _json(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(path.read_text())
    return found
