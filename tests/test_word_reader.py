"""Words of letters: what lies behind a word is not read, and near misses look alike."""

from __future__ import annotations

import torch
from tiny_model import TINY, ints, tiny_model
from torch import Tensor
from torch.nn import functional as F

from visavis.models import tensors
from visavis.models.spelling import spell

READER = tiny_model().decoder.reader


def letters(*words: str) -> tuple[Tensor, Tensor]:
    """Posteriors [N, L, C], lengths [N]."""
    spelled = [spell(word) for word in words]
    longest = max(map(len, spelled))
    padded = torch.tensor([s + [0] * (longest - len(s)) for s in spelled])
    return F.one_hot(padded, TINY.classes).float(), torch.tensor([len(s) for s in spelled])


def latents(chances: Tensor, seed: int = 0) -> Tensor:
    tensors.seed(seed)
    return torch.randn(*chances.shape[:2], TINY.audio_width)


def test_what_lies_behind_a_word_is_not_read() -> None:
    chances, lengths = letters("a", "square", "red")
    heard = latents(chances)
    found = READER(chances, heard, lengths)
    assert found.shape == (3, TINY.width)
    behind = torch.arange(chances.shape[1]) >= lengths[:, None]
    chances[behind], heard[behind] = 0.3, 9.0
    torch.testing.assert_close(READER(chances, heard, lengths), found)


def test_words_do_not_know_each_other() -> None:
    chances, lengths = letters("a", "square", "red")
    heard = latents(chances)
    together = READER(chances, heard, lengths)
    for row, length in enumerate(ints(lengths)):
        one = slice(row, row + 1)
        alone = READER(chances[one, :length], heard[one, :length], lengths[one])
        torch.testing.assert_close(together[one], alone, atol=1e-5, rtol=1e-5)


def test_the_order_of_letters_matters() -> None:
    chances, lengths = letters("left", "felt")
    found = READER(chances, torch.zeros_like(latents(chances)), lengths)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


def test_at_first_only_letters_are_read() -> None:
    chances, lengths = letters("red")
    silent = torch.zeros_like(latents(chances))
    torch.testing.assert_close(
        READER(chances, latents(chances), lengths), READER(chances, silent, lengths)
    )
