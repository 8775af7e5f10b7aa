"""The small networks the runtime steps, as PyTorch modules, and their export to ONNX graphs.

A graph file holds structure only; its weights stay in the one safetensors file and are handed to
ONNX Runtime as external initializers. `Reference` runs the same modules in PyTorch: the slow twin
the graphs are tested against.
"""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from .audio_encoder import N_FFT, SplicedLayer
from .block_graphs import eight_bit
from .config import SPAN
from .networks import Floats, Ints, Pictures
from .onnx_networks import EIGHT_BIT
from .span_graphs import OPSET, outside, span_graph
from .tensors import tensor_of
from .weights import EmbeddedModel

# Its types know nothing of the file object that its documentation says it takes.
_exporter: Any = torch.onnx


class HearStep(nn.Module):
    """One window of PCM for B streams, a single frame. The spectrum is a matrix product, which ONNX has."""

    spectrum: Tensor

    def __init__(self, model: EmbeddedModel) -> None:
        super().__init__()
        self.audio = model.audio
        angles = 2 * np.pi * np.outer(np.arange(SPAN), np.arange(N_FFT // 2 + 1)) / N_FFT
        waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        basis = waves * np.hanning(SPAN + 1)[:-1, None]
        self.register_buffer("spectrum", tensor_of(basis.astype(np.float32)))

    def forward(
        self, pcm: Tensor, samples: Tensor, frames: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """pcm [B, window], samples [B, SPAN - hop], frames [B, F, D] of all layers behind each other
        -> posteriors [B, K, C], latents [B, D], samples, frames."""
        config = self.audio.config
        seen = torch.cat([samples, pcm], dim=1)
        hops = [seen[:, i * config.hop : i * config.hop + SPAN] for i in range(config.stack)]
        bins = torch.stack(hops, dim=1) @ self.spectrum  # [B, stack, 2 * bins]
        real, imaginary = torch.split(bins, N_FFT // 2 + 1, dim=2)
        mel = torch.log((real * real + imaginary * imaginary) @ self.audio.filters.T + 1e-6)
        pasts = list(torch.split(frames, [2 * d for d in config.dilations], dim=1))
        x, after = self.audio.enter(self.audio.stack(mel)[:, 0]), list[Tensor]()
        for layer, past in zip(self.audio.layers, pasts, strict=True):
            x, now = cast(SplicedLayer, layer).frame(x, past)
            after.append(now)
        latents = self.audio.norm(x)
        letters = self.audio.letters(latents).view(-1, config.letters_per_frame, config.classes)
        kept = seen[:, config.window :]
        return letters.softmax(dim=-1), latents, kept, torch.cat(after, dim=1)


class Glance(nn.Module):
    """The convolutions of the vision encoder: about half of its time."""

    def __init__(self, model: EmbeddedModel) -> None:
        super().__init__()
        self.vision = model.vision

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 [B, H, W, 3] -> [B, P, V]"""
        return self.vision.glance(pictures)


class Recognise(nn.Module):
    """The rest of it, to the positions that a picture fills."""

    def __init__(self, model: EmbeddedModel) -> None:
        super().__init__()
        self.vision, self.decoder = model.vision, model.decoder

    def forward(self, glanced: Tensor) -> Tensor:
        """[B, P, V] -> [B, P, D]"""
        return self.decoder.seen(self.vision.out(self.vision.recognise(glanced)))


class Read(nn.Module):
    """Words of letters to the positions they fill, before it is said how they came in."""

    def __init__(self, model: EmbeddedModel) -> None:
        super().__init__()
        self.reader = model.decoder.reader

    def forward(self, chances: Tensor, latents: Tensor, lengths: Tensor) -> Tensor:
        """See `WordReader`."""
        found: Tensor = self.reader(chances, latents, lengths)
        return found


class HeldLayers:
    """`CachedLayers` in PyTorch, their keys and values in plain arrays."""

    def __init__(self, model: EmbeddedModel) -> None:
        self._decoder, self._config = model.decoder, model.config
        config = model.config
        shape = (2, config.layers, 1, config.heads, config.max_positions)
        self._both: Floats = np.zeros((*shape, config.width // config.heads), np.float32)

    def shallow(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        return self._span(x, start, 0, self._config.exits[0], 0)

    def deep(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        return self._span(x, start, self._config.exits[0], self._config.layers, -1)

    def held(self, length: int) -> Floats:
        return self._both[:, :, 0, :, :length].copy()

    @torch.inference_mode()
    def _span(
        self, x: Floats, start: int, first: int, last: int, exit_index: int
    ) -> tuple[Floats, Floats]:
        decoder, end = self._decoder, start + len(x)
        later = torch.zeros(len(x), end)
        later[:, start:] = torch.full((len(x), len(x)), -torch.inf).triu(1)
        keys, values = tensor_of(self._both[:, first:last, :, :, :start].copy())
        turn = torch.stack([decoder.cos[start:end], decoder.sin[start:end]])
        hidden, new_keys, new_values = decoder.span(
            tensor_of(x)[None], keys, values, turn, later, first
        )
        self._both[0, first:last, :, :, start:end] = new_keys.numpy()
        self._both[1, first:last, :, :, start:end] = new_values.numpy()
        return decoder.read(hidden, exit_index)[0].numpy(), hidden[0].numpy()


class Reference:
    """`Networks` in PyTorch."""

    told = "PyTorch"

    def __init__(self, model: EmbeddedModel) -> None:
        self._model = model
        self._hear, self._read = HearStep(model), Read(model)
        self._glance, self._recognise = Glance(model), Recognise(model)

    @torch.inference_mode()
    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        return _run(self._hear, pcm, samples, frames)

    @torch.inference_mode()
    def glance(self, pictures: Pictures) -> Floats:
        return _run(self._glance, pictures)[0]

    @torch.inference_mode()
    def recognise(self, glanced: Floats) -> Floats:
        return _run(self._recognise, glanced)[0]

    @torch.inference_mode()
    def read(self, chances: Floats, latents: Floats, lengths: Ints) -> Floats:
        return _run(self._read, chances, latents, lengths)[0]

    def new_cache(self) -> HeldLayers:
        return HeldLayers(self._model)


def _run(module: nn.Module, *arrays: npt.NDArray[Any]) -> tuple[Floats, ...]:
    """Any: pictures are bytes, lengths integers, the rest floats."""
    found: Tensor | tuple[Tensor, ...] = module(
        *(tensor_of(np.ascontiguousarray(array)) for array in arrays)
    )
    return tuple(one.numpy() for one in (found if isinstance(found, tuple) else (found,)))


def export(model: EmbeddedModel, folder: Path) -> None:
    """Write the graphs of a model: structure, and the names of the weights they take."""
    folder.mkdir(parents=True, exist_ok=True)
    c = model.config
    frames = sum(2 * d for d in c.dilations)
    graphs: dict[str, tuple[nn.Module, tuple[Tensor, ...], tuple[list[str], list[str]], Any]] = {
        "hear": (
            HearStep(model),
            (
                torch.zeros(2, c.window),
                torch.zeros(2, SPAN - c.hop),
                torch.zeros(2, frames, c.audio_width),
            ),
            (["pcm", "samples", "frames"], ["chances", "latents", "new_samples", "new_frames"]),
            {name: {0: "B"} for name in ("pcm", "samples", "frames")},
        ),
        "glance": (
            Glance(model),
            (torch.zeros(2, c.picture, c.picture, 3, dtype=torch.uint8),),
            (["pictures"], ["glanced"]),
            {"pictures": {0: "B"}},
        ),
        "recognise": (
            Recognise(model),
            (torch.zeros(2, c.picture_tokens, c.vision_width),),
            (["glanced"], ["latents"]),
            {"glanced": {0: "B"}},
        ),
        "read": (
            Read(model),
            (
                torch.ones(2, 3, c.classes),
                torch.ones(2, 3, c.audio_width),
                torch.tensor([3, 2]),
            ),
            (["chances", "latents", "lengths"], ["x"]),
            {"chances": {0: "N", 1: "L"}, "latents": {0: "N", 1: "L"}, "lengths": {0: "N"}},
        ),
    }
    weights = set(model.state_dict())
    taken: dict[str, list[str]] = {}
    for name, (module, example, (inputs, outputs), axes) in graphs.items():
        out = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own age and of tracing
            _exporter.export(
                module.eval(),
                example,
                out,
                input_names=inputs,
                output_names=outputs,
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
                training=torch.onnx.TrainingMode.PRESERVE,
                do_constant_folding=False,
            )
        graph = onnx.load_from_string(out.getvalue())
        # The reader stands alone in its graph; everywhere else names are the model's own.
        prefix = "decoder." if name == "read" else ""
        taken[name] = []
        for tensor in graph.graph.initializer:
            if prefix + tensor.name in weights:
                taken[name].append(tensor.name)
                tensor.CopyFrom(outside(tensor.name, tensor.dims))
        (folder / f"{c.name}.{name}.onnx").write_bytes(graph.SerializeToString())
        if name == "hear":
            structure, taken[EIGHT_BIT] = eight_bit(graph)
            (folder / f"{c.name}.{EIGHT_BIT}.onnx").write_bytes(structure)
    words, first = model.decoder.head.out_features, c.exits[0]
    for name, (start, end) in {"shallow": (0, first), "deep": (first, c.layers)}.items():
        structure, taken[name] = span_graph(c, words, start, end)
        (folder / f"{c.name}.{name}.onnx").write_bytes(structure)
    (folder / f"{c.name}.graphs.json").write_text(json.dumps(taken, indent=1) + "\n")
