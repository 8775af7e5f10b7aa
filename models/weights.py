"""The embedded model in PyTorch, as it is trained, and its way into and out of the weight file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import torch as safetensors_torch
from torch import nn

from ..runtime.errors import WeightsError
from .audio_encoder import AudioEncoder
from .config import ModelConfig
from .decoder import FusedDecoder
from .lexicon import Lexicon
from .networks import FORMAT, WeightFile
from .tensors import tensor_of
from .vision_encoder import VisionEncoder


class EmbeddedModel(nn.Module):
    """Audio encoder, vision encoder and fused decoder of one configuration."""

    def __init__(self, config: ModelConfig, lexicon: Lexicon) -> None:
        super().__init__()
        self.config, self.lexicon = config, lexicon
        self.audio = AudioEncoder(config)
        self.vision = VisionEncoder(config)
        self.decoder = FusedDecoder(config, len(lexicon))

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())


def save(model: EmbeddedModel, path: Path, notes: dict[str, object]) -> None:
    """Write a model at half precision, with its sizes, its words and `notes` (how it was made)."""
    tensors = {
        name: tensor.detach().half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "format": FORMAT,
        "config": json.dumps(model.config.as_dict()),
        "words": json.dumps(model.lexicon.words),
        "notes": json.dumps(notes),
    }
    writer: Any = safetensors_torch  # its types are incomplete
    writer.save_file(tensors, path, metadata=header)


def load(path: Path) -> EmbeddedModel:
    """Read a model, ready to run in PyTorch. Raises `WeightsError` like `WeightFile`."""
    file = WeightFile(path)
    model = EmbeddedModel(file.config, file.lexicon)
    try:
        model.load_state_dict({n: tensor_of(t) for n, t in file.tensors.items()})
    except RuntimeError as error:
        raise WeightsError(
            f"weight file {path} does not fit its own description ({error}): "
            "reinstall visavis or run `make train`"
        ) from error
    return model.eval().requires_grad_(False)
