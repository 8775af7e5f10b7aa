"""A plain vision transformer: pictures in, a few latents each out.

Axes: B pictures, H and W pixels, N patches, Q latents, D width, O width of the decoder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from .cached import random_weights
from .config import VisionSizes


@dataclass(frozen=True, slots=True)
class EyeLayer:
    """One layer."""

    qkv: Tensor  # [3·D, D]
    out: Tensor  # [D, D]
    up: Tensor  # [I, D]
    down: Tensor  # [D, I]


class Eyes:
    """Patches, layers, and a mean over blocks of patches."""

    def __init__(
        self,
        sizes: VisionSizes,
        picture: int,
        latents: int,
        out: int,
        kind: torch.dtype,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        """Raises ValueError when blocks of patches do not make so many latents."""
        self.sizes, self._kind = sizes, kind
        side, blocks = picture // sizes.patch, math.isqrt(latents)
        if blocks * blocks != latents or side % blocks:
            raise ValueError(f"{side}x{side} patches can't be pooled to {latents} latents")
        self._side, self._blocks = side, blocks
        d = sizes.width

        def weights(*shape: int, gain: float = 1.0) -> Tensor:
            return random_weights(shape, generator, kind, device, gain)

        calm = 1.0 / math.sqrt(2 * sizes.layers)
        self._patches = weights(d, 3 * sizes.patch * sizes.patch)
        self._places = weights(side * side, d)
        self._layers = [
            EyeLayer(
                qkv=weights(3 * d, d),
                out=weights(d, d, gain=calm),
                up=weights(sizes.inner, d),
                down=weights(d, sizes.inner, gain=calm),
            )
            for _ in range(sizes.layers)
        ]
        self._out = weights(out, d)

    def run(self, pictures: Tensor) -> Tensor:
        """[B, H, W, 3] uint8 -> [B, Q, O]."""
        sizes, side, p = self.sizes, self._side, self.sizes.patch
        d, rows = sizes.width, len(pictures)
        x = pictures.view(rows, side, p, side, p, 3).permute(0, 1, 3, 2, 4, 5)
        x = x.reshape(rows, side * side, 3 * p * p).to(self._kind) / 127.5 - 1.0
        x = linear(x, self._patches) + self._places  # [B, N, D]
        for layer in self._layers:
            qkv = linear(layer_norm(x, (d,)), layer.qkv)
            q, k, v = qkv.view(rows, side * side, 3, sizes.heads, -1).permute(2, 0, 3, 1, 4)
            seen = scaled_dot_product_attention(q, k, v)  # [B, heads, N, D / heads]
            x = x + linear(seen.transpose(1, 2).reshape(rows, side * side, d), layer.out)
            x = x + linear(gelu(linear(layer_norm(x, (d,)), layer.up)), layer.down)
        block, step = self._blocks, side // self._blocks
        x = x.view(rows, block, step, block, step, d).mean(dim=(2, 4))
        return linear(layer_norm(x.view(rows, block * block, d), (d,)), self._out)
