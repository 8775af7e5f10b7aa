"""The networks of the embedded model, as whoever steps it calls them, and their weight file: no
PyTorch here.

Axes: B streams, C letter classes, A audio width, D decoder width, P patches, N words,
L letters or cached positions, T new positions, H heads, W words of the lexicon.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from ..runtime.errors import WeightsError
from .config import CONFIGS, ModelConfig
from .lexicon import Lexicon

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Pictures = npt.NDArray[np.uint8]

FORMAT = "visavis-1"

# It has no types for what is compiled: Any ends at the annotations of what it returns.
_safe_open: Any = safe_open


class CachedLayers(Protocol):
    """The decoder's layers over the keys and values of one conversation."""

    def shallow(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        """Layers up to the first exit on positions from `start`: [T, D] -> word logits [T, W],
        hidden [T, D]. Keys and values are written where the positions are, whatever was there;
        what lies behind them counts no more."""
        ...

    def deep(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        """The layers above the first exit, likewise, on hidden states of the ones below."""
        ...

    def held(self, length: int) -> Floats:
        """A copy of the first `length` keys and values of all layers [2, N, H, L, D / H]."""
        ...


class Networks(Protocol):
    """What the stepper computes with. All arrays are C-contiguous."""

    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        """pcm [B, 512], state -> posteriors [B, K, C], latents [B, A], state (two arrays)."""
        ...

    def glance(self, pictures: Pictures) -> Floats:
        """The first half of the vision encoder: [B, H, W, 3] -> [B, P, V]"""
        ...

    def recognise(self, glanced: Floats) -> Floats:
        """The second half: [B, P, V] -> [B, P, D]"""
        ...

    def read(self, chances: Floats, latents: Floats, lengths: Ints) -> Floats:
        """[N, L, C], [N, L, A], [N] -> [N, D]"""
        ...

    def new_cache(self) -> CachedLayers:
        """The decoder's layers with nothing in their cache."""
        ...


class WeightFile:
    """A safetensors file of the embedded model: sizes, lexicon, tensors at float32."""

    def __init__(self, path: Path) -> None:
        """Read and check it whole. Raises `WeightsError` for anything but a sane file."""
        self.path = path
        header = describe(path)
        try:
            sizes: dict[str, Any] = json.loads(header["config"])
            known = {field.name for field in fields(ModelConfig)}
            for name in ("dilations", "exits"):  # JSON has no tuples
                if name in sizes:
                    sizes[name] = tuple(sizes[name])
            self.config = ModelConfig(**{k: v for k, v in sizes.items() if k in known})
            self.lexicon = Lexicon(json.loads(header["words"]))
            self.notes: Mapping[str, Any] = json.loads(header["notes"])
            self.tensors: dict[str, npt.NDArray[Any]] = {}
            with _safe_open(path, framework="np") as file:
                names: list[str] = file.keys()
                for name in names:
                    tensor: npt.NDArray[Any] = file.get_tensor(name)
                    if tensor.dtype == np.float16:
                        tensor = tensor.astype(np.float32)
                    if not np.isfinite(tensor).all():
                        raise WeightsError(
                            f"weight file {path} holds a number that is not finite in {name}: "
                            "it is damaged; reinstall visavis or run `make train`"
                        )
                    self.tensors[name] = tensor
        except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise WeightsError(
                f"weight file {path} does not fit its own description ({error!r}): "
                "reinstall visavis or run `make train`"
            ) from error


def describe(path: Path) -> dict[str, str]:
    """The header of a weight file. Raises `WeightsError` when there is none to read."""
    if not path.is_file():
        raise WeightsError(
            f"weight file {path} does not exist: set engine.weights to a file, or run `make train`"
        )
    try:
        with _safe_open(path, framework="np") as file:
            header: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"weight file {path} can't be read ({error}): it is damaged or no safetensors file; "
            "reinstall visavis or run `make train`"
        ) from error
    if header.get("format") != FORMAT:
        raise WeightsError(
            f"weight file {path} has format {header.get('format')!r}, not {FORMAT!r}: "
            "it belongs to another version or another program"
        )
    return header


def shipped(name: str) -> Path:
    """Where the package keeps a model's weights. Raises `WeightsError` naming what there is."""
    if name not in CONFIGS:
        raise WeightsError(f"engine.model is {name!r}: the models are {', '.join(sorted(CONFIGS))}")
    return Path(__file__).with_name("weights") / f"{name}.safetensors"
