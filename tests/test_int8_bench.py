"""The measurement of int8 measures int8: weights are quantised, and come near what they were."""

from __future__ import annotations

import numpy as np
from embedded_fakes import weights

from visavis.latency_bench.int8 import (
    WAYS,
    agreement,
    block_wise,
    cases,
    measure,
    whole_graph,
)


def test_every_product_with_a_weight_is_quantised() -> None:
    graph = block_wise(whole_graph(weights(), "shallow"))
    kinds = [node.op_type for node in graph.graph.node]
    assert "Gemm" not in kinds
    assert kinds.count("MatMulNBits") == 4 * weights().config.exits[0] + 1


def test_a_row_for_each_way_beside_what_it_says() -> None:
    some = [case for case in cases(weights()) if (case.graph, case.size) == ("shallow", 4)]
    rows = measure(weights(), some, 3)
    assert [row["way"] for row in rows] == list(WAYS)
    assert rows[0]["agreement"] == 1.0
    for row in rows:
        assert isinstance(row["warm_ms"], float) and row["warm_ms"] > 0


def test_agreement_counts_choices_or_distance() -> None:
    wanted = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert agreement(wanted[::-1], wanted, True) == 0.0
    assert agreement(np.array([[0.1, 0.9], [0.4, 0.6]]), wanted, True) == 0.5
    assert agreement(wanted, wanted, False) == 1.0
