"""Padded batches of the performance model: rows are themselves, slots are forgotten by length."""

from __future__ import annotations

import numpy as np
import pytest
from performance_fakes import calm_deep_layers, noise, pictures, tiny_batches, tiny_model

from visavis.models.performance.batches import Batches
from visavis.models.performance.config import CLIP_WINDOWS, DRAFT, FILL, Sizes
from visavis.models.performance.device import OutOfDeviceMemory, Step
from visavis.models.performance.model import HOLD
from visavis.models.tensors import tensor_of


def answer(batches: Batches, slot: int, start: int, count: int) -> list[int]:
    """First token at `start`, without latents, and `count` more at full depth."""
    tokens = batches.begin([slot], [start], [0], [0])[0]
    for n in range(count):
        tokens += batches.decode([slot], [start + 1 + n], [tokens[-1]])
    return tokens


def test_a_batch_is_its_rows() -> None:
    batches = tiny_batches()
    windows = noise(3, 7)
    for n in range(FILL):
        batches.hear([0, 1, 2], windows + n, [n] * 3, [n] * 3)
    together = batches.begin([0, 1, 2], [0] * 3, [0] * 3, [FILL, 2, 3])
    decoded = batches.decode([2, 0, 1], [4, 5, 3], [5, 6, 7])
    alone = tiny_batches()
    for row in range(3):
        for n in range(FILL):
            alone.hear([3], windows[row : row + 1] + n, [n], [n])
        count = [FILL, 2, 3][row]
        token, sureness = alone.begin([3], [0], [0], [count])
        assert token == [together[0][row]]
        np.testing.assert_allclose(sureness, [together[1][row]], rtol=1e-4)
        then = alone.decode([3], [count + 1], [[6, 7, 5][row]])
        assert then == [[decoded[1], decoded[2], decoded[0]][row]]


def test_more_rows_than_the_largest_batch_are_split() -> None:
    batches = tiny_batches(slots=7)
    rows = list(range(7))
    batches.see(rows, pictures(7, 1))
    batches.show(rows, [0] * 7)
    tokens, _ = batches.begin(rows, [4] * 7, [0] * 7, [0] * 7)
    one_by_one = tiny_batches(slots=7)
    for row in rows:
        one_by_one.see([row], pictures(7, 1)[row : row + 1])
        one_by_one.show([row], [0])
        assert one_by_one.begin([row], [4], [0], [0])[0] == [tokens[row]]


def test_streaming_hears_what_the_whole_clip_hears() -> None:
    model = tiny_model()
    batches = tiny_batches(model=model, kinds=("hear",))
    clip = noise(CLIP_WINDOWS, 3)
    for n in range(CLIP_WINDOWS):
        batches.hear([1], clip[n : n + 1], [n], [n % HOLD])
    import torch

    whole = model.listen(tensor_of(clip)[None], torch.tensor([2]))[0]
    streamed = np.stack([model.latents(1, n).numpy() for n in range(CLIP_WINDOWS)])
    np.testing.assert_allclose(streamed, whole.numpy(), atol=2e-4)


def test_a_reused_slot_is_a_fresh_one() -> None:
    batches = tiny_batches()
    fresh = answer(batches, 0, 0, 8)
    batches.see([1], pictures(1, 5))
    batches.show([1], [0])
    answer(batches, 1, 4, 40)
    assert answer(batches, 1, 0, 8) == fresh  # exact: same shapes, nothing of the last tenant


def test_a_cut_suffix_leaves_no_trace() -> None:
    batches = tiny_batches()
    kept = answer(batches, 0, 0, 5)
    branch = batches.decode([0], [6], [11])
    for n in range(20):
        branch += batches.decode([0], [7 + n], [branch[-1]])
    assert batches.decode([0], [6], [kept[-1]]) == answer(tiny_batches(), 2, 0, 6)[-1:]


def test_latents_enter_alike_in_groups_and_at_the_end() -> None:
    batches = tiny_batches()
    windows = noise(6, 2)
    for n in range(6):
        batches.hear([0, 1], np.repeat(windows[n : n + 1], 2, 0), [n, n], [n, n])
    batches.fill([0], [0], [0])
    grouped = batches.begin([0], [FILL], [FILL], [2])
    batches.fill([1], [0], [0])  # some of it twice: the first one was noise and is cut off
    batches.fill([1], [0], [0])
    assert batches.begin([1], [FILL], [FILL], [2]) == grouped


@pytest.mark.parametrize("exit_at", [0, 1])
def test_early_exit_says_what_the_full_depth_says(exit_at: int) -> None:
    model = tiny_model(slots=2)
    calm_deep_layers(model, first=model.config.exits[exit_at])
    batches = tiny_batches(model=model)
    length, drafted, steps = 300, [3], 0
    while len(drafted) < length:
        drafted += batches.draft([0], [len(drafted) - 1], [drafted[-1]], exit=exit_at)[0]
        steps += 1
    full = [3]
    while len(full) < length:
        full += batches.decode([1], [len(full) - 1], [full[-1]])
    mismatches = sum(a != b for a, b in zip(drafted, full, strict=False))
    assert mismatches == 0
    assert steps < length / 1.3  # or the test would show nothing: drafts must often hold
    alone = [3]
    while len(alone) < 50:
        alone += batches.draft([0], [len(alone) - 1], [alone[-1]], exit=exit_at, limit=1)[0]
    assert alone == full[:50]


def test_a_wrong_draft_costs_its_tokens_and_no_more() -> None:
    batches = tiny_batches()
    counts = [len(batches.draft([n], [0], [5])[0]) for n in range(4)]
    assert all(1 <= count <= DRAFT for count in counts)
    assert counts.count(counts[0]) == 4


def test_a_context_longer_than_the_cache_is_refused() -> None:
    batches = tiny_batches(kinds=("decode",))
    assert len(batches.decode([0], [383], [5])) == 1
    with pytest.raises(ValueError, match="385 positions asked of a cache of 384"):
        batches.decode([0], [384], [5])


def test_what_finds_no_memory_is_named_and_smaller_batches_go_on() -> None:
    batches = Batches(tiny_model())
    prepare = batches.steps.prepare

    def tight(name: str, step: Step) -> None:
        if name.startswith("decode 4"):
            raise OutOfDeviceMemory(f"{name}: no room")
        prepare(name, step)

    batches.steps.prepare = tight  # type: ignore[method-assign]
    batches.prepare(("decode",))
    assert set(batches.preparation.broke) == {"decode 4 x 384", "decode 4 x 64"}
    assert batches.sizes("decode", 64) == [1, 2]
    assert len(batches.decode([0, 1, 2, 3], [0] * 4, [5] * 4)) == 4
    with pytest.raises(RuntimeError, match="'hear'.*it was not prepared"):
        batches.hear([0], noise(1, 1), [0], [0])


def test_a_dropped_batch_is_prepared_again() -> None:
    batches = tiny_batches(kinds=("decode",))
    batches.drop("decode", 4)
    assert batches.sizes("decode", 384) == [1, 2]
    assert not [name for name in batches.steps.names if name.startswith("decode 4")]
    batches.prepare(("decode",))
    assert batches.sizes("decode", 384) == [1, 2, 4]


def test_floors_count_what_cannot_be_saved() -> None:
    sizes = Sizes(width=8, layers=2, heads=2, kv_heads=1, inner=16, span=10)
    assert sizes.layer_parameters == 64 + 64 + 2 * 8 * 4 + 3 * 8 * 16
    assert sizes.cached_bytes(3, 2) == 2 * 2 * 3 * 1 * 4 * 2
    assert sizes.flops(5, 7) == 5 * 2 * (2 * sizes.layer_parameters + 4 * 7 * 8)
