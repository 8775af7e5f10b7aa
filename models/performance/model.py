"""The performance model's parts and the arithmetic of each kind of step, on tensors of one device.

Every method here is a step's body: fixed shapes, no look at a value from Python, results in buffers
that stay. Which rows it is for and when it runs is the business of `batches.py`.

Axes: B rows, T positions, D width of the decoder, A width of the audio encoder, Q latents of a
picture, W words, N windows of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear, rms_norm

from ...runtime.frames import WINDOW
from .cached import CachedTransformer, random_weights
from .config import ASK, DRAFT, FILL, MARKS, PerformanceConfig
from .eyes import Eyes

HOLD = 64
"""Audio latents of a slot that may wait beside the cache (2 s): while an answer is under way none
can enter it."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a model is made of, beside its sizes."""

    slots: int
    device: torch.device
    kind: torch.dtype
    seed: int = 1


def needed_bytes(config: PerformanceConfig, slots: int, item: int) -> int:
    """Weights and caches, at `item` bytes a number; what single steps need comes on top."""
    weights = sum(config.parameters.values())
    caches = config.decoder.cached_bytes(config.decoder.span, 1)
    caches += config.audio.cached_bytes(config.audio.span, 1)
    caches += (HOLD + config.picture_tokens) * config.decoder.width
    return item * (weights + (slots + 1) * caches)


class PerformanceModel:
    """Random weights; the same seed, type and device give the same model."""

    def __init__(self, config: PerformanceConfig, built: Built) -> None:
        self.config, self.built = config, built
        kind, device, slots = built.kind, built.device, built.slots
        generator = torch.Generator(device).manual_seed(built.seed)

        def weights(*shape: int) -> Tensor:
            return random_weights(shape, generator, kind, device)

        d, a = config.decoder.width, config.audio.width
        self.decoder = CachedTransformer(config.decoder, slots, kind, device, generator)
        self.audio = CachedTransformer(config.audio, slots, kind, device, generator)
        self.eyes = self._eyes(generator)
        self._generator = generator
        self._words = weights(config.words, d)
        self._sureness = weights(1, d)
        self._audio_in, self._audio_out = weights(a, WINDOW), weights(d, a)
        self._latents = torch.zeros((slots + 1, HOLD, d), dtype=kind, device=device)
        self._seen = torch.zeros((slots + 1, config.picture_tokens, d), dtype=kind, device=device)

    def _eyes(self, generator: torch.Generator, large: bool = False) -> Eyes:
        config, built = self.config, self.built
        sizes = config.large_eyes if large else config.eyes
        return Eyes(
            sizes,
            config.picture,
            config.picture_tokens,
            config.decoder.width,
            built.kind,
            built.device,
            generator,
        )

    def large_eyes(self) -> Eyes:
        """The other vision encoder, made anew: it is measured alone and then let go."""
        return self._eyes(self._generator, large=True)

    # What comes in ----------------------------------------------------------------------------

    def hear(self, windows: Tensor, slots: Tensor, starts: Tensor, cells: Tensor) -> None:
        """One streaming step of the audio encoder: windows [B, 512]; the latent goes to the slot's
        cell of those that wait."""
        x = linear(windows.to(self.built.kind), self._audio_in)[:, None]  # [B, 1, A]
        audio = self.audio
        where = audio.where(slots, starts, 1, audio.sizes.span)
        y = audio.run(x, where, 0, audio.sizes.layers)[:, 0]
        self._latents.index_put_((slots, cells), linear(y, self._audio_out))

    def listen(self, clips: Tensor, slots: Tensor) -> Tensor:
        """A whole clip at once, [B, N, 512] -> [B, N, D]; leaves the encoder as streaming would."""
        audio = self.audio
        x = linear(clips.to(self.built.kind), self._audio_in)  # [B, N, A]
        where = audio.where(slots, torch.zeros_like(slots), clips.shape[1], audio.sizes.span)
        return linear(audio.run(x, where, 0, audio.sizes.layers), self._audio_out)

    def see(self, pictures: Tensor, slots: Tensor) -> None:
        """Pictures [B, H, W, 3] uint8; the latents wait beside the cache."""
        self._seen.index_copy_(0, slots, self.eyes.run(pictures))

    def show(self, slots: Tensor, starts: Tensor, read: int) -> None:
        """The picture that waits goes into the cache."""
        self._append(self._seen.index_select(0, slots), slots, starts, read)

    def fill(self, slots: Tensor, starts: Tensor, firsts: Tensor, read: int) -> None:
        """FILL audio latents that wait, from number `firsts` on, go into the cache."""
        self._append(self._waiting(slots, firsts), slots, starts, read)

    def read_text(self, slots: Tensor, starts: Tensor, tokens: Tensor, read: int) -> None:
        """Typed tokens [B, T] go into the cache; what pads them is cut off by the host."""
        self._append(embedding(tokens, self._words), slots, starts, read)

    def latents(self, slot: int, number: int) -> Tensor:
        """A latent that waits, [D] float32 on the CPU: for tests and checks."""
        return self._latents[slot, number % HOLD].float().cpu()

    # Answers ----------------------------------------------------------------------------------

    def begin(
        self, slots: Tensor, starts: Tensor, firsts: Tensor, counts: Tensor, read: int
    ) -> tuple[Tensor, Tensor]:
        """The last `counts` ≤ FILL latents, the mark that asks, and the first token: one pass.
        Tokens [B] and how sure the head is [B]."""
        x = torch.cat([self._waiting(slots, firsts), self._mark(len(slots))], dim=1)
        is_ask = torch.arange(FILL + 1, device=slots.device) == counts[:, None]  # [B, T]
        x = torch.where(is_ask[..., None], self._words[ASK], x)
        y = self._append(x, slots, starts, read)
        at = counts[:, None, None].expand(-1, 1, y.shape[-1])
        last = y.gather(1, at)[:, 0]  # [B, D]
        return self._choose(last), torch.sigmoid(linear(last.float(), self._sureness.float()))[:, 0]

    def decode(self, slots: Tensor, starts: Tensor, tokens: Tensor, read: int) -> Tensor:
        """One token of each answer: [B] -> [B]."""
        x = embedding(tokens, self._words)[:, None]
        return self._choose(self._append(x, slots, starts, read)[:, 0])

    def draft(
        self,
        slots: Tensor,
        starts: Tensor,
        tokens: Tensor,
        limits: Tensor,
        below: int,
        read: int,
    ) -> tuple[Tensor, Tensor]:
        """Exact early exit: DRAFT tokens chosen behind `below` layers, verified by the layers above
        in one pass over the same cache. The full depth's tokens [B, DRAFT] and how many of them,
        1 … `limits`, hold [B]. Shapes are the same whatever is accepted."""
        decoder = self.decoder
        hidden: list[Tensor] = []
        guesses: list[Tensor] = []
        token = tokens
        for ahead in range(DRAFT):
            where = decoder.where(slots, starts + ahead, 1, read)
            h = decoder.run(embedding(token, self._words)[:, None], where, 0, below)  # [B, 1, D]
            token = self._choose(h[:, 0])
            hidden.append(h)
            guesses.append(token)
        where = decoder.where(slots, starts, DRAFT, read)
        y = decoder.run(torch.cat(hidden, dim=1), where, below, decoder.sizes.layers)
        true = self._choose(y)  # [B, DRAFT]
        agrees = true[:, :-1] == torch.stack(guesses, dim=1)[:, :-1]
        count = 1 + agrees.long().cumprod(dim=1).sum(dim=1)
        return true, torch.minimum(count, limits)

    def answer_all(
        self, pictures: Tensor, clips: Tensor, tokens: Tensor, slots: Tensor, read: int
    ) -> Tensor:
        """Picture, clip, text and the mark, all at once into empty caches: first tokens [B]."""
        parts = [
            self.eyes.run(pictures),
            self.listen(clips, slots),
            embedding(tokens, self._words),
            self._mark(len(slots)),
        ]
        y = self._append(torch.cat(parts, dim=1), slots, torch.zeros_like(slots), read)
        return self._choose(y[:, -1])

    # Inside -----------------------------------------------------------------------------------

    def _append(self, x: Tensor, slots: Tensor, starts: Tensor, read: int) -> Tensor:
        where = self.decoder.where(slots, starts, x.shape[1], read)
        return self.decoder.run(x, where, 0, self.decoder.sizes.layers)

    def _waiting(self, slots: Tensor, firsts: Tensor) -> Tensor:
        cells = torch.remainder(firsts[:, None] + torch.arange(FILL, device=slots.device), HOLD)
        return self._latents[slots[:, None], cells]  # [B, FILL, D]

    def _mark(self, rows: int) -> Tensor:
        return self._words[ASK].expand(rows, 1, -1)

    def _choose(self, x: Tensor) -> Tensor:
        """The likeliest word behind [..., D]; never a mark."""
        logits = linear(rms_norm(x, x.shape[-1:]), self._words)
        return logits[..., MARKS:].argmax(dim=-1) + MARKS
