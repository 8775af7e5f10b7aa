"""A conversation's log and the cache that follows it, step by step."""

from __future__ import annotations

import numpy as np
import pytest
from embedded_fakes import Watched, networks, picture, weights

from visavis.models.answering import RESERVE
from visavis.models.context import FILLED_AT_ONCE, LAID_AT_ONCE, Context
from visavis.models.entries import Entries
from visavis.models.lexicon import ASK, CAMERA_OFF
from visavis.models.positions import PositionCache
from visavis.models.window import Entry, What

FILE = weights()
TOKENS = FILE.config.picture_tokens


class Bench:
    """A context whose passes are watched."""

    def __init__(self) -> None:
        self.networks = Watched(networks())
        self.entries = Entries(self.networks, FILE.config, FILE.lexicon, FILE.tensors)
        cache = PositionCache(self.networks, FILE.config)
        self.context = Context(cache, self.entries, FILE.config.max_positions, RESERVE)
        self.context.log = [self.entries.mark(CAMERA_OFF, What.PICTURE, 0)]

    def typed(self, text: str) -> Entry:
        entry = self.entries.typed(text, 1)
        assert entry is not None
        return entry


def test_what_comes_in_is_owed_then_unfilled_then_there() -> None:
    bench = Bench()
    context = bench.context
    context.enter(bench.typed("what is it"))
    assert (context.owed, context.unfilled) == (4, 0)
    context.lay()
    assert (context.owed, context.unfilled, context.cache.used) == (0, 4, 4)
    context.fill()
    assert (context.owed, context.unfilled, context.cache.filled) == (0, 0, 4)
    context.lay()
    context.fill()
    assert bench.networks.deep == [4], "nothing was left to do"


def test_steps_have_a_largest_size() -> None:
    bench = Bench()
    for _ in range(2):
        bench.context.enter(bench.typed("a " * 25))
    assert bench.context.owed == 51
    bench.context.lay()
    assert bench.context.owed == 51 - LAID_AT_ONCE
    bench.context.lay()
    while bench.context.unfilled:
        bench.context.fill()
    assert bench.networks.deep == [FILLED_AT_ONCE] * 5 + [6]


def test_a_picture_that_is_replaced_before_it_is_recognised_is_never_recognised() -> None:
    bench = Bench()
    first, second = (bench.entries.picture(picture(level)[0], 0) for level in (20, 90))
    bench.context.enter(first)
    bench.context.enter(second)
    assert [entry.glanced is None for entry in bench.context.log] == [False]
    bench.context.lay()
    assert bench.context.owed == TOKENS, "recognised, not laid yet"
    bench.context.lay()
    np.testing.assert_allclose(bench.networks.laid, bench.entries.recognised(second).x, atol=1e-6)


def test_words_behind_a_glanced_picture_wait_for_it() -> None:
    bench = Bench()
    bench.context.enter(bench.entries.picture(picture(20)[0], 0))
    bench.context.enter(bench.typed("what is it"))
    while bench.context.owed:
        bench.context.lay()
    bench.context.fill_all()
    whole = Bench()
    whole.context.enter(whole.entries.recognised(whole.entries.picture(picture(20)[0], 0)))
    whole.context.enter(whole.typed("what is it"))
    whole.context.lay_all()
    whole.context.fill_all()
    np.testing.assert_allclose(bench.context.cache.held(), whole.context.cache.held(), atol=2e-4)


def test_under_an_answer_nothing_is_laid_or_filled_beside_it() -> None:
    bench = Bench()
    context = bench.context
    context.log.append(bench.entries.mark(ASK, What.SAID, 0))
    context.lay_all()
    context.is_answering = True
    assert (context.owed, context.unfilled) == (0, 0)
    context.fill()
    assert context.cache.unfilled == 2, "the answer's own pass wants its logits"
    context.enter(bench.typed("no"))
    assert len(context.waiting) == 1
    context.catch_up()
    assert (context.owed, context.waiting) == (1, [])


@pytest.mark.parametrize("laid", [0, 1, 3])
def test_a_cut_drops_from_the_cache_what_it_drops_from_the_log(laid: int) -> None:
    bench = Bench()
    context = bench.context
    for text in ("what is it", "and that"):
        context.enter(bench.typed(text))
        if laid:
            context.lay()
        if laid > 1:
            context.fill()
    context.cut(2)
    assert context.cache.used == (4 if laid else 0)
    assert context.owed == (0 if laid else 4)
