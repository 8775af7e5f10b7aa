"""The border with PyTorch's functions that carry no types: each is named here once, with its own."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

_torch: Any = torch
_fft: Any = torch.fft
_cuda: Any = torch.cuda


def tensor_of(array: npt.NDArray[Any]) -> Tensor:
    """A tensor over the same memory. Any: an array may hold any number that PyTorch knows."""
    tensor: Tensor = _torch.from_numpy(array)
    return tensor


def spectrum(frames: Tensor, points: int) -> Tensor:
    """Fourier transform of real samples [..., S], zero-padded: complex [..., points // 2 + 1]."""
    found: Tensor = _fft.rfft(frames, points)
    return found


def gpu_memory(device: torch.device) -> int:
    """Bytes of memory that a GPU has, taken or free."""
    return int(_cuda.get_device_properties(device).total_memory)


def gpu_stream(device: torch.device) -> torch.cuda.Stream:
    """A stream of its own on a GPU."""
    stream: torch.cuda.Stream = _cuda.Stream(device)
    return stream


def gpu_event() -> torch.cuda.Event:
    """A point in a stream that the host may wait for."""
    event: torch.cuda.Event = _cuda.Event()
    return event


def seed(number: int) -> None:
    """What PyTorch draws from now on follows from `number`."""
    torch.manual_seed(number)  # pyright: ignore[reportUnknownMemberType]
