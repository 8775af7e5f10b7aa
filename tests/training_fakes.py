"""A handful of pictures, utterances and heard words, as the recipe would have made them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from visavis.models.config import NANO
from visavis.models.spelling import spell
from visavis.models.training.make_scenes import make_shard, save_shard, shard_path

QUESTIONS: tuple[str, ...] = ("what colour is this", "how many are there", "hello", "")


def write_scenes(folder: Path, count: int = 6) -> Path:
    for split in ("train", "test"):
        path = shard_path(folder, split, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_shard(path, make_shard(split, 0, count))
    return folder


def write_speech(folder: Path, splits: tuple[str, ...] = ("train", "seen", "unseen")) -> Path:
    """Noise with a question's text, half a second a letter of it or more."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for split in splits:
        pcms = [rng.normal(0, 900, 16_000 + 700 * len(text)).astype(np.int16) for text in QUESTIONS]
        np.savez(
            folder / f"{split}-00000.npz",
            pcm=np.concatenate(pcms),
            offsets=np.cumsum([0, *map(len, pcms)]),
            texts=np.array(QUESTIONS),
            voices=np.array(["somebody"] * len(QUESTIONS)),
            snr_db=np.array([np.inf, 12.0, 7.0, np.inf], np.float32),
        )
    return folder


def write_heard(folder: Path) -> Path:
    """What a perfect encoder would have made of them."""
    folder.mkdir(parents=True, exist_ok=True)
    chances = [np.eye(NANO.classes)[spell(text)] for text in QUESTIONS]
    np.savez(
        folder / "train-00000.npz",
        chances=np.concatenate(chances).astype(np.float16),
        latents=np.zeros((sum(map(len, chances)), NANO.audio_width), np.float16),
        offsets=np.cumsum([0, *map(len, chances)]),
        texts=np.array(QUESTIONS),
        voices=np.array(["somebody"] * len(QUESTIONS)),
        understood=np.array(QUESTIONS),
    )
    return folder


class CountedTime:
    """Stands in for the module `time`: a second passes whenever somebody looks at the clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


class Still:
    """Stands in for a random generator whose every draw changes nothing."""

    def integers(self, low: int, high: int, count: int) -> npt.NDArray[np.int64]:
        return np.zeros(count, np.int64)

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        return np.ones(shape)
