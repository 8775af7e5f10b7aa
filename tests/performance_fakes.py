"""A small performance model for tests: the sizes `tiny`, float32, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from visavis.models.performance.batches import KINDS, Batches
from visavis.models.performance.config import performance_config
from visavis.models.performance.device import Step
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


class RecordedSteps:
    """CUDA graphs on the CPU: `prepare` writes down every tensor operation with the memory it read
    and wrote, `run` does them again on that memory, without any of the step's Python.

    What a real capture forbids is refused: an operation whose result the host looks at.
    """

    def __init__(self) -> None:
        self._tapes: dict[str, _Tape] = {}

    def prepare(self, name: str, step: Step) -> None:
        tape = _Tape()
        with tape:
            step()
        self._tapes[name] = tape

    def run(self, name: str) -> None:
        self._tapes[name].replay()

    def drop(self, name: str) -> None:
        self._tapes.pop(name, None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tapes)


class _Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]  # torch gives it no types
        self._entries: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # torch gives these no types
        assert "_local_scalar_dense" not in str(func), f"{func} waits for the device"
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not func.is_view:  # a view of the same memory stays what it is
            self._entries.append((func, args, kwargs, result))
        return result

    def replay(self) -> None:
        for func, args, kwargs, result in self._entries:
            again = func(*args, **kwargs)
            pairs = zip(_tensors(result), _tensors(again), strict=True)
            for old, new in pairs:
                if old.data_ptr() != new.data_ptr():
                    old.copy_(new)


def _tensors(result: Any) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, list | tuple):
        items = cast(Sequence[object], result)
        return [each for each in items if isinstance(each, torch.Tensor)]
    return []
