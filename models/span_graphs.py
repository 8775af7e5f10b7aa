"""The decoder's layers as ONNX graphs, written node by node around one conversation's cache.

An exported trace of the same layers has some 500 small nodes and copies keys and values at every
step; here a layer is nine nodes, and ONNX Runtime's attention (its contributed
`GroupQueryAttention`) turns, appends and looks in buffers that stay where they are: half the time
of a step. `FusedDecoder.span` is the slow twin.

Axes: T new positions, D width, P most positions, H heads, W words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from .config import ModelConfig
from .decoder import rotary

OPSET = 17
CONTRIBUTED = "com.microsoft"

# onnx has no types for what makes its messages: Any ends at what these functions return.
_make: Any = helper
_arrays: Any = numpy_helper
_EPSILON = 1e-5  # PyTorch's own of a layer norm


class _Span:
    """Collects the nodes of some layers."""

    def __init__(self, config: ModelConfig, words: int, first: int, last: int) -> None:
        self.config, self.words = config, words
        self.nodes: list[Any] = []
        self.weights: dict[str, tuple[int, ...]] = {}
        d, hidden = config.width, 4 * config.width
        self.inputs = [
            _floats("x", "T", d),
            _make.make_tensor_value_info("newest", TensorProto.INT32, [1]),
            _make.make_tensor_value_info("count", TensorProto.INT32, [1]),
        ]
        self.outputs = [_floats("words", "T", words), _floats("hidden", "T", d)]
        exits = (*config.exits, config.layers)
        normed, residual = self._norm("x", f"layers.{first}.norm1"), "x"
        for layer in range(first, last):
            is_last = layer == last - 1
            at = f"layers.{layer}"
            seen = self._attend(self._linear(normed, f"{at}.qkv", 3 * d, d), layer)
            attended = self._linear(seen, f"{at}.out", d, d)
            normed, residual = self._add_norm(attended, residual, f"{at}.norm2", f"{at}.middle")
            up = self._linear(normed, f"{at}.up", hidden, d)
            self._node("Gelu", [up], [f"{up}.gelu"], CONTRIBUTED)
            down = self._linear(f"{up}.gelu", f"{at}.down", d, hidden)
            norm = f"exit_norms.{exits.index(last)}" if is_last else f"layers.{layer + 1}.norm1"
            normed, residual = self._add_norm(
                down, residual, norm, "hidden" if is_last else f"{at}.after"
            )
        self._linear(normed, "head", words, d, "words")

    def _node(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **how: Any
    ) -> None:
        """Any: attributes of a node are of many types."""
        self.nodes.append(_make.make_node(kind, list(inputs), list(outputs), domain=domain, **how))

    def _weight(self, name: str, *shape: int) -> str:
        name = f"decoder.{name}"
        self.weights[name] = shape
        return name

    def _linear(self, x: str, name: str, outside: int, inside: int, to: str = "") -> str:
        weight = self._weight(f"{name}.weight", outside, inside)
        bias = self._weight(f"{name}.bias", outside)
        self._node("Gemm", [x, weight, bias], [to or f"{name}.y"], transB=1)
        return to or f"{name}.y"

    def _scale_and_shift(self, name: str) -> list[str]:
        width = self.config.width
        return [self._weight(f"{name}.weight", width), self._weight(f"{name}.bias", width)]

    def _norm(self, x: str, name: str) -> str:
        self._node(
            "LayerNormalization",
            [x, *self._scale_and_shift(name)],
            [f"{name}.y"],
            axis=-1,
            epsilon=_EPSILON,
        )
        return f"{name}.y"

    def _add_norm(self, x: str, residual: str, name: str, total: str) -> tuple[str, str]:
        """The sum of `x` and the residual, normed and as it is (under the name `total`)."""
        self._node(
            "SkipLayerNormalization",
            [x, residual, *self._scale_and_shift(name)],
            [f"{name}.y", "", "", total],
            CONTRIBUTED,
            epsilon=_EPSILON,
        )
        return f"{name}.y", total

    def _attend(self, qkv: str, layer: int) -> str:
        """Queries, keys and values in one [T, 3 D] -> what was seen [T, D]."""
        config = self.config
        heads, head = config.heads, config.width // config.heads
        held = (1, heads, config.max_positions, head)
        for name in ("keys", "values"):
            self.inputs.append(_floats(f"{name}.{layer}", *held))
            self.outputs.append(_floats(f"new_{name}.{layer}", *held))
        self._node("Reshape", [qkv, "one_row"], [f"{qkv}.row"])
        self._node(
            "GroupQueryAttention",
            [f"{qkv}.row", "", "", f"keys.{layer}", f"values.{layer}", "newest", "count"]
            + ["cosines", "sines"],
            [f"{qkv}.seen", f"new_keys.{layer}", f"new_values.{layer}"],
            CONTRIBUTED,
            num_heads=heads,
            kv_num_heads=heads,
            do_rotary=1,
            rotary_interleaved=0,
            scale=head**-0.5,
        )
        self._node("Reshape", [f"{qkv}.seen", "rows"], [f"{qkv}.rows"])
        return f"{qkv}.rows"


def span_graph(config: ModelConfig, words: int, first: int, last: int) -> tuple[bytes, list[str]]:
    """Layers first..last-1 and the words read behind them: the graph, and the names of the weights
    it takes. `x` [T, D] are positions `count` - T … `newest` = `count` - 1 of the cache; `keys.n`
    and `values.n` [1, H, P, D / H] are given and returned in the same buffers."""
    span = _Span(config, words, first, last)
    head = config.width // config.heads
    cosines, sines = (table[:, : head // 2].numpy() for table in rotary(head, config.max_positions))
    constants: dict[str, npt.NDArray[Any]] = {
        "cosines": cosines,
        "sines": sines,
        "one_row": np.array([1, -1, 3 * config.width]),
        "rows": np.array([-1, config.width]),
    }
    held = [_arrays.from_array(np.ascontiguousarray(a), name) for name, a in constants.items()]
    graph = _make.make_graph(
        span.nodes,
        f"layers {first} to {last - 1}",
        span.inputs,
        span.outputs,
        [*held, *(outside(name, shape) for name, shape in span.weights.items())],
    )
    model = _make.make_model(
        graph,
        opset_imports=[_make.make_opsetid("", OPSET), _make.make_opsetid(CONTRIBUTED, 1)],
        ir_version=8,
    )
    found: bytes = model.SerializeToString()
    return found, list(span.weights)


def outside(name: str, shape: Sequence[int], kind: int = TensorProto.FLOAT) -> onnx.TensorProto:
    """A weight that is not in the graph's file; its numbers are of this kind."""
    tensor = onnx.TensorProto(name=name, data_type=kind, dims=shape)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights")
    return tensor


def _floats(name: str, *shape: int | str) -> Any:
    return _make.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
