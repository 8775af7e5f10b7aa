"""The vision encoder: a picture is seen alike in any company."""

from __future__ import annotations

import pytest
import torch
from tiny_model import TINY, tiny_model
from torch import Tensor

from visavis.models import tensors
from visavis.models.vision_encoder import VisionEncoder, attend


@pytest.fixture(scope="module")
def encoder() -> VisionEncoder:
    return tiny_model().vision


def pictures(count: int) -> Tensor:
    tensors.seed(0)
    return torch.randint(0, 256, (count, TINY.picture, TINY.picture, 3), dtype=torch.uint8)


def test_a_batch_is_its_pictures(encoder: VisionEncoder) -> None:
    some = pictures(5)
    together = encoder(some)
    assert together.shape == (5, TINY.picture_tokens, TINY.width)
    alone = torch.cat([encoder(one[None]) for one in some])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_bytes_and_floats_are_seen_alike(encoder: VisionEncoder) -> None:
    some = pictures(2)
    torch.testing.assert_close(encoder(some), encoder(some.float()))


def test_where_something_is_matters(encoder: VisionEncoder) -> None:
    some = pictures(1)
    assert not torch.allclose(encoder(some), encoder(some.flip(2)), atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 64, 32, 3), (1, 48, 48, 3), (1, 32, 32, 1), (32, 32, 3)])
def test_a_picture_of_another_geometry_is_refused(
    encoder: VisionEncoder, shape: tuple[int, ...]
) -> None:
    with pytest.raises(RuntimeError):
        encoder(torch.zeros(shape, dtype=torch.uint8))


def test_attention_is_the_fused_kernels() -> None:
    tensors.seed(0)
    q, k, v = torch.randn(3, 2, 4, 5, 8)
    fused = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(attend(q, k, v), fused, atol=1e-5, rtol=1e-5)
