"""The embedded model with what it hears dictated and its cache watched: no PyTorch, so it is quick."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import numpy as safetensors_numpy

from visavis.models.embedded import Embedded
from visavis.models.networks import (
    Floats,
    Ints,
    Networks,
    OnnxNetworks,
    Pictures,
    WeightFile,
    shipped,
)
from visavis.models.spelling import BLANK, spell


@cache
def weights() -> WeightFile:
    """The shipped weights."""
    return WeightFile(shipped("nano"))


@cache
def networks() -> OnnxNetworks:
    """Networks of the shipped weights; they keep no state."""
    return OnnxNetworks(weights())


def write_tensors(
    path: Path, tensors: dict[str, npt.NDArray[Any]], header: dict[str, str] | None = None
) -> None:
    """A safetensors file. Any: it holds numbers of all kinds."""
    writer: Any = safetensors_numpy  # its types are incomplete
    writer.save_file(tensors, path, metadata=header)


class Inner:
    """Networks that do what others do."""

    def __init__(self, inner: Networks) -> None:
        self.inner = inner

    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        return self.inner.hear(pcm, samples, frames)

    def see(self, pictures: Pictures) -> Floats:
        return self.inner.see(pictures)

    def read(self, chances: Floats, latents: Floats, lengths: Ints) -> Floats:
        return self.inner.read(chances, latents, lengths)

    def shallow(
        self, x: Floats, keys: Floats, values: Floats, turn: Floats, mask: Floats
    ) -> tuple[Floats, ...]:
        return self.inner.shallow(x, keys, values, turn, mask)

    def deep(
        self, x: Floats, keys: Floats, values: Floats, turn: Floats, mask: Floats
    ) -> tuple[Floats, ...]:
        return self.inner.deep(x, keys, values, turn, mask)


class Watched(Inner):
    """Writes down what lies in the one cache that is served.

    `laid` are the positions put into the cache and not overwritten; those behind `start`, where the
    newest came in, may have been cut since. `most` is how many there ever were.
    """

    def __init__(self, inner: Networks) -> None:
        super().__init__(inner)
        self.laid: list[Floats] = []
        self.start = 0
        self.most = 0

    def shallow(
        self, x: Floats, keys: Floats, values: Floats, turn: Floats, mask: Floats
    ) -> tuple[Floats, ...]:
        self.start = keys.shape[3]
        self.laid = [*self.laid[: self.start], *x[0]]
        self.most = max(self.most, len(self.laid))
        return super().shallow(x, keys, values, turn, mask)


class Dictated(Inner):
    """The encoder hears what the windows say: letter class n where a sample is n / 100."""

    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        config = weights().config
        classes = np.rint(pcm[:, : config.letters_per_frame] * 100).astype(int)  # [B, K]
        chances = np.full((*classes.shape, config.classes), 0.001, np.float32)
        np.put_along_axis(chances, classes[..., None], 0.9, axis=2)
        return chances, np.zeros((len(pcm), config.audio_width), np.float32), samples, frames


def stepper(networks: Networks, slots: int = 1) -> Embedded:
    """The shipped model over these networks."""
    file = weights()
    return Embedded(networks, file.config, file.lexicon, file.tensors, slots)


def dictation(text: str) -> Floats:
    """Windows [N, 512] in which `Dictated` hears this text. Its last letter is still open, unless
    that is a space: then the word before it is complete."""
    classes: list[int] = []
    for letter in spell(text):
        if classes and classes[-1] == letter:
            classes.append(BLANK)
        classes.append(letter)
    if text.endswith(" "):
        classes.append(BLANK)
    config = weights().config
    count = config.letters_per_frame
    classes += [classes[-1]] * (-len(classes) % count)
    windows = np.zeros((len(classes) // count, config.window), np.float32)
    windows[:, :count] = np.reshape(classes, (-1, count)) / 100
    return windows


def say(model: Embedded, text: str, slot: int = 0) -> list[bool]:
    """A person says this; where the transcript changed."""
    return [model.hear([slot], window[None])[0] for window in dictation(text)]


def answer(model: Embedded, text: str | None = None, slot: int = 0) -> list[str]:
    """A shadow said to its end, token by token."""
    model.begin([slot], [text])
    return rest(model, slot)


def rest(model: Embedded, slot: int = 0) -> list[str]:
    """What is still to be said."""
    words: list[str] = []
    while True:
        ((word, is_last),) = model.next([slot])
        words += [word] if word else []
        if is_last:
            return words


def exchange(model: Embedded, text: str | None = None, slot: int = 0) -> list[str]:
    """A question that is answered to the end."""
    model.begin([slot], [text])
    model.commit(slot)
    return rest(model, slot)


def picture(level: int) -> Pictures:
    """A picture in two halves, [1, H, W, 3]: red with its level, green against it."""
    side = weights().config.picture
    pixels = np.zeros((1, side, side, 3), np.uint8)
    pixels[..., 0] = pixels[..., 2] = level
    pixels[..., 1] = 255 - level
    pixels[:, :, : side // 2] //= 2
    return pixels
