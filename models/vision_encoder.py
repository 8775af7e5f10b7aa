"""The vision encoder: one picture in, a latent for each of its 36 patches out.

Axes: B pictures, N patches, V width. A convolutional stem (Xiao et al. 2021,
"Early convolutions help transformers see better"), a vision transformer (Dosovitskiy et al. 2021),
and pooling by learned queries (Jaegle et al. 2021).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import ModelConfig


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Plain attention; on CPUs the backward pass of the fused kernel is far slower."""
    chances: Tensor = ((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5).softmax(dim=-1)
    return chances @ v


class Block(nn.Module):
    """Pre-norm transformer block without a mask."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, V] -> [B, N, V]"""
        b, n, v = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, v // self.heads)
        q, k, value = qkv.permute(2, 0, 3, 1, 4)
        seen = attend(q, k, value)
        x = x + self.out(seen.transpose(1, 2).reshape(b, n, v))
        after: Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return after


def convolution(inside: int, outside: int, stride: int) -> nn.Sequential:
    """3×3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class VisionEncoder(nn.Module):
    """Pictures to latents."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        v = config.vision_width
        self.stem = nn.Sequential(
            convolution(3, 24, 2),
            convolution(24, 48, 2),
            convolution(48, 96, 2),
            convolution(96, 96, 1),
            convolution(96, v, 2),
        )
        side = config.picture // 16
        self.place = nn.Parameter(torch.randn(side * side, v) * 0.02)
        self.blocks = nn.Sequential(
            *(Block(v, config.vision_heads) for _ in range(config.vision_layers))
        )
        self.norm = nn.LayerNorm(v)
        self.out = nn.Linear(v, config.width)

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 [B, H, W, 3] -> latents [B, N, width of the decoder]"""
        latents: Tensor = self.out(self.patches(pictures))
        return latents

    def patches(self, pictures: Tensor) -> Tensor:
        """[B, H, W, 3] -> [B, N, V], row by row over a grid of 16 pixels."""
        return self.recognise(self.glance(pictures))

    def glance(self, pictures: Tensor) -> Tensor:
        """What the convolutions make of each patch by itself, [B, H, W, 3] -> [B, N, V]."""
        x = (pictures.permute(0, 3, 1, 2).to(self.place.dtype) - 128.0) / 64.0
        x = self.stem(x.contiguous(memory_format=torch.channels_last))  # [B, V, side, side]
        glanced: Tensor = x.flatten(2).transpose(1, 2)
        return glanced

    def recognise(self, glanced: Tensor) -> Tensor:
        """What each patch is among the others, [B, N, V] -> [B, N, V]."""
        found: Tensor = self.norm(self.blocks(glanced + self.place))
        return found
