"""A transformer over the preallocated caches of all slots: any rows, any slots, fixed shapes.

Attention goes by position, so whatever lies behind a row's own position is never looked at: cutting
a cache is forgetting its length, and a slot's next tenant needs no clearing. A cache shorter than
its conversation is a ring of the newest positions.

Axes: B rows, T positions a row takes in, D width, S slots and one more for rows that pad a batch,
P positions of the cache, L of them that are read, K key heads, G query heads of each, E width of a
head, I inner width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu

from .config import Sizes


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer. Norms are without weights: they would be folded into what follows."""

    qkv: Tensor  # [(G·K + 2·K)·E, D]
    out: Tensor  # [D, D]
    gate_up: Tensor  # [2·I, D]
    down: Tensor  # [D, I]


@dataclass(frozen=True, slots=True)
class Where:
    """Where the rows of one pass lie; made once for all layers."""

    slots: Tensor  # [B]
    places: Tensor  # [B, T] in the cache
    turns: Tensor  # [B, T, 1, E / 2] rotary turns, complex
    mask: Tensor  # [B, 1, G·T, L]
    read: int  # L


def random_weights(
    shape: tuple[int, ...],
    generator: torch.Generator,
    kind: torch.dtype,
    device: torch.device,
    gain: float = 1.0,
) -> Tensor:
    """Normal, scaled so that what goes through keeps its size."""
    weights = torch.empty(shape, dtype=kind, device=device)
    return weights.normal_(0.0, gain / math.sqrt(shape[-1]), generator=generator)


class CachedTransformer:
    """Layers and their caches for `slots` conversations. No state beside the caches: the host
    knows every slot's length and says where each row starts."""

    def __init__(
        self,
        sizes: Sizes,
        slots: int,
        kind: torch.dtype,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        self.sizes = sizes
        self.slots = slots
        d, e = sizes.width, sizes.head
        heads = sizes.heads + 2 * sizes.kv_heads

        def weights(*shape: int, gain: float = 1.0) -> Tensor:
            return random_weights(shape, generator, kind, device, gain)

        calm = 1.0 / math.sqrt(2 * sizes.layers)  # so that the sum of all layers stays small
        self.layers = [
            LayerWeights(
                qkv=weights(heads * e, d),
                out=weights(d, d, gain=calm),
                gate_up=weights(2 * sizes.inner, d),
                down=weights(d, sizes.inner, gain=calm),
            )
            for _ in range(sizes.layers)
        ]
        shape = (sizes.layers, slots + 1, sizes.span, sizes.kv_heads, e)
        self.keys = torch.zeros(shape, dtype=kind, device=device)
        self.values = torch.zeros(shape, dtype=kind, device=device)
        pairs = torch.arange(0, e, 2, dtype=torch.float32, device=device)
        self._rates = 10_000.0 ** (-pairs / e)  # [E / 2]

    def where(self, slots: Tensor, starts: Tensor, steps: int, read: int) -> Where:
        """For rows of `steps` positions from `starts` [B] that read `read` positions of the cache.

        The caller sees to it that starts + steps ≤ read, or (a ring) that read is the whole cache
        and steps is 1 where it has come round.
        """
        sizes, device = self.sizes, slots.device
        at = starts[:, None] + torch.arange(steps, device=device)  # [B, T]
        angles = at[..., None, None] * self._rates  # [B, T, 1, E / 2]
        end = starts[:, None] + (steps - 1)  # [B, 1]
        index = torch.arange(read, device=device)
        # The newest position that cell i of the ring holds; before the first one: negative.
        held = end - torch.remainder(end - index, sizes.span)  # [B, L]
        seen = (held[:, None] >= 0) & (held[:, None] <= at[..., None])  # [B, T, L]
        group = sizes.heads // sizes.kv_heads
        rows = len(slots)
        mask = seen[:, None].expand(rows, group, steps, read).reshape(rows, 1, group * steps, read)
        turns = torch.polar(torch.ones_like(angles), angles)
        return Where(slots, torch.remainder(at, sizes.span), turns, mask, read)

    def run(self, x: Tensor, where: Where, first: int, last: int) -> Tensor:
        """Layers first … last - 1 on x [B, T, D]; keys and values go into the cache."""
        rows, steps, d = x.shape
        flat = x.reshape(rows * steps, d)
        for number in range(first, last):
            layer = self.layers[number]
            seen = self._attend(rms_norm(flat, (d,)), where, number, rows, steps)
            flat = torch.addmm(flat, seen, layer.out.t())
            gate, up = linear(rms_norm(flat, (d,)), layer.gate_up).chunk(2, dim=-1)
            flat = torch.addmm(flat, silu(gate) * up, layer.down.t())
        return flat.view(rows, steps, d)

    def _attend(self, x: Tensor, where: Where, number: int, rows: int, steps: int) -> Tensor:
        """[B·T, D] -> [B·T, D] over the cache of one layer."""
        sizes = self.sizes
        k, e = sizes.kv_heads, sizes.head
        group = sizes.heads // k
        heads = linear(x, self.layers[number].qkv).view(rows, steps, sizes.heads + 2 * k, e)
        turned = _turn(heads[:, :, : sizes.heads + k], where.turns)
        keys, values = self.keys[number], self.values[number]  # [S, P, K, E]
        at = (where.slots[:, None], where.places)
        keys.index_put_(at, turned[:, :, sizes.heads :])
        values.index_put_(at, heads[:, :, sizes.heads + k :])
        q = turned[:, :, : sizes.heads].view(rows, steps, k, group, e)
        q = q.permute(0, 2, 3, 1, 4).reshape(rows, k, group * steps, e)
        held_keys = keys[:, : where.read].index_select(0, where.slots)  # [B, L, K, E]
        held_values = values[:, : where.read].index_select(0, where.slots)
        seen = scaled_dot_product_attention(
            q, held_keys.transpose(1, 2), held_values.transpose(1, 2), attn_mask=where.mask
        )  # [B, K, G·T, E]
        seen = seen.view(rows, k, group, steps, e).permute(0, 3, 1, 2, 4)
        return seen.reshape(rows * steps, sizes.width)


def _turn(x: Tensor, turns: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021) on neighbouring pairs: x [B, T, heads, E]."""
    pairs = torch.view_as_complex(torch.unflatten(x.float(), -1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype)
