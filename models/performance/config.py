"""Sizes of the performance models, and the bytes and operations that each step can't do without.

The counts are what a benchmark calls the physical floor: no implementation moves fewer bytes or
does less arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...runtime.errors import ConfigError
from ...runtime.frames import HEARING_RATE, WINDOW

CLIP_WINDOWS = 2 * HEARING_RATE // WINDOW
"""Windows in two seconds of audio."""
TEXT = 32
"""Text tokens taken in at once."""
FILL = 4
"""Audio latents that wait beside the cache and enter it together: one read of the weights for all."""
DRAFT = 4
"""Tokens drafted at an exit before the layers above verify them together."""
MARKS = 2
"""First rows of the word table: the mark that asks for an answer, and padding."""
ASK, PAD = 0, 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """One transformer with rotary positions, grouped keys and a gated feed-forward layer."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    inner: int
    span: int
    """Positions the cache holds of a conversation: all of them, or (audio) the newest ones."""

    @property
    def head(self) -> int:
        """Width of one head."""
        return self.width // self.heads

    @property
    def layer_parameters(self) -> int:
        """Weights of one layer, norms left out."""
        kv = self.kv_heads * self.head
        return 2 * self.width * self.width + 2 * self.width * kv + 3 * self.width * self.inner

    @property
    def parameters(self) -> int:
        """Weights of all layers."""
        return self.layers * self.layer_parameters

    def cached_bytes(self, positions: int, item: int, layers: int | None = None) -> int:
        """Keys and values of so many positions, at `item` bytes a number."""
        count = self.layers if layers is None else layers
        return 2 * count * positions * self.kv_heads * self.head * item

    def flops(self, rows: int, attended: int, layers: int | None = None) -> float:
        """Multiply-adds counted as two, for `rows` positions that each attend to `attended`."""
        count = self.layers if layers is None else layers
        attention = 4.0 * attended * self.width
        return rows * count * (2.0 * self.layer_parameters + attention)


@dataclass(frozen=True, slots=True)
class VisionSizes:
    """A plain vision transformer over square patches."""

    width: int
    layers: int
    heads: int
    inner: int
    patch: int = 16

    @property
    def parameters(self) -> int:
        """Weights of all layers and of the patches' projection."""
        layer = 4 * self.width * self.width + 2 * self.width * self.inner
        return self.layers * layer + 3 * self.patch * self.patch * self.width

    def flops(self, pictures: int, picture: int) -> float:
        """Multiply-adds counted as two, for pictures of so many pixels a side."""
        tokens = (picture // self.patch) ** 2
        attention = 4.0 * tokens * self.width * self.layers
        return pictures * tokens * (2.0 * self.parameters + attention)


@dataclass(frozen=True, slots=True)
class PerformanceConfig:
    """A whole model. `spans` are the lengths of context for which steps are prepared: a step reads
    the cache up to the smallest one that holds its longest row."""

    name: str
    decoder: Sizes
    audio: Sizes
    eyes: VisionSizes
    large_eyes: VisionSizes
    words: int
    spans: tuple[int, ...]
    picture: int = 256
    picture_tokens: int = 64
    hear_rows: tuple[int, ...] = (1, 8, 32, 128, 512)
    begin_rows: tuple[int, ...] = (1, 8, 32, 128)
    decode_rows: tuple[int, ...] = (1, 8, 32, 128, 512)
    see_rows: tuple[int, ...] = (1, 4, 16)

    @property
    def exits(self) -> tuple[int, int]:
        """Layers below the two exits: a quarter and a half of the depth."""
        return max(1, self.decoder.layers // 4), max(1, self.decoder.layers // 2)

    @property
    def parameters(self) -> dict[str, int]:
        """Weights of each part."""
        return {
            "decoder": self.decoder.parameters + self.words * self.decoder.width,
            "audio encoder": self.audio.parameters + WINDOW * self.audio.width,
            "vision encoder": self.eyes.parameters,
            "large vision encoder": self.large_eyes.parameters,
        }

    def decoder_bytes(self, item: int, layers: int | None = None, heads: int = 1) -> int:
        """Weights read by one pass of the decoder through `layers`, and by its head `heads` times."""
        count = self.decoder.layers if layers is None else layers
        head = heads * self.words * self.decoder.width
        return item * (count * self.decoder.layer_parameters + head)

    def head_flops(self, rows: int) -> float:
        """Choosing a word, for so many positions."""
        return 2.0 * rows * self.words * self.decoder.width


CONFIGS = {
    config.name: config
    for config in (
        PerformanceConfig(  # for tests: everything there, nothing large
            "tiny",
            decoder=Sizes(32, 4, 4, 2, 64, span=384),
            audio=Sizes(32, 2, 4, 4, 48, span=64),
            eyes=VisionSizes(32, 2, 4, 64, patch=16),
            large_eyes=VisionSizes(48, 2, 4, 96, patch=16),
            words=97,
            spans=(64, 384),
            picture=64,
            picture_tokens=4,
            hear_rows=(1, 2, 4),
            begin_rows=(1, 2, 4),
            decode_rows=(1, 2, 4),
            see_rows=(1, 2),
        ),
        PerformanceConfig(  # for a CPU: every path in a time one can wait for
            "small",
            decoder=Sizes(256, 8, 8, 4, 768, span=512),
            audio=Sizes(192, 4, 4, 4, 512, span=64),
            eyes=VisionSizes(128, 4, 4, 512, patch=16),
            large_eyes=VisionSizes(256, 6, 4, 1024, patch=16),
            words=4096,
            spans=(256, 512),
            hear_rows=(1, 8, 32, 128),
            begin_rows=(1, 8, 32),
            decode_rows=(1, 8, 32, 128),
            see_rows=(1, 4),
        ),
        PerformanceConfig(  # 1.04 B decoder, 205 M hearing, 86 M and 1.01 B seeing
            "1b",
            decoder=Sizes(2048, 16, 32, 8, 8192, span=2048),
            audio=Sizes(1024, 16, 16, 16, 2816, span=64),
            eyes=VisionSizes(768, 12, 12, 3072, patch=16),
            large_eyes=VisionSizes(1408, 40, 16, 6144, patch=16),
            words=32_768,
            spans=(512, 2048),
        ),
    )
}


def performance_config(name: str) -> PerformanceConfig:
    """The sizes of that name. Raises `ConfigError`."""
    try:
        return CONFIGS[name]
    except KeyError:
        known = ", ".join(CONFIGS)
        raise ConfigError(
            f"there is no performance model named {name!r}: choose one of {known}"
        ) from None
