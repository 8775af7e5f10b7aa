"""The decoder: training's pass over a whole story and the runtime's over a cache agree."""

from __future__ import annotations

import math

import torch
from tiny_model import LEXICON, TINY, tiny_model
from torch import Tensor

from visavis.models import tensors
from visavis.models.config import Kind
from visavis.models.decoder import rotary, turned
from visavis.models.spelling import spell

DECODER = tiny_model().decoder


def positions(count: int, rows: int = 1) -> Tensor:
    tensors.seed(3)
    return torch.randn(rows, count, TINY.width)


def through_a_cache(x: Tensor, pieces: list[int], first: int, layers: int) -> Tensor:
    """[1, T, D] through some layers, piece by piece."""
    head = TINY.width // TINY.heads
    keys = values = torch.zeros(layers, 1, TINY.heads, 0, head)
    found: list[Tensor] = []
    start = 0
    for size in pieces:
        end = start + size
        mask = torch.zeros(size, end)
        mask[:, start:] = torch.full((size, size), -math.inf).triu(1)
        turn = torch.stack([DECODER.cos[start:end], DECODER.sin[start:end]])
        hidden, k, v = DECODER.span(x[:, start:end], keys, values, turn, mask, first)
        keys, values = torch.cat([keys, k], dim=3), torch.cat([values, v], dim=3)
        found.append(hidden)
        start = end
    return torch.cat(found, dim=1)


def test_the_cache_gives_what_the_whole_story_gives() -> None:
    x = positions(12)
    whole = DECODER(x, torch.ones(1, 12, dtype=torch.bool))
    assert len(whole) == len(TINY.exits) + 1
    for pieces in ([12], [1] * 12, [5, 1, 6]):
        shallow = through_a_cache(x, pieces, 0, TINY.exits[0])
        deep = through_a_cache(shallow, pieces, TINY.exits[0], TINY.layers - TINY.exits[0])
        torch.testing.assert_close(DECODER.read(shallow, 0)[0], whole[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(DECODER.read(deep, -1)[0], whole[-1], atol=1e-4, rtol=1e-4)


def test_only_targets_are_read_and_none_sees_what_follows() -> None:
    x = positions(9, rows=2)
    targets = torch.zeros(2, 9, dtype=torch.bool)
    targets[0, 4] = targets[1, 2] = True
    found = DECODER(x, targets)[-1]
    assert found.shape == (2, len(LEXICON))
    changed = x.clone()
    changed[0, 5:] = changed[1, 3:] = 0
    torch.testing.assert_close(DECODER(changed, targets)[-1], found, atol=1e-5, rtol=1e-5)


def test_each_modality_is_told_apart() -> None:
    letters, lengths = torch.tensor([spell("red")]), torch.tensor([3])
    chances = torch.nn.functional.one_hot(letters, TINY.classes).float()
    typed = DECODER.typed(letters, lengths)
    heard = DECODER.heard(chances, torch.zeros(1, 3, TINY.audio_width), lengths)
    table = DECODER.kinds.weight
    torch.testing.assert_close(typed - heard, (table[Kind.TYPED] - table[Kind.VOICE])[None])
    latents = torch.zeros(2, TINY.width)
    torch.testing.assert_close(DECODER.seen(latents), table[Kind.PICTURE].expand(2, -1))
    said = DECODER.said(torch.tensor([1, 2]))
    torch.testing.assert_close(said, DECODER.words.weight[1:3] + table[Kind.WORD])


def test_turning_depends_on_the_distance_only() -> None:
    cos, sin = rotary(8, 30)
    tensors.seed(0)
    q, k = torch.randn(2, 8)

    def score(i: int, j: int) -> float:
        return float(turned(q, cos[i], sin[i]) @ turned(k, cos[j], sin[j]))

    assert math.isclose(score(3, 1), score(23, 21), rel_tol=1e-4)
    assert not math.isclose(score(3, 1), score(3, 2), rel_tol=1e-2)
    assert math.isclose(
        float(turned(q, cos[9], sin[9]) @ turned(q, cos[9], sin[9])), float(q @ q), rel_tol=1e-5
    )
