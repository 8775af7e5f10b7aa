"""What the device can do at all, measured before anything else: bytes and operations a second, and
the shortest time from the host's call to the host's answer."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.performance.device import Output, make_steps
from .figures import Figures
from .gpu_lines import Ceilings, Line
from .gpu_plan import sample


class Still:
    """Waits for everything on a device: for measuring, never in a step."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def wait(self) -> None:
        """Until it is idle."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def measure_ceilings(
    device: torch.device, kind: torch.dtype, seconds: float
) -> tuple[Ceilings, list[Line]]:
    """On random data, several times what a cache holds: a copy counts bytes read and written, a sum
    bytes read; the better of the two is the ceiling. Matrix products of the model's number type.
    The fastest sample counts: a ceiling is what the device can do, not what it mostly does."""
    count, copies, reads = _moving(device, kind, seconds / 4)
    side, products = _product(device, kind, seconds / 4)
    item = torch.empty((), dtype=kind).element_size()
    per_s = {
        "copy": 2 * count * item / (copies.values[0] / 1000),
        "read": count * item / (reads.values[0] / 1000),
    }
    flops = 2.0 * side**3 / (products.values[0] / 1000)
    lines = [
        Line("ceiling", "copy", copies, facts={"GB/s": _round(per_s["copy"] / 1e9)}),
        Line("ceiling", "read", reads, facts={"GB/s": _round(per_s["read"] / 1e9)}),
        Line(
            "ceiling",
            f"matrix product {side}, {str(kind).removeprefix('torch.')}",
            products,
            facts={"TFLOP/s": _round(flops / 1e12)},
        ),
        Line("ceiling", "an empty step, host to host", _round_trip(device, seconds / 4)),
    ]
    return Ceilings(max(per_s.values()), flops), lines


def _moving(
    device: torch.device, kind: torch.dtype, seconds: float
) -> tuple[int, Figures, Figures]:
    """How many numbers, copying them, and summing them up."""
    still = Still(device)
    item = torch.empty((), dtype=kind).element_size()
    count = (2**31 if device.type == "cuda" else 2**27) // item  # 2 GiB, 128 MiB
    source = torch.randn(count, dtype=kind, device=device)
    target = torch.empty_like(source)
    total = torch.empty((), dtype=kind, device=device)

    def copy() -> None:
        target.copy_(source)
        still.wait()

    def read() -> None:
        torch.sum(source, dim=0, out=total)
        still.wait()

    return count, sample(copy, seconds), sample(read, seconds)


def _product(device: torch.device, kind: torch.dtype, seconds: float) -> tuple[int, Figures]:
    """Rows of the square matrices, and their product."""
    still = Still(device)
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, dtype=kind, device=device) for _ in range(2))
    c = torch.empty_like(a)

    def product() -> None:
        torch.mm(a, b, out=c)
        still.wait()

    return side, sample(product, seconds)


def _round_trip(device: torch.device, seconds: float) -> Figures:
    """One addition prepared as every step is, and its result read."""
    cell = torch.zeros(1, dtype=torch.float32, device=device)
    output = Output({"cell": cell})
    steps = make_steps(device)

    def add() -> None:
        cell.add_(1.0)

    steps.prepare("add", add)

    def once() -> None:
        steps.run("add")
        output.fetch()
        output.take()

    return sample(once, seconds)


def fill_with_noise(caches: list[Tensor]) -> None:
    """Nothing is timed on zeros: hardware can be quicker with them. Layer by layer, because a whole
    cache has more elements than 32 bits count."""
    for cache in caches:
        for layer in cache:
            layer.normal_(0.0, 0.5)


def _round(value: float) -> float:
    return float(f"{value:.4g}")
