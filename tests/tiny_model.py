"""A model of a few thousand random weights, in PyTorch."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from visavis.models import tensors
from visavis.models.config import NANO, ModelConfig
from visavis.models.lexicon import Lexicon
from visavis.models.weights import EmbeddedModel

TINY: ModelConfig = replace(
    NANO,
    name="tiny",
    audio_width=16,
    audio_hidden=24,
    dilations=(1, 2),
    picture=32,
    vision_width=16,
    vision_layers=1,
    vision_heads=2,
    letter_width=8,
    letter_hidden=8,
    width=20,
    heads=5,
    layers=4,
    exits=(2, 3),
    max_positions=64,
)
LEXICON = Lexicon.of(["a", "red", "blue", "circle", "square", "."])


def ints(tensor: Tensor) -> list[int]:
    """Its numbers, plainly."""
    return [int(one) for one in tensor.flatten()]


def tiny_model(seed: int = 1) -> EmbeddedModel:
    """Ready to run."""
    tensors.seed(seed)
    return EmbeddedModel(TINY, LEXICON).eval().requires_grad_(False)
