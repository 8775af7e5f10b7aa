"""Weights in 8 bits."""

from __future__ import annotations

import numpy as np

from visavis.models.block_weights import BLOCK, PACKED, SCALES, blocks, made_of


def test_blocks_are_their_weights_but_for_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(0, 1, (6, 3 * BLOCK)).astype(np.float32)
    weight[0, :BLOCK] *= 1000  # a loud block does not make its neighbours coarse
    weight[1] = 0
    packed, scales = blocks(weight)
    assert packed.shape == (6, 3, BLOCK) and scales.shape == (18,)
    again = (packed.astype(np.float32) - 128) * scales.reshape(6, 3, 1)
    wrong = np.abs(again - weight.reshape(6, 3, BLOCK))
    assert (wrong <= scales.reshape(6, 3, 1) * 0.501).all()
    assert wrong[0, 1].max() < 0.02 and not wrong[1].any()


def test_only_what_a_graph_takes_is_made() -> None:
    weights = {name: np.ones((2, BLOCK), np.float32) for name in ("a", "b")}
    made = made_of(["a" + PACKED, "a" + SCALES, "b", "strange" + PACKED], weights)
    assert made.keys() == {"a" + PACKED, "a" + SCALES}
