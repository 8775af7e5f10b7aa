"""Weights in 8 bits: a row's numbers in blocks, each with a scale of its own, as ONNX Runtime's
`MatMulNBits` takes them. A quarter of the bytes has to come from memory, and products are made of
integers; each row of what is multiplied is scaled by itself, so nobody's result depends on who shares
the batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

BLOCK = 32
"""Numbers that share a scale."""
PACKED, SCALES = ".packed", ".scales"
"""What is behind a weight's name where its blocks, or their scales, are meant."""

Packed = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def blocks(weight: Floats) -> tuple[Packed, Floats]:
    """[N, K] -> blocks [N, K / BLOCK, BLOCK] around 128, and their scales [N * K / BLOCK]."""
    found = weight.reshape(len(weight), -1, BLOCK)
    scales = np.maximum(np.abs(found).max(axis=2), 1e-12) / 127
    packed = np.clip(np.rint(found / scales[..., None]), -127, 127) + 128
    return packed.astype(np.uint8), scales.astype(np.float32).reshape(-1)


def made_of(
    names: Iterable[str], weights: Mapping[str, Floats]
) -> dict[str, npt.NDArray[np.uint8] | Floats]:
    """The blocks and scales among these names, of weights that have them."""
    found: dict[str, npt.NDArray[np.uint8] | Floats] = {}
    for name in names:
        whole = name.removesuffix(PACKED)
        if whole != name and whole in weights:
            found[name], found[whole + SCALES] = blocks(weights[whole])
    return found
