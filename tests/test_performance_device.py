"""How steps reach the device: a graph replays what was captured, inputs are not overwritten while
they are read, and what finds no memory is named."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from performance_fakes import CPU, RecordedSteps, noise, pictures, tiny_batches, tiny_model

from visavis.models.performance.batches import KINDS, Batches
from visavis.models.performance.device import (
    RING,
    GraphSteps,
    Input,
    OutOfDeviceMemory,
    Output,
    PlainSteps,
    Preparation,
    is_out_of_memory,
    make_steps,
)


def converse(batches: Batches) -> list[object]:
    """Every kind of step, at several batch sizes and lengths."""
    found: list[object] = []
    batches.see([0, 2], pictures(2, 1))
    batches.show([0, 2], [0, 0])
    for n in range(4):
        batches.hear([2, 0, 1], noise(3, n), [n] * 3, [n] * 3)
    batches.fill([0], [4], [0])
    batches.text([1], [0], [[5, 6, 7]])
    found.append(batches.begin([0, 1, 2], [8, 3, 4], [4, 0, 0], [0, 3, 4]))
    found.append(batches.decode([2, 1], [9, 7], [11, 12]))
    found.append(batches.decode([0], [200], [13]))
    found.append(batches.draft([0], [9], [14]))
    found.append(batches.draft([1, 0], [8, 13], [15, 16], exit=1, limit=1))
    return found


def test_a_replayed_graph_does_what_the_plain_call_does() -> None:
    """The graphs here are recorded tensor operations, run again on the same memory: a step that
    looked at a value, or read anything but its buffers, would show."""
    recorded = Batches(tiny_model(), RecordedSteps())
    recorded.prepare(KINDS, exits=(0, 1))
    plain = tiny_batches()
    assert converse(recorded) == converse(plain)
    assert converse(recorded) == converse(plain)
    assert recorded.steps.names == plain.steps.names


def test_the_largest_batches_are_captured_first() -> None:
    names = [name for name in tiny_batches(kinds=("decode",)).steps.names]
    assert names == [f"decode {rows} x {read}" for read in (384, 64) for rows in (4, 2, 1)]


def test_a_recording_refuses_a_look_at_a_value() -> None:
    steps = RecordedSteps()
    x = torch.ones(1)

    def looks() -> None:
        x.mul_(float(x.sum()))

    with pytest.raises(AssertionError, match="waits for the device"):
        steps.prepare("bad", looks)


def test_inputs_go_round_and_padding_keeps_what_it_had() -> None:
    box = Input((3, 2), torch.int64, CPU)
    for n in range(2 * RING + 1):
        box.put(np.full((3, 2), n, np.int64))
        assert box.device.numpy().tolist() == [[n, n]] * 3
    box.put(np.array([[7, 8]], np.int64))
    assert box.device.numpy().tolist() == [[7, 8], [2 * RING] * 2, [2 * RING] * 2]
    for wrong in (np.zeros((1, 2), np.int32), np.zeros((4, 2), np.int64), np.zeros((1, 3), int)):
        with pytest.raises(ValueError, match="was given"):
            box.put(wrong)


def test_what_was_read_is_the_readers() -> None:
    cell = torch.tensor([1.0, 2.0])
    output = Output({"cell": cell})
    output.fetch()
    first = output.take()["cell"]
    cell.add_(1.0)
    output.fetch()
    assert output.take()["cell"].tolist() == [2.0, 3.0]
    assert first.tolist() == [1.0, 2.0]


def test_no_memory_is_told_apart_from_other_errors() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    steps, preparation = PlainSteps(), Preparation()

    def large() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB\nmore")

    assert not preparation.add(steps, "large", large)
    assert preparation.broke == {"large": "large: CUDA out of memory. Tried to allocate 9 GiB"}
    assert preparation.add(steps, "small", lambda: None)
    assert steps.names == ("small",) and list(preparation.seconds) == ["small"]
    with pytest.raises(ZeroDivisionError):
        steps.prepare("broken", lambda: print(1 / 0))
    with pytest.raises(OutOfDeviceMemory):
        steps.prepare("large", large)
    steps.drop("small")
    with pytest.raises(KeyError):
        steps.run("small")


def test_the_cpu_gets_plain_calls_and_torch_has_what_graphs_need() -> None:
    assert isinstance(make_steps(CPU), PlainSteps)
    wanted = set(inspect.signature(torch.cuda.graph.__init__).parameters)
    assert {"cuda_graph", "pool", "stream", "capture_error_mode"} <= wanted
    assert {"replay", "reset"} <= set(dir(torch.cuda.CUDAGraph))
    assert {"record", "synchronize"} <= set(dir(torch.cuda.Event))
    assert {"prepare", "run", "drop", "names"} <= set(dir(GraphSteps))
