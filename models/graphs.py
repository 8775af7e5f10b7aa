"""The five small networks the runtime steps, as PyTorch modules, and their export to ONNX graphs.

A graph file holds structure only; its weights stay in the one safetensors file and are handed to
ONNX Runtime as external initializers. `Reference` runs the same modules in PyTorch: the slow twin
the graphs are tested against.
"""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from .audio_encoder import N_FFT
from .config import SPAN
from .networks import Floats, Ints, Pictures
from .tensors import tensor_of
from .weights import EmbeddedModel

OPSET = 17

# Its types know nothing of the file object that its documentation says it takes.
_exporter: Any = torch.onnx


class HearStep(nn.Module):
    """One window of PCM for B streams. The spectrum is a matrix product, which ONNX has."""

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
        logits, latents, after = self.audio.encode(self.audio.stack(mel), pasts)
        kept = seen[:, config.window :]
        return logits.softmax(dim=-1), latents[:, 0], kept, torch.cat(after, dim=1)


class Span(nn.Module):
    """Some layers of the decoder and the words that can be read after them."""

    def __init__(self, model: EmbeddedModel, first: int, exit_index: int) -> None:
        super().__init__()
        self.decoder, self.first, self.exit_index = model.decoder, first, exit_index

    def forward(
        self, x: Tensor, keys: Tensor, values: Tensor, turn: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See `FusedDecoder.span`; first the word logits [B, T, W]."""
        x, k, v = self.decoder.span(x, keys, values, turn, mask, self.first)
        return self.decoder.read(x, self.exit_index), x, k, v


class See(nn.Module):
    """Pictures to the positions they fill."""

    def __init__(self, model: EmbeddedModel) -> None:
        super().__init__()
        self.vision, self.decoder = model.vision, model.decoder

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 [B, H, W, 3] -> [B, P, D]"""
        return self.decoder.seen(self.vision(pictures))


class Read(nn.Module):
    """Words of letters to the positions they fill, before it is said how they came in."""

    def __init__(self, model: EmbeddedModel) -> None:
        super().__init__()
        self.reader = model.decoder.reader

    def forward(self, chances: Tensor, latents: Tensor, lengths: Tensor) -> Tensor:
        """See `WordReader`."""
        found: Tensor = self.reader(chances, latents, lengths)
        return found


class Reference:
    """`Networks` in PyTorch."""

    def __init__(self, model: EmbeddedModel) -> None:
        first = model.config.exits[0]
        self._hear, self._see, self._read = HearStep(model), See(model), Read(model)
        self._shallow, self._deep = Span(model, 0, 0), Span(model, first, -1)

    @torch.inference_mode()
    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        return _run(self._hear, pcm, samples, frames)

    @torch.inference_mode()
    def see(self, pictures: Pictures) -> Floats:
        return _run(self._see, pictures)[0]

    @torch.inference_mode()
    def read(self, chances: Floats, latents: Floats, lengths: Ints) -> Floats:
        return _run(self._read, chances, latents, lengths)[0]

    @torch.inference_mode()
    def shallow(
        self, x: Floats, keys: Floats, values: Floats, turn: Floats, mask: Floats
    ) -> tuple[Floats, ...]:
        return _run(self._shallow, x, keys, values, turn, mask)

    @torch.inference_mode()
    def deep(
        self, x: Floats, keys: Floats, values: Floats, turn: Floats, mask: Floats
    ) -> tuple[Floats, ...]:
        return _run(self._deep, x, keys, values, turn, mask)


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
    first, head = c.exits[0], c.width // c.heads

    def span(layers: int) -> tuple[Tensor, ...]:
        past = torch.zeros(layers, 1, c.heads, 5, head)
        return torch.zeros(1, 2, c.width), past, past, torch.zeros(2, 2, head), torch.zeros(2, 7)

    span_names = (
        ["x", "keys", "values", "turn", "mask"],
        ["words", "hidden", "new_keys", "new_values"],
    )
    span_axes = {
        "x": {1: "T"},
        "keys": {3: "L"},
        "values": {3: "L"},
        "turn": {1: "T"},
        "mask": {0: "T", 1: "LT"},
    }
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
        "see": (
            See(model),
            (torch.zeros(2, c.picture, c.picture, 3, dtype=torch.uint8),),
            (["pictures"], ["latents"]),
            {"pictures": {0: "B"}},
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
        "shallow": (Span(model, 0, 0), span(first), span_names, span_axes),
        "deep": (Span(model, first, -1), span(c.layers - first), span_names, span_axes),
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
                tensor.ClearField("raw_data")
                tensor.data_location = onnx.TensorProto.EXTERNAL
                tensor.external_data.add(key="location", value="weights")
        (folder / f"{c.name}.{name}.onnx").write_bytes(graph.SerializeToString())
    (folder / f"{c.name}.graphs.json").write_text(json.dumps(taken, indent=1) + "\n")
