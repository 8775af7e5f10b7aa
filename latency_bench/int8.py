"""Whether int8 would make the shipped model faster on this CPU: every graph as it is and with its
weights quantised, at the sizes it serves, and how far what comes out is the same.

python -m visavis.latency_bench.int8 [--json FILE]        (needs the `train` extra: onnx)

Two ways: ONNX Runtime's dynamic quantisation (weights and activations int8 around integer products),
and its block-wise 8-bit weights with int8 activations (`MatMulNBits`, accuracy level 4). "Cold" means
that 64 MB of something else went through the caches before, as between the steps of a real engine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime import quantization
from rich.table import Table

from ..models.block_weights import BLOCK, blocks
from ..models.config import SPAN
from ..models.networks import WeightFile, shipped
from .report import show

MODEL = "nano"
HELD = 100
"""Positions in the cache behind which the decoder is measured."""
POSITIONS = (1, 4, 9, 37)
WAYS = ("fp32", "dynamic int8", "block int8")

# Neither library has types for what is used here: Any ends at this module's own annotations.
_make: Any = helper
_arrays: Any = numpy_helper
_ort: Any = onnxruntime
_quantization: Any = quantization
_onnx: Any = onnx

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """One graph at one size. `output` is compared: by its likeliest class where `is_chosen`."""

    graph: str
    size: int
    inputs: Arrays
    output: str
    is_chosen: bool


def whole_graph(weights: WeightFile, name: str) -> Any:
    """A shipped graph with its weights in it."""
    path = shipped(weights.config.name).with_name(f"{weights.config.name}.{name}.onnx")
    graph = _onnx.load(path, load_external_data=False)
    prefix = "decoder." if name == "read" else ""
    for tensor in graph.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            value = np.ascontiguousarray(weights.tensors[prefix + tensor.name])
            tensor.CopyFrom(_arrays.from_array(value, tensor.name))
    return graph


def folded(graph: Any, folder: Path) -> Any:
    """With weights that are transposed at every run transposed once, so that they can be seen."""
    options = _ort.SessionOptions()
    options.graph_optimization_level = _ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "folded.onnx")
    options.log_severity_level = 3
    _ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return _onnx.load(folder / "folded.onnx")


def dynamic(graph: Any, folder: Path) -> Any:
    """Quantised by ONNX Runtime's own tool."""
    plain, small = folder / "plain.onnx", folder / "small.onnx"
    _onnx.save(graph, plain)
    _quantization.quantize_dynamic(
        plain,
        small,
        op_types_to_quantize=["MatMul", "Gemm"],
        weight_type=_quantization.QuantType.QInt8,
        per_channel=True,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    return _onnx.load(small)


def block_wise(graph: Any) -> Any:
    """Its products with a weight, made with blocks of 8-bit weights."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    values = {tensor.name: tensor for tensor in copy.graph.initializer}
    for node in copy.graph.node:
        if node.op_type not in ("Gemm", "MatMul") or node.input[1] not in values:
            continue
        weight = _arrays.to_array(values[node.input[1]])  # [N, K], of a MatMul [K, N]
        weight = weight if node.op_type == "Gemm" else np.ascontiguousarray(weight.T)
        if weight.ndim != 2 or weight.shape[1] % BLOCK:
            continue
        packed, scales = blocks(weight)
        names = [f"{node.input[1]}.packed", f"{node.input[1]}.scales"]
        for name, array in zip(names, (packed, scales), strict=True):
            copy.graph.initializer.append(_arrays.from_array(array, name))
        outside, inside = weight.shape
        node.CopyFrom(
            _make.make_node(
                "MatMulNBits",
                [node.input[0], *names, "", "", *node.input[2:]],
                list(node.output),
                domain="com.microsoft",
                K=inside,
                N=outside,
                bits=8,
                block_size=BLOCK,
                accuracy_level=4,
            )
        )
    return copy


def session(graph: Any) -> Any:
    """On one thread, as the engine runs it."""
    options = _ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return _ort.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def cases(weights: WeightFile) -> list[Case]:
    """What is measured: every network at the sizes it serves."""
    c, rng = weights.config, np.random.default_rng(0)
    head = c.width // c.heads

    def drawn(*shape: int) -> npt.NDArray[np.float32]:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    found: list[Case] = []
    spans = {"shallow": range(c.exits[0]), "deep": range(c.exits[0], c.layers)}
    for name, layers in spans.items():
        for size in POSITIONS:
            last = HELD + size
            inputs: Arrays = {
                "x": drawn(size, c.width),
                "newest": np.array([last - 1], np.int32),
                "count": np.array([last], np.int32),
            }
            for layer in layers:
                for kind in ("keys", "values"):
                    inputs[f"{kind}.{layer}"] = drawn(1, c.heads, c.max_positions, head)
            found.append(Case(name, size, inputs, "words", True))
    frames = sum(2 * d for d in c.dilations)
    for size in (1, 4):
        heard: Arrays = {
            "pcm": drawn(size, c.window) / 5,
            "samples": drawn(size, SPAN - c.hop) / 5,
            "frames": drawn(size, frames, c.audio_width),
        }
        found.append(Case("hear", size, heard, "chances", True))
    pictures = rng.integers(0, 256, (1, c.picture, c.picture, 3), dtype=np.uint8)
    found.append(Case("glance", 1, {"pictures": pictures}, "glanced", False))
    glanced: Arrays = {"glanced": drawn(1, c.picture_tokens, c.vision_width)}
    found.append(Case("recognise", 1, glanced, "latents", False))
    return found


def runner(one: Any, case: Case) -> Callable[[], Any]:
    """Runs a graph as the engine does: keys and values go in and come out in the same buffers."""
    binding = one.io_binding()
    values = {n: _ort.OrtValue.ortvalue_from_numpy(a) for n, a in case.inputs.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    names: list[str] = [output.name for output in one.get_outputs()]
    for name in names:
        held = values.get(name.removeprefix("new_"))
        if held is not None and name.startswith(("new_keys", "new_values")):
            binding.bind_ortvalue_output(name, held)
        else:
            binding.bind_output(name, "cpu")
    at = names.index(case.output)

    def run() -> Any:
        one.run_with_iobinding(binding)
        return binding.get_outputs()[at].numpy()

    return run


def milliseconds(act: Callable[[], object], times: int, cache: npt.NDArray[np.uint8]) -> float:
    """The median; `cache` goes through the caches before each time, where it is not empty."""
    spent: list[float] = []
    for _ in range(times):
        cache[::64] += 1
        began = time.perf_counter()
        act()
        spent.append(1000 * (time.perf_counter() - began))
    return round(median(spent), 3)


def agreement(found: npt.NDArray[Any], wanted: npt.NDArray[Any], is_chosen: bool) -> float:
    """Share of rows with the same likeliest class; of anything else 1 - the relative error."""
    if is_chosen:
        return float((found.argmax(-1) == wanted.argmax(-1)).mean())
    return float(1 - np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def measure(weights: WeightFile, some: Sequence[Case], times: int) -> list[dict[str, object]]:
    """A row for each case and way."""
    rows: list[dict[str, object]] = []
    nothing, other = np.zeros(0, np.uint8), np.zeros(64 << 20, np.uint8)
    opened: dict[str, Mapping[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in some:
            if case.graph not in opened:
                whole = whole_graph(weights, case.graph)
                plain = folded(whole, Path(folder))
                graphs = (whole, dynamic(plain, Path(folder)), block_wise(plain))
                opened[case.graph] = {
                    way: session(graph) for way, graph in zip(WAYS, graphs, strict=True)
                }
            wanted: Any = None
            for way, one in opened[case.graph].items():
                run = runner(one, case)
                found = run()
                if wanted is None:
                    wanted = found
                rows.append(
                    {
                        "graph": case.graph,
                        "size": case.size,
                        "way": way,
                        "warm_ms": milliseconds(run, times, nothing),
                        "cold_ms": milliseconds(run, max(1, times // 3), other),
                        "agreement": round(agreement(found, wanted, case.is_chosen), 4),
                    }
                )
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, show, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--times", type=int, default=60)
    options = parser.parse_args(argv)
    weights = WeightFile(shipped(MODEL))
    rows = measure(weights, cases(weights), options.times)
    table = Table(title=f"{MODEL} on one thread: int8 beside fp32", title_justify="left")
    for name in ("graph", "size", "way", "warm_ms", "cold_ms", "agreement"):
        table.add_column(name, justify="left" if name in ("graph", "way") else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    show([table], {"bench": "int8", "model": MODEL, "rows": rows}, options.json)


if __name__ == "__main__":
    main()
