"""A small performance model for tests: the sizes `tiny`, float32, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from visavis.models.performance.batches import KINDS, Batches
from visavis.models.performance.config import performance_config
from visavis.models.performance.model import Built, PerformanceModel
from visavis.models.stepper import Pictures, Samples

torch.set_num_threads(1)  # two threads that wait for each other on busy cores are slower than one

CPU = torch.device("cpu")


def tiny_model(slots: int = 4, seed: int = 1) -> PerformanceModel:
    return PerformanceModel(performance_config("tiny"), Built(slots, CPU, torch.float32, seed))


def tiny_batches(
    slots: int = 4, kinds: Sequence[str] = KINDS, model: PerformanceModel | None = None
) -> Batches:
    batches = Batches(model or tiny_model(slots))
    batches.prepare(kinds, exits=(0, 1))
    return batches


def noise(rows: int, seed: int) -> Samples:
    return np.random.default_rng(seed).normal(0.0, 0.3, (rows, 512)).astype(np.float32)


def pictures(rows: int, seed: int, side: int = 64) -> Pictures:
    return np.random.default_rng(seed).integers(0, 256, (rows, side, side, 3), np.uint8)


def calm_deep_layers(model: PerformanceModel, first: int, by: float = 0.05) -> None:
    """Make the layers from `first` on add little, so that an early exit is often right."""
    for layer in model.decoder.layers[first:]:
        layer.out.mul_(by)
        layer.down.mul_(by)
