"""The border with PyTorch's functions that carry no types: each is named here once, with its own."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

_torch: Any = torch
_fft: Any = torch.fft


def tensor_of(array: npt.NDArray[Any]) -> Tensor:
    """A tensor over the same memory. Any: an array may hold any number that PyTorch knows."""
    tensor: Tensor = _torch.from_numpy(array)
    return tensor


def spectrum(frames: Tensor, points: int) -> Tensor:
    """Fourier transform of real samples [..., S], zero-padded: complex [..., points // 2 + 1]."""
    found: Tensor = _fft.rfft(frames, points)
    return found


def seed(number: int) -> None:
    """What PyTorch draws from now on follows from `number`."""
    torch.manual_seed(number)  # pyright: ignore[reportUnknownMemberType]
