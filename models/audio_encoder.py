"""The streaming audio encoder: PCM windows in, CTC letters and latents out, strictly causal.

Axes: B utterances, T frames of 32 ms, S samples, M mels, D width.

A stack of spliced residual layers in the manner of time-delay networks (Peddinti et al. 2015):
each sees itself and two earlier frames, so everything is a matrix product and the state of a stream
is the few frames behind it. Training: CTC (Graves et al. 2006).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import SPAN, ModelConfig
from .tensors import spectrum, tensor_of

N_FFT = 512


def mel_filters(mels: int, rate: int = 16_000, low: float = 60.0, high: float = 7_600.0) -> Tensor:
    """Triangular filters on the mel scale (HTK formula), [M, N_FFT // 2 + 1]."""

    def to_mel(hertz: float) -> float:
        return 2595.0 * math.log10(1.0 + hertz / 700.0)

    points = np.linspace(to_mel(low), to_mel(high), mels + 2)
    hertz = 700.0 * (10.0 ** (points / 2595.0) - 1.0)
    bins = np.fft.rfftfreq(N_FFT, 1.0 / rate)
    rising = (bins[None] - hertz[:-2, None]) / (hertz[1:-1, None] - hertz[:-2, None])
    falling = (hertz[2:, None] - bins[None]) / (hertz[2:, None] - hertz[1:-1, None])
    return tensor_of(np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32))


@dataclass(slots=True)
class AudioState:
    """What a stream remembers: samples under the next analysis window, frames under each splice."""

    samples: Tensor  # [B, SPAN - hop]
    frames: list[Tensor]  # per layer [B, 2 * dilation, D]

    def reset(self, row: int) -> None:
        """Row `row` starts a new utterance."""
        self.samples[row] = 0
        for frames in self.frames:
            frames[row] = 0


class SplicedLayer(nn.Module):
    """Residual: norm, splice of frames t-2d, t-d, t, two products with GELU between."""

    def __init__(self, width: int, hidden: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(3 * width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, T, D], past [B, 2d, D] -> output [B, T, D], the new past."""
        d, t = self.dilation, x.shape[1]
        seen = torch.cat([past, self.norm(x)], dim=1)  # [B, 2d + T, D]
        spliced = torch.cat([seen[:, :t], seen[:, d : d + t], seen[:, 2 * d :]], dim=2)
        return x + self.down(F.gelu(self.up(spliced))), seen[:, t:]

    def frame(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """`forward` for a single frame: x [B, D], past [B, 2d, D] -> output [B, D], the new past."""
        new = self.norm(x)
        spliced = torch.cat([past[:, 0], past[:, self.dilation], new], dim=1)
        after = torch.cat([past[:, 1:], new[:, None]], dim=1)
        return x + self.down(F.gelu(self.up(spliced))), after


class AudioEncoder(nn.Module):
    """Log-mel front end, spliced layers, CTC head."""

    window: Tensor
    filters: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(SPAN), persistent=False)
        self.register_buffer("filters", mel_filters(config.mels), persistent=False)
        self.enter = nn.Linear(config.mels * config.stack + 1, config.audio_width)
        self.layers = nn.ModuleList(
            SplicedLayer(config.audio_width, config.audio_hidden, d) for d in config.dilations
        )
        self.norm = nn.LayerNorm(config.audio_width)
        self.letters = nn.Linear(config.audio_width, config.letters_per_frame * config.classes)

    def new_state(self, rows: int) -> AudioState:
        """A state of `rows` streams, all at the start of an utterance."""
        width = self.config.audio_width
        return AudioState(
            samples=torch.zeros(rows, SPAN - self.config.hop),
            frames=[torch.zeros(rows, 2 * d, width) for d in self.config.dilations],
        )

    def mel(self, pcm: Tensor, before: Tensor, filters: Tensor | None = None) -> Tensor:
        """Log-mel energies of whole hops: pcm [B, S], before [B, SPAN - hop] -> [B, S / hop, M].

        `filters` [B, M, bins] replaces the bank, for vocal-tract warping in training.
        """
        seen = torch.cat([before, pcm], dim=1)
        framed = seen.unfold(1, SPAN, self.config.hop)  # [B, S / hop, SPAN]
        power = spectrum(framed * self.window, N_FFT).abs().square()
        bank = self.filters if filters is None else filters
        return torch.log(power @ bank.transpose(-1, -2) + 1e-6)

    def stack(self, mel: Tensor) -> Tensor:
        """Stack hops to frames: [B, T * stack, M] -> [B, T, stack * M + 1].

        The frame's mean is taken out (a louder voice gives the same shape) and kept as one number.
        """
        b, hops, m = mel.shape
        x = mel.reshape(b, hops // self.config.stack, self.config.stack * m)
        level = x.mean(dim=2, keepdim=True)
        return torch.cat([(x - level) / 2.0, (level + 4.0) / 4.0], dim=2)

    def spell(self, latents: Tensor) -> Tensor:
        """Latents [B, T, D] -> letter logits [B, K * T, C]: quick speech has nearly a letter a frame,
        and CTC wants room between letters, so each frame gives `letters_per_frame` K."""
        logits: Tensor = self.letters(latents)
        return logits.view(latents.shape[0], -1, self.config.classes)

    def encode(self, stacked: Tensor, frames: list[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Stacked features [B, T, ·] -> letter logits [B, K T, C], latents [B, T, D], frames."""
        x = self.enter(stacked)
        after: list[Tensor] = []
        for layer, past in zip(self.layers, frames, strict=True):
            x, now = layer(x, past)
            after.append(now)
        latents = self.norm(x)
        return self.spell(latents), latents, after

    def forward(self, pcm: Tensor, filters: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """A whole utterance from its start: pcm [B, S] in -1..1 -> logits [B, K T, C], latents."""
        state = self.new_state(pcm.shape[0])
        stacked = self.stack(self.mel(pcm, state.samples, filters))
        logits, latents, _ = self.encode(stacked, state.frames)
        return logits, latents

    def step(self, pcm: Tensor, state: AudioState) -> tuple[Tensor, Tensor, AudioState]:
        """The next whole windows of B streams: pcm [B, k * window] -> logits, latents, state."""
        stacked = self.stack(self.mel(pcm, state.samples))
        logits, latents, frames = self.encode(stacked, state.frames)
        samples = torch.cat([state.samples, pcm], dim=1)[:, -(SPAN - self.config.hop) :]
        return logits, latents, AudioState(samples, frames)
