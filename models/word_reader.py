"""Letters to word latents: one position of the decoder per word, whether it was heard or typed.

Axes: N words, L letters (padded), C letter classes, A audio width, E letter width, D decoder width.

A character network with convolutions over a word's letters (Kim et al. 2016), so that a word with a
wrong letter still looks much like itself. A heard letter is its posterior, not a decision, and
carries what the audio encoder knew there.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import ModelConfig


class WordReader(nn.Module):
    """Reads words of letters."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.letter_width
        self.letters = nn.Embedding(config.classes, width)
        self.sounds = nn.Linear(config.audio_width, width)
        self.windows = nn.ModuleList(
            nn.Conv1d(width, config.letter_hidden, size) for size in (2, 3, 4)
        )
        self.out = nn.Linear(3 * config.letter_hidden, config.width)
        nn.init.zeros_(self.sounds.weight)
        nn.init.zeros_(self.sounds.bias)

    def forward(self, chances: Tensor, latents: Tensor, lengths: Tensor) -> Tensor:
        """chances [N, L, C], latents [N, L, A], lengths [N] -> [N, D].

        What lies behind a word's length is not read.
        """
        x = chances @ self.letters.weight + self.sounds(latents)  # [N, L, E]
        inside = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
        x = (x * inside).transpose(1, 2)  # [N, E, L]
        found: list[Tensor] = []
        for module in self.windows:
            window = cast(nn.Conv1d, module)  # a ModuleList forgets what it holds
            size = window.kernel_size[0]
            seen = F.relu(window(F.pad(x, (size - 1, size - 1))))  # [N, hidden, L + size - 1]
            reach = torch.arange(seen.shape[2]) < (lengths + size - 1)[:, None]
            found.append((seen * reach[:, None]).amax(dim=2))
        words: Tensor = self.out(torch.cat(found, dim=1))
        return words
