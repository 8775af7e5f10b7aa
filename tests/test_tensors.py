"""The border with PyTorch gives what it says."""

from __future__ import annotations

import numpy as np
import torch

from visavis.models import tensors


def test_a_tensor_shares_its_array() -> None:
    array = np.zeros(3, np.float32)
    tensors.tensor_of(array)[1] = 7
    assert array.tolist() == [0, 7, 0]


def test_what_is_drawn_follows_from_the_seed() -> None:
    tensors.seed(5)
    first = torch.rand(4)
    tensors.seed(5)
    assert torch.equal(first, torch.rand(4))
