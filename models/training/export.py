"""Puts the trained parts together into the shipped weight file.

python -m visavis.models.training.export
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ..config import NANO
from ..graphs import export
from ..lexicon import Lexicon
from ..networks import shipped
from ..weights import EmbeddedModel, save
from .dictionary import dictionary
from .wording import ANSWER_WORDS

PARTS = (
    ("vision", "vision", "vision"),
    ("audio", "audio", "encoder"),
    ("fused", "decoder", "decoder"),
)
"""Which run's checkpoint holds which part of the model, and under what name."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("build/training"))
    parser.add_argument("--out", type=Path, default=shipped(NANO.name))
    args = parser.parse_args()
    model = EmbeddedModel(NANO, Lexicon.of(ANSWER_WORDS))
    notes: dict[str, object] = {}
    for name, part, key in PARTS:
        run = torch.load(args.runs / f"{name}.pt", weights_only=True)
        notes[name] = {"steps": run["step"], "minutes": round(run["spent"] / 60, 1)}
        model.get_submodule(part).load_state_dict(run["parts"][key])
    save(model.eval().requires_grad_(False), args.out, notes)
    export(model, args.out.parent)
    dictionary().save(args.out.with_suffix(".words.json"))
    size = args.out.stat().st_size / 1e6
    print(f"{args.out}: {model.parameter_count / 1e6:.2f} M parameters, {size:.1f} MB, {notes}")


if __name__ == "__main__":
    main()
