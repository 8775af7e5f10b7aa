"""Renders the pool of pictures the model is trained and measured on, shard by shard.

A shard is a pure function of its split and index, appears whole or not at all, and is skipped
when it is already there: `python -m visavis.models.training.make_scenes`.
"""

from __future__ import annotations

import argparse
import os
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from rich.progress import track

from . import drawing
from .phrasings import Split
from .scenes import Scene, random_scene

FOLDER: Final = Path("build/data/scenes")
SHARDS: Final[dict[Split, int]] = {"train": 130, "test": 4}
PER_SHARD: Final = 1024


@dataclass(frozen=True, slots=True)
class Shard:
    """images: uint8 RGB [N, 96, 96, 3]; scenes: the facts of each, same order."""

    images: npt.NDArray[np.uint8]
    scenes: tuple[Scene, ...]


def scenes_of(split: Split, index: int, count: int = PER_SHARD) -> tuple[Scene, ...]:
    """The scenes of a shard, without drawing them."""
    seed = zlib.crc32(f"{split}-{index}".encode())
    rng = random.Random(f"visavis scenes {split} {index} {seed}")
    return tuple(random_scene(rng) for _ in range(count))


def make_shard(split: Split, index: int, count: int = PER_SHARD) -> Shard:
    """Draw a shard; the same arguments give the same bytes on the same fonts and OpenCV."""
    scenes = scenes_of(split, index, count)
    images = np.empty((count, drawing.SIDE, drawing.SIDE, 3), np.uint8)
    for position, scene in enumerate(scenes):
        images[position] = drawing.render(scene)
    return Shard(images, scenes)


def shard_path(folder: Path, split: Split, index: int) -> Path:
    """Where a shard lies."""
    return folder / f"{split}-{index:04d}.npz"


def save_shard(path: Path, shard: Shard) -> None:
    """Write a shard so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    facts = np.array([scene.to_json() for scene in shard.scenes])
    try:
        with partial.open("wb") as file:
            np.savez(file, images=shard.images, scenes=facts)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_shard(path: Path) -> Shard:
    """Read a shard. Raises FileNotFoundError with the remedy where it is missing."""
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: run python -m visavis.models.training.make_scenes"
        )
    with np.load(path, allow_pickle=False) as data:
        scenes = tuple(Scene.from_json(str(text)) for text in data["scenes"])
        return Shard(np.asarray(data["images"], np.uint8), scenes)


def load_pool(split: Split, folder: Path = FOLDER, shards: int | None = None) -> Shard:
    """The first `shards` shards of a split (all by default) as one; 27 KiB a picture."""
    count = SHARDS[split] if shards is None else shards
    parts = [load_shard(shard_path(folder, split, index)) for index in range(count)]
    images = np.concatenate([part.images for part in parts])
    return Shard(images, tuple(scene for part in parts for scene in part.scenes))


def main(arguments: Sequence[str] | None = None) -> None:
    """Render what is missing, with a progress bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--train", type=int, default=SHARDS["train"], help="shards (default 130)")
    parser.add_argument("--test", type=int, default=SHARDS["test"], help="shards (default 4)")
    options = parser.parse_args(arguments)
    wanted: list[tuple[Split, int]] = []
    wanted.extend(("test", index) for index in range(options.test))
    wanted.extend(("train", index) for index in range(options.train))
    missing = [one for one in wanted if not shard_path(options.folder, *one).exists()]
    cv2.setNumThreads(1)  # its pictures are small, and other work shares the machine
    for split, index in track(missing, description=f"scenes ({PER_SHARD} a shard)"):
        save_shard(shard_path(options.folder, split, index), make_shard(split, index))


if __name__ == "__main__":
    main()
