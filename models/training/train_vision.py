"""Trains the vision encoder alone, to find what is where in a rendered scene; a start for the rest.

python -m visavis.models.training.train_vision --minutes 10
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import tensors
from ..config import NANO, ModelConfig
from ..tensors import tensor_of
from ..vision_encoder import VisionEncoder
from .scenes import COLORS, PLACES, SHAPES, SYMBOLS, Scene, place_of
from .schedule import Run, muon


class Pictures:
    """Rendered pictures with their scenes, in memory; `refresh` takes in new shards."""

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self.images: list[npt.NDArray[np.uint8]] = []
        self.scenes: list[Scene] = []
        self._known: set[str] = set()

    def refresh(self) -> int:
        """Read new shards; the number of pictures now held."""
        for path in sorted(self.folder.glob(f"{self.split}-[0-9]*.npz")):
            if path.name not in self._known:
                self._known.add(path.name)
                with np.load(path, allow_pickle=False) as shard:
                    self.images += list(shard["images"])
                    self.scenes += [Scene.from_json(str(text)) for text in shard["scenes"]]
        return len(self.images)


class VisionTeacher(nn.Module):
    """Heads used in training only: what is in each patch, whether the middle of an object is in it,
    where in the picture that object is and how big, and what is in the picture as a whole."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.side = config.picture // 16
        v, d = config.vision_width, config.width
        self.shape = nn.Linear(v, len(SHAPES) + 1)
        self.color = nn.Linear(v, len(COLORS))
        self.symbol = nn.Linear(v, len(SYMBOLS) + 1)
        self.middle = nn.Linear(d, 1)
        self.place = nn.Linear(d, len(PLACES) + 1)
        self.size = nn.Linear(d, 1)
        self.pairs = nn.Linear(2 * d, len(COLORS) * len(SHAPES))
        self.count = nn.Linear(2 * d, 6)
        self.card = nn.Linear(2 * d, len(SYMBOLS) + 1)

    def loss(self, patches: Tensor, latents: Tensor, scenes: Sequence[Scene]) -> Tensor:
        """patches [B, N, V], latents [B, P, D] -> how badly the scenes can be read from them."""
        b, side = len(scenes), self.side
        shapes = torch.full((b, side, side), len(SHAPES))
        colors = torch.full((b, side, side), -100)
        symbols = torch.full((b, side, side), len(SYMBOLS))
        middles = torch.zeros(b, side, side)
        places = torch.full((b, side, side), -100)
        sizes = torch.full((b, side, side), -1.0)
        pairs = torch.zeros(b, len(COLORS) * len(SHAPES))
        counts = torch.tensor([min(5, len(scene.items)) for scene in scenes])
        cards = torch.full((b,), len(SYMBOLS))

        def cells(centre: float, reach: float) -> slice:
            low = int(np.ceil((centre - reach) * side - 0.5))
            high = int(np.floor((centre + reach) * side - 0.5))
            middle = min(side - 1, max(0, int(centre * side)))
            return slice(max(0, min(low, middle)), min(side, max(high, middle) + 1))

        for row, scene in enumerate(scenes):
            for item in scene.items:
                color, shape = COLORS.index(item.color), SHAPES.index(item.shape)
                pairs[row, color * len(SHAPES) + shape] = 1
                at = (
                    row,
                    cells(item.y, item.size * 0.35),
                    cells(item.x, item.size * 0.35 / scene.aspect),
                )
                shapes[at], colors[at] = shape, color
                place = place_of(item)
                at = row, cells(item.y, 0.0), cells(item.x, 0.0)
                middles[at] = 1
                places[at] = len(PLACES) if place is None else PLACES.index(place)
                sizes[at] = item.size
            if scene.card is not None:
                card = scene.card
                cards[row] = SYMBOLS.index(card.symbol)
                at = (
                    row,
                    cells(card.y, card.height * 0.4),
                    cells(card.x, card.height * 0.3 / scene.aspect),
                )
                symbols[at] = cards[row]
        whole = torch.cat([latents.mean(dim=1), latents.amax(dim=1)], dim=1)
        rare = torch.ones(len(SYMBOLS) + 1)
        rare[-1] = 0.15
        none = torch.ones(len(SHAPES) + 1)
        none[-1] = 0.3
        colored = self.color(patches).flatten(0, 1)
        seen = colors.flatten()
        loss = (
            F.cross_entropy(self.shape(patches).flatten(0, 1), shapes.flatten(), none)
            + F.cross_entropy(self.symbol(patches).flatten(0, 1), symbols.flatten(), rare)
            + 10 * F.binary_cross_entropy_with_logits(self.pairs(whole), pairs)
            + 0.5 * F.cross_entropy(self.count(whole), counts)
            + 0.5 * F.cross_entropy(self.card(whole), cards)
            + 3
            * F.binary_cross_entropy_with_logits(self.middle(latents).flatten(), middles.flatten())
        )
        if bool((seen >= 0).any()):
            loss = loss + F.cross_entropy(colored, seen)
            loss = loss + F.cross_entropy(self.place(latents).flatten(0, 1), places.flatten())
            sized = sizes.flatten() > 0
            told = self.size(latents).flatten()[sized]
            loss = loss + 5 * F.l1_loss(told, sizes.flatten()[sized])
        return loss


def varied(images: Tensor, rng: np.random.Generator) -> Tensor:
    """A little shift and a little light, so that no picture is met twice: uint8 [B, H, W, 3]."""
    dy, dx = (int(v) for v in rng.integers(-3, 4, 2))
    wide = F.pad(images.permute(0, 3, 1, 2).float(), (3, 3, 3, 3), mode="replicate")
    size = images.shape[1]
    shifted = wide[:, :, 3 + dy : 3 + dy + size, 3 + dx : 3 + dx + size].permute(0, 2, 3, 1)
    gain = tensor_of(rng.uniform(0.9, 1.1, (len(images), 1, 1, 1)).astype(np.float32))
    return (shifted * gain).clamp(0, 255)


def train(args: argparse.Namespace) -> None:
    """The run, to the end of its budget."""
    run = Run("vision", args.out, args.minutes, args.rate)
    tensors.seed(args.seed)
    parts: dict[str, nn.Module] = {
        "vision": (vision := VisionEncoder(NANO)),
        "beside": (teacher := VisionTeacher(NANO)),
    }
    trained = [p for part in parts.values() for p in part.parameters()]
    optimizer = muon(parts.values(), args.rate, decay=0.02)
    run.resume(parts, optimizer)
    pictures = Pictures(args.scenes, "train")
    pictures.refresh()
    rng = np.random.default_rng(args.seed + run.step)
    total, saved, is_over = 0.0, run.spent, run.is_over
    while not is_over:
        rows = [int(rng.integers(len(pictures.images))) for _ in range(int(args.batch))]
        images = tensor_of(np.stack([pictures.images[i] for i in rows]))
        with torch.autocast("cpu", torch.bfloat16):
            patches = vision.patches(varied(images, rng))
            latents = vision.out(patches)
        scenes = [pictures.scenes[i] for i in rows]
        loss = teacher.loss(patches.float(), latents.float(), scenes)
        run.descend(loss, trained, optimizer, longest=1.0)
        total += loss.item()
        if run.step % 50 == 0:
            run.log(loss=total / 50, rate=run.rate)
            total = 0.0
        is_over = run.is_over
        if run.spent - saved > 120 or is_over:
            saved = run.spent
            run.save(parts, optimizer)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--scenes", type=Path, default=Path("build/data/scenes"))
    parser.add_argument("--out", type=Path, default=Path("build/training"))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args)


if __name__ == "__main__":
    main()
