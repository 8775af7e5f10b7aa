"""How a step reaches the device: prepared once, then one call; the host never waits for the device
as a whole, only for the answer it is about to read.

On CUDA a step is a graph, captured at start-up in one memory pool, and its inputs travel through
pinned memory. On the CPU the same step is a plain call and the same buffers are ordinary memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..tensors import gpu_event, gpu_stream

Array = npt.NDArray[Any]  # any element type: the buffer's own is checked by `put`
Step = Callable[[], None]

RING = 3
"""Host buffers of each input: the device may still read from one while the next is written."""
WARM_UPS = 2
"""Plain runs before a capture: libraries choose their kernels and take their work space then."""


class OutOfDeviceMemory(Exception):
    """A step can't be prepared: the device has no room for it. Other steps still work."""


def is_out_of_memory(error: BaseException) -> bool:
    """True for the errors by which torch says that there is no memory, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "DefaultCPUAllocator" in text or "out of memory" in text
    )


class Steps(Protocol):
    """Prepared steps by name."""

    def prepare(self, name: str, step: Step) -> None:
        """Make a step ready; it reads and writes buffers that stay where they are. Raises
        `OutOfDeviceMemory`; then the name stays unknown."""
        ...

    def run(self, name: str) -> None:
        """Enqueue it. Raises KeyError for a name that was not prepared."""
        ...

    def drop(self, name: str) -> None:
        """Give back what it holds, if it was prepared."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """What was prepared."""
        ...


class PlainSteps:
    """Steps that are called as they are: the CPU's, and the slow twin of the graphs."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}

    def prepare(self, name: str, step: Step) -> None:
        """Run it once, so that memory and kernels are there."""
        try:
            step()
        except Exception as error:
            if is_out_of_memory(error):
                raise OutOfDeviceMemory(f"{name}: {error}") from error
            raise
        self._steps[name] = step

    def run(self, name: str) -> None:
        """Call it."""
        self._steps[name]()

    def drop(self, name: str) -> None:
        """Forget it."""
        self._steps.pop(name, None)

    @property
    def names(self) -> tuple[str, ...]:
        """What was prepared."""
        return tuple(self._steps)


class GraphSteps:
    """Steps as CUDA graphs that share one memory pool.

    Sharing is safe because graphs are replayed one after the other on one stream, and what a step
    leaves behind lies in buffers that were allocated outside of the pool.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: dict[str, torch.cuda.CUDAGraph] = {}
        self._side = gpu_stream(device)

    def prepare(self, name: str, step: Step) -> None:
        """Warm up beside the main stream, then capture."""
        try:
            self._side.wait_stream(torch.cuda.current_stream(self._device))
            with torch.cuda.stream(self._side):
                for _ in range(WARM_UPS):
                    step()
            torch.cuda.current_stream(self._device).wait_stream(self._side)
            graph = torch.cuda.CUDAGraph()
            # `torch.cuda.graph` waits for the device and empties torch's cache of free blocks
            # first, so the pool may grow into what the warm-up took.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._side, capture_error_mode="thread_local"
            ):
                step()
        except Exception as error:
            if is_out_of_memory(error):
                torch.cuda.synchronize(self._device)
                torch.cuda.empty_cache()
                raise OutOfDeviceMemory(f"{name}: {error}") from error
            raise
        self._graphs[name] = graph

    def run(self, name: str) -> None:
        """Replay it on the current stream."""
        self._graphs[name].replay()

    def drop(self, name: str) -> None:
        """Reset the graph once the device is through with it."""
        graph = self._graphs.pop(name, None)
        if graph is not None:
            torch.cuda.synchronize(self._device)
            graph.reset()

    @property
    def names(self) -> tuple[str, ...]:
        """What was captured."""
        return tuple(self._graphs)


class Mark:
    """A point in the stream that the host may wait for, alone. On the CPU it has always passed."""

    def __init__(self, device: torch.device) -> None:
        self._event = gpu_event() if device.type == "cuda" else None
        self._is_set = False

    def set(self) -> None:
        """Here, after all that was enqueued so far."""
        if self._event is not None:
            self._event.record()
        self._is_set = True

    def wait(self) -> None:
        """Until the device has come by. Lets other threads run."""
        if self._event is not None and self._is_set:
            self._event.synchronize()


class Input:
    """A buffer on the device that the host fills: written to pinned memory, copied in the stream."""

    def __init__(self, shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> None:
        self.device = torch.zeros(shape, dtype=kind, device=device)
        pin = device.type == "cuda"
        self._host = [torch.zeros(shape, dtype=kind, pin_memory=pin) for _ in range(RING)]
        self._views: list[Array] = [host.numpy() for host in self._host]
        self._marks = [Mark(device) for _ in range(RING)]
        self._next = 0

    def put(self, rows: Array) -> None:
        """The first rows of the buffer; the others keep what they had. Raises ValueError."""
        view = self._views[self._next]
        if rows.dtype != view.dtype or rows.shape[1:] != view.shape[1:] or len(rows) > len(view):
            raise ValueError(
                f"an input of {view.shape} {view.dtype} was given {rows.shape} {rows.dtype}"
            )
        mark = self._marks[self._next]
        mark.wait()  # RING puts ago: long over, unless the host runs far ahead of the device
        count = len(rows)
        view[:count] = rows
        self.device[:count].copy_(self._host[self._next][:count], non_blocking=True)
        mark.set()
        self._next = (self._next + 1) % RING


class Output:
    """Buffers on the device that the host reads: copied to pinned memory in the stream."""

    def __init__(self, buffers: Mapping[str, Tensor]) -> None:
        self._buffers = dict(buffers)
        self._host: dict[str, Tensor] = {}
        device = torch.device("cpu")
        for name, buffer in self._buffers.items():
            device = buffer.device
            self._host[name] = torch.zeros(
                buffer.shape, dtype=buffer.dtype, pin_memory=device.type == "cuda"
            )
        self._mark = Mark(device)

    def fetch(self) -> None:
        """Enqueue the copies."""
        for name, buffer in self._buffers.items():
            self._host[name].copy_(buffer, non_blocking=True)
        self._mark.set()

    def take(self) -> dict[str, Array]:
        """Wait for the copies of the last `fetch` and read them; the arrays are the caller's."""
        self._mark.wait()
        return {name: np.array(host.numpy()) for name, host in self._host.items()}


@dataclass(slots=True)
class Preparation:
    """What start-up took: seconds by step, and the steps there was no memory for."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    broke: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, steps: Steps, name: str, step: Step) -> bool:
        """Prepare a step; False where the device has no room for it."""
        began = time.perf_counter()
        try:
            steps.prepare(name, step)
        except OutOfDeviceMemory as error:
            self.broke[name] = str(error).splitlines()[0]
            return False
        self.seconds[name] = time.perf_counter() - began
        return True


def make_steps(device: torch.device) -> Steps:
    """Graphs on CUDA, plain calls elsewhere."""
    return GraphSteps(device) if device.type == "cuda" else PlainSteps()
