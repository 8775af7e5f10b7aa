"""The five networks of the embedded model, as whoever steps it calls them, and the ONNX Runtime
that runs them: no PyTorch here.

Axes: B streams, C letter classes, A audio width, D decoder width, P patches, N words,
L letters or cached positions, T new positions, H heads, W words of the lexicon.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from safetensors import SafetensorError, safe_open

from ..runtime.errors import WeightsError
from .config import CONFIGS, ModelConfig
from .lexicon import Lexicon

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Pictures = npt.NDArray[np.uint8]

FORMAT = "visavis-1"

# Neither library has types for what is compiled: Any ends at the annotations of what they return.
_ort: Any = onnxruntime
_safe_open: Any = safe_open


class Networks(Protocol):
    """What the stepper computes with. All arrays are C-contiguous."""

    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        """pcm [B, 512], state -> posteriors [B, K, C], latents [B, A], state (two arrays)."""
        ...

    def see(self, pictures: Pictures) -> Floats:
        """[B, H, W, 3] -> [B, P, D]"""
        ...

    def read(self, chances: Floats, latents: Floats, lengths: Ints) -> Floats:
        """[N, L, C], [N, L, A], [N] -> [N, D]"""
        ...

    def shallow(
        self, x: Floats, keys: Floats, values: Floats, turn: Floats, mask: Floats
    ) -> tuple[Floats, ...]:
        """Layers up to the first exit: word logits [1, T, W], hidden [1, T, D], keys, values."""
        ...

    def deep(
        self, x: Floats, keys: Floats, values: Floats, turn: Floats, mask: Floats
    ) -> tuple[Floats, ...]:
        """The layers above the first exit, likewise."""
        ...


class _Session(Protocol):
    """The part of `onnxruntime.InferenceSession` used here."""

    def run(
        self, names: Sequence[str] | None, inputs: Mapping[str, npt.NDArray[Any]]
    ) -> list[Floats]: ...


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


class OnnxNetworks:
    """The networks in ONNX Runtime. The graphs hold structure; the weights come from the file."""

    def __init__(self, weights: WeightFile, threads: int = 1) -> None:
        """`threads` of one pool inside each step; 1 is best for a model this small."""
        folder = shipped(weights.config.name).parent
        listing = folder / f"{weights.config.name}.graphs.json"
        if not listing.is_file():
            raise WeightsError(f"graph list {listing} is missing: reinstall visavis")
        taken: dict[str, list[str]] = json.loads(listing.read_text())
        self._graphs = {
            name: self._open(folder, name, names, weights, threads) for name, names in taken.items()
        }

    @staticmethod
    def _open(
        folder: Path, name: str, names: list[str], weights: WeightFile, threads: int
    ) -> _Session:
        options = _ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = folder / f"{weights.config.name}.{name}.onnx"
        if not path.is_file():
            raise WeightsError(f"graph file {path} is missing: reinstall visavis")
        prefix = "decoder." if name == "read" else ""
        missing = [n for n in names if prefix + n not in weights.tensors]
        if missing:
            raise WeightsError(f"weight file lacks {missing[0]!r}, which {path.name} needs")
        values = [_ort.OrtValue.ortvalue_from_numpy(weights.tensors[prefix + n]) for n in names]
        options.add_external_initializers(names, values)
        try:
            session: _Session = _ort.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own classes have no public common base
            raise WeightsError(
                f"weights do not fit the graph {path.name} ({error}): use the file shipped with it"
            ) from error
        return session

    def _run(self, name: str, **arrays: npt.NDArray[Any]) -> tuple[Floats, ...]:
        return tuple(self._graphs[name].run(None, arrays))

    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        return self._run("hear", pcm=pcm, samples=samples, frames=frames)

    def see(self, pictures: Pictures) -> Floats:
        return self._run("see", pictures=pictures)[0]

    def read(self, chances: Floats, latents: Floats, lengths: Ints) -> Floats:
        return self._run("read", chances=chances, latents=latents, lengths=lengths)[0]

    def shallow(
        self, x: Floats, keys: Floats, values: Floats, turn: Floats, mask: Floats
    ) -> tuple[Floats, ...]:
        return self._run("shallow", x=x, keys=keys, values=values, turn=turn, mask=mask)

    def deep(
        self, x: Floats, keys: Floats, values: Floats, turn: Floats, mask: Floats
    ) -> tuple[Floats, ...]:
        return self._run("deep", x=x, keys=keys, values=values, turn=turn, mask=mask)
