"""The embedded model with what it hears dictated and its cache watched: no PyTorch, so it is quick."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import numpy as safetensors_numpy

from visavis.models.embedded import Embedded
from visavis.models.networks import (
    CachedLayers,
    Floats,
    Ints,
    Networks,
    Pictures,
    WeightFile,
    describe,
    shipped,
)
from visavis.models.onnx_networks import OnnxNetworks
from visavis.models.spelling import BLANK, spell

Tensors = dict[str, npt.NDArray[Any]]
Header = dict[str, str]


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


def rewritten(path: Path, change: Callable[[Tensors, Header], None]) -> Path:
    """The shipped file with something changed."""
    tensors, header = dict(weights().tensors), describe(shipped("nano"))
    change(tensors, header)
    write_tensors(path, tensors, header)
    return path


class Inner:
    """Networks that do what others do."""

    def __init__(self, inner: Networks) -> None:
        self.inner = inner

    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        return self.inner.hear(pcm, samples, frames)

    def glance(self, pictures: Pictures) -> Floats:
        return self.inner.glance(pictures)

    def recognise(self, glanced: Floats) -> Floats:
        return self.inner.recognise(glanced)

    def read(self, chances: Floats, latents: Floats, lengths: Ints) -> Floats:
        return self.inner.read(chances, latents, lengths)

    def new_cache(self) -> CachedLayers:
        return self.inner.new_cache()


class Watched(Inner):
    """Writes down what lies in the one cache that is served.

    `laid` are the positions put into the cache and not overwritten; those behind `start`, where the
    newest came in, may have been cut since. `most` is how many there ever were. `deep` counts the
    positions of each pass of the deep layers.
    """

    def __init__(self, inner: Networks) -> None:
        super().__init__(inner)
        self.laid: list[Floats] = []
        self.start = 0
        self.most = 0
        self.deep: list[int] = []

    def new_cache(self) -> CachedLayers:
        return WatchedLayers(super().new_cache(), self)


class WatchedLayers:
    """Tells what it is given."""

    def __init__(self, inner: CachedLayers, watch: Watched) -> None:
        self._inner, self._watch = inner, watch

    def shallow(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        watch = self._watch
        watch.start = start
        watch.laid = [*watch.laid[:start], *x.copy()]
        watch.most = max(watch.most, len(watch.laid))
        return self._inner.shallow(x, start)

    def deep(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        self._watch.deep.append(len(x))
        return self._inner.deep(x, start)

    def held(self, length: int) -> Floats:
        return self._inner.held(length)


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


def see(pictures: Pictures) -> Floats:
    """What the vision encoder makes of pictures [B, H, W, 3] -> [B, P, D]."""
    return networks().recognise(networks().glance(pictures))


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
