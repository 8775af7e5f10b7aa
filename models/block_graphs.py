"""A graph whose products are made with 8-bit weights (`block_weights.py`)."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto, helper

from .block_weights import BLOCK, PACKED, SCALES
from .span_graphs import CONTRIBUTED, outside

# onnx has no types for what makes its messages: Any ends at what these functions return.
_make: Any = helper


def eight_bit(graph: Any) -> tuple[bytes, list[str]]:
    """Every product with a weight from outside whose rows are whole blocks, made of 8 bits: the graph,
    and the names of the weights it takes."""
    copy: Any = onnx.ModelProto()
    copy.CopyFrom(graph)
    weights = {t.name: t for t in copy.graph.initializer if t.data_location == TensorProto.EXTERNAL}
    gone: set[str] = set()
    for node in copy.graph.node:
        weight = weights.get(node.input[1]) if node.op_type == "Gemm" else None
        if weight is None or weight.dims[1] % BLOCK:
            continue
        count, inside = weight.dims
        names = [weight.name + PACKED, weight.name + SCALES]
        node.CopyFrom(
            _make.make_node(
                "MatMulNBits",
                [node.input[0], *names, "", "", node.input[2]],
                list(node.output),
                domain=CONTRIBUTED,
                K=inside,
                N=count,
                bits=8,
                block_size=BLOCK,
                accuracy_level=4,  # what is multiplied is 8 bits, too
            )
        )
        blocks = inside // BLOCK
        copy.graph.initializer.append(outside(names[0], (count, blocks, BLOCK), TensorProto.UINT8))
        copy.graph.initializer.append(outside(names[1], (count * blocks,)))
        gone.add(weight.name)
    kept = [t for t in copy.graph.initializer if t.name not in gone]
    del copy.graph.initializer[:]
    copy.graph.initializer.extend(kept)
    copy.opset_import.append(_make.make_opsetid(CONTRIBUTED, 1))
    taken = [t.name for t in kept if t.data_location == TensorProto.EXTERNAL]
    data: bytes = copy.SerializeToString()
    return data, taken
