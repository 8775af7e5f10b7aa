"""The sizes of the embedded model. Plain data: no framework here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import IntEnum

from .spelling import LETTERS

SPAN = 400
"""Samples under one analysis window of the audio encoder: 25 ms."""


class Kind(IntEnum):
    """What a position of the decoder's cache holds."""

    PICTURE = 0
    VOICE = 1
    TYPED = 2
    WORD = 3


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Sizes of one model. `exits` are the layer counts after which a draft may be read."""

    name: str
    # hearing
    mels: int = 40
    hop: int = 128
    stack: int = 4
    audio_width: int = 192
    letters_per_frame: int = 2
    audio_hidden: int = 640
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4, 8, 1, 2)
    # seeing
    picture: int = 96
    vision_width: int = 128
    vision_layers: int = 4
    vision_heads: int = 4
    # thinking
    letter_width: int = 64
    letter_hidden: int = 80
    width: int = 160
    heads: int = 5
    layers: int = 8
    exits: tuple[int, ...] = (2, 4)
    max_positions: int = 512

    @property
    def picture_tokens(self) -> int:
        """Positions of the decoder that a picture fills: one per patch of 16×16 pixels."""
        return (self.picture // 16) ** 2

    @property
    def classes(self) -> int:
        """CTC classes: the blank and the letters."""
        return len(LETTERS) + 1

    @property
    def window(self) -> int:
        """Samples in one step of the audio encoder."""
        return self.hop * self.stack

    def as_dict(self) -> dict[str, object]:
        """For the weight file's header."""
        return asdict(self)


NANO = ModelConfig(name="nano")
CONFIGS = {NANO.name: NANO}
