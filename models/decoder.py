"""The fused decoder: one causal transformer over a time-aligned cache of everything seen, heard,
typed and said; answers come out a token at a time.

Axes: B conversations, T new positions, L cached positions, D width, H heads, W words.

Every position holds one latent (a patch of a picture, a heard word, a typed word, a word
said), so attention from an answer's word to the cache is attention across modalities. Positions are
rotary (Su et al. 2021), therefore the cache can be cut at any place and grown again. Exits after
`config.exits` layers share one output head through a norm of their own (LayerSkip, Elhoushi et al.
2024).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import Kind, ModelConfig
from .word_reader import WordReader


def rotary(width: int, positions: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [positions, width]."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float32) / width)
    angles = torch.arange(positions, dtype=torch.float32)[:, None] * rates[None]
    return torch.cat([angles.cos()] * 2, dim=1), torch.cat([angles.sin()] * 2, dim=1)


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the halves of the last axis by the position's angles."""
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-b, a], dim=-1) * sin


@dataclass(slots=True)
class Watch:
    """What training looks at inside the decoder: hidden states after each layer [B, T, D], and how
    the first head of every layer shares out its attention [B, T, T]."""

    hidden: list[Tensor] = field(default_factory=list[Tensor])
    looks: list[Tensor] = field(default_factory=list[Tensor])


class Layer(nn.Module):
    """Pre-norm causal transformer layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, T, D] -> queries, keys, values [B, H, T, D / H], the first two turned."""
        b, t, d = x.shape
        q, k, v = (
            self.qkv(self.norm1(x))
            .view(b, t, 3, self.heads, d // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        return turned(q, cos, sin), turned(k, cos, sin), v

    def finish(self, x: Tensor, seen: Tensor) -> Tensor:
        """Residual of the attention's result [B, H, T, D / H], then the feed-forward."""
        b, t, d = x.shape
        x = x + self.out(seen.transpose(1, 2).reshape(b, t, d))
        after: Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return after


class FusedDecoder(nn.Module):
    """Latents of all modalities and words in, word logits out, at every exit."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig, words: int) -> None:
        super().__init__()
        self.config = config
        d = config.width
        self.kinds = nn.Embedding(len(Kind), d)
        self.reader = WordReader(config)
        self.words = nn.Embedding(words, d)
        self.layers = nn.ModuleList(Layer(d, config.heads) for _ in range(config.layers))
        self.exit_norms = nn.ModuleList(nn.LayerNorm(d) for _ in (*config.exits, config.layers))
        self.head = nn.Linear(d, words)
        for table in (self.kinds, self.words):
            nn.init.normal_(table.weight, std=0.3)
        cos, sin = rotary(d // config.heads, config.max_positions)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    # What goes in ---------------------------------------------------------------------------

    def seen(self, latents: Tensor) -> Tensor:
        """A picture's latents [..., P, D]."""
        return latents + self.kinds.weight[Kind.PICTURE]

    def heard(self, chances: Tensor, latents: Tensor, lengths: Tensor) -> Tensor:
        """Heard words: posteriors of their letters [N, L, C], encoder latents [N, L, A] -> [N, D]."""
        words: Tensor = self.reader(chances, latents, lengths)
        return words + self.kinds.weight[Kind.VOICE]

    def typed(self, letters: Tensor, lengths: Tensor) -> Tensor:
        """Typed words: classes of their letters [N, L], padded with any -> [N, D]."""
        sure = F.one_hot(letters, self.config.classes).to(self.kinds.weight.dtype)
        silent = sure.new_zeros(*letters.shape, self.config.audio_width)
        words: Tensor = self.reader(sure, silent, lengths)
        return words + self.kinds.weight[Kind.TYPED]

    def said(self, words: Tensor) -> Tensor:
        """Word indices [..., T] -> [..., T, D]."""
        found: Tensor = self.words(words)
        return found + self.kinds.weight[Kind.WORD]

    # What comes out -------------------------------------------------------------------------

    def read(self, x: Tensor, exit_index: int) -> Tensor:
        """Word logits of hidden states read at an exit (-1: the full depth)."""
        logits: Tensor = self.head(self.exit_norms[exit_index](x))
        return logits

    def forward(self, x: Tensor, targets: Tensor, watch: Watch | None = None) -> list[Tensor]:
        """Training: x [B, T, D], mask `targets` [B, T] of the positions to read ->
        logits [number of targets, W] at every exit, the full depth last."""
        cos, sin = self.cos[: x.shape[1]], self.sin[: x.shape[1]]
        found: list[Tensor] = []
        later = torch.full((x.shape[1], x.shape[1]), -1e4).triu(1)
        for index, module in enumerate(self.layers, 1):
            layer = cast(Layer, module)  # a ModuleList forgets what it holds
            q, k, v = layer.project(x, cos, sin)
            # Spelled out: on CPUs the backward pass of the fused kernel is far slower.
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
            looks = (scores + later.to(scores.dtype)).softmax(dim=-1)
            x = layer.finish(x, looks.to(v.dtype) @ v)
            if watch is not None:
                watch.hidden.append(x)
                watch.looks.append(looks[:, 0])
            if index in self.config.exits:
                found.append(self.read(x[targets], len(found)))
        return [*found, self.read(x[targets], -1)]

    def span(
        self, x: Tensor, keys: Tensor, values: Tensor, turn: Tensor, mask: Tensor, first: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Layers first… on new positions behind a cache: x [B, T, D], keys and values
        [N, B, H, L, D / H] of N layers, `turn` [2, T, D / H] cosines and sines, `mask` [T, L + T]
        added to the scores -> hidden [B, T, D], the new keys and values [N, B, H, T, D / H].
        """
        new_keys: list[Tensor] = []
        new_values: list[Tensor] = []
        for index in range(keys.shape[0]):
            layer = cast(Layer, self.layers[first + index])
            q, k, v = layer.project(x, turn[0], turn[1])
            scores = q @ torch.cat([keys[index], k], dim=2).transpose(-1, -2)
            chances = (scores * q.shape[-1] ** -0.5 + mask).softmax(dim=-1)
            x = layer.finish(x, chances @ torch.cat([values[index], v], dim=2))
            new_keys.append(k)
            new_values.append(v)
        return x, torch.stack(new_keys), torch.stack(new_values)
