"""The cache: however positions come in and go, the words behind them are the same."""

from __future__ import annotations

import numpy as np
import pytest
from embedded_fakes import networks, weights
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.models.networks import Floats
from visavis.models.positions import PositionCache

CONFIG = weights().config


def cache() -> PositionCache:
    return PositionCache(networks(), CONFIG)


def latents(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(0, 0.5, (count, CONFIG.width)).astype(np.float32)


def close(found: Floats, wanted: Floats) -> None:
    np.testing.assert_allclose(found, wanted, atol=2e-3)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_in_pieces_or_at_once(sizes: list[int]) -> None:
    x, pieces = latents(sum(sizes)), cache()
    ends = np.cumsum(sizes)
    found = [pieces.append(x[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
    close(np.concatenate(found), cache().append(x))
    assert pieces.used == len(x)


def test_a_cut_is_exact() -> None:
    a, b, c = latents(7, 1), latents(5, 2), latents(4, 3)
    cut, never = cache(), cache()
    cut.append(a)
    cut.append(b)
    cut.cut(7)
    never.append(a)
    np.testing.assert_array_equal(cut.append(c), never.append(c))


def test_what_comes_later_changes_nothing_before() -> None:
    x = latents(6)
    y = x.copy()
    y[4:] = 9
    close(cache().append(x)[:4], cache().append(y)[:4])


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from([0, 1, 2, 4, None])), min_size=1, max_size=5
    )
)
def test_deep_layers_filled_late_and_in_groups_hold_what_they_would_hold(
    steps: list[tuple[int, int | None]],
) -> None:
    """The slow twin takes every position through all layers as it comes."""
    lazy, eager = cache(), cache()
    for seed, (size, most) in enumerate(steps):
        x = latents(size, seed)
        lazy.take(x)
        for row in x:
            eager.append(row[None])
        if most is None:
            lazy.fill()
        elif most:
            lazy.fill(most)
    assert lazy.filled + lazy.unfilled == lazy.used == eager.used == eager.filled
    close(lazy.held(), eager.held()[:, :, :, : lazy.filled])
    if lazy.unfilled:
        lazy.fill()
    close(lazy.held(), eager.held())
    close(lazy.append(latents(2, 99)), eager.append(latents(2, 99)))


def test_words_drafted_early_are_verified_to_the_bits_of_the_answer() -> None:
    before, x, after = latents(11, 1), latents(4, 2), latents(3, 3)
    drafted, plain = cache(), cache()
    drafted.append(before)
    plain.append(before)
    early = np.concatenate([drafted.take(row[None]) for row in x])
    whole = plain.append(x)
    close(drafted.fill(), whole)
    assert not np.allclose(early, whole, atol=2e-3), "the first exit is another reading"
    assert drafted.used == plain.used == 15
    close(drafted.append(after), plain.append(after))


@pytest.mark.parametrize("is_filled", [True, False])
def test_drafts_that_are_not_kept_leave_no_trace(is_filled: bool) -> None:
    before, x, after = latents(11, 1), latents(4, 2), latents(3, 3)
    drafted, plain = cache(), cache()
    drafted.append(before)
    for row in x:
        drafted.take(row[None])
    if is_filled:
        drafted.fill()
    drafted.cut(13)
    plain.append(np.concatenate([before, x[:2]]))
    assert drafted.used == plain.used == 13
    close(drafted.append(after), plain.append(after))
    close(drafted.held(), plain.held())


def test_there_is_an_end_and_it_is_named() -> None:
    full = cache()
    full.append(latents(CONFIG.max_positions))
    with pytest.raises(ValueError, match=f"{CONFIG.max_positions + 1} positions.*shorten"):
        full.append(latents(1))
    assert full.used == CONFIG.max_positions
    full.cut(3)
    full.append(latents(1))
    assert full.used == 4


@pytest.mark.parametrize("length", [-1, 4])
def test_a_cut_that_cannot_be_made_is_named(length: int) -> None:
    short = cache()
    short.append(latents(3))
    with pytest.raises(ValueError, match=f"3 positions.*cut at {length}"):
        short.cut(length)
    assert short.used == 3
