"""The fuzzer's targets on mutated seeds and on any bytes, so that they run everywhere and always.

`make fuzz` runs the same targets guided by coverage.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROUNDS = 150


def load() -> ModuleType:
    path = Path(__file__).parent / "fuzz" / "targets.py"
    spec = importlib.util.spec_from_file_location("fuzz_targets", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_targets"] = module
    spec.loader.exec_module(module)
    return module


targets = load()
NAMES: list[str] = list(targets.TARGETS)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_and_their_mutations(name: str) -> None:
    seeds: tuple[bytes, ...] = targets.SEEDS[name]
    dice = random.Random(name)
    for seed in seeds:
        targets.check(name, seed)
    for _ in range(ROUNDS):
        data: bytes = targets.mutated(dice.choice(seeds), dice)
        try:
            targets.check(name, data)
        except Exception as error:
            raise AssertionError(f"{name} broke on {data!r}") from error


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.binary(max_size=200))
def test_any_bytes(name: str, data: bytes) -> None:
    targets.check(name, data)


def test_every_target_has_small_seeds() -> None:
    assert set(targets.SEEDS) == set(NAMES)
    for name in NAMES:
        assert 0 < len(targets.SEEDS[name]) <= 32
        assert sum(map(len, targets.SEEDS[name])) < 100_000
