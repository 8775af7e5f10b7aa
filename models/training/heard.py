"""What the trained audio encoder makes of the speech pool, kept on disk for the decoder's training.

    python -m visavis.models.training.heard --splits train seen unseen

An utterance becomes one position per run of a letter: its mean posterior and mean encoder latent.
"""

from __future__ import annotations

import argparse
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ..audio_encoder import AudioEncoder
from ..compress import runs_of
from ..config import NANO
from ..spelling import word_spans
from .train_audio import Utterances, padded


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance as the decoder gets it: posteriors [N, C] and, if really heard, latents [N, A]."""

    text: str
    chances: npt.NDArray[np.float32]
    latents: npt.NDArray[np.float16] | None
    voice: str = ""

    def words(self) -> list[Heard]:
        """The same, word by word, without the spaces."""
        classes = [int(c) for c in self.chances.argmax(axis=1)]
        return [
            Heard(
                self.text,
                self.chances[start:end],
                None if self.latents is None else self.latents[start:end],
                self.voice,
            )
            for start, end in word_spans(classes)
        ]


class HeardPool:
    """All heard utterances of a split; `refresh` takes in new files."""

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self.items: list[Heard] = []
        self._known: set[str] = set()
        self.refresh()

    def refresh(self) -> int:
        """Read new files; the number of utterances now held."""
        for path in sorted(self.folder.glob(f"{self.split}-*.npz")):
            if path.name in self._known:
                continue
            self._known.add(path.name)
            with np.load(path, allow_pickle=False) as shard:
                chances, latents = shard["chances"], shard["latents"]
                offsets = shard["offsets"]
                names = zip(shard["texts"], shard["voices"], strict=True)
                for i, (text, voice) in enumerate(names):
                    part = slice(offsets[i], offsets[i + 1])
                    found = chances[part].astype(np.float32)
                    self.items.append(Heard(str(text), found, latents[part], str(voice)))
        return len(self.items)

    def draw(self, rng: random.Random) -> Heard:
        """Any utterance."""
        return rng.choice(self.items)


def listen(encoder: AudioEncoder, pool: Utterances, out: Path, split: str) -> None:
    """Run the encoder over a pool and write files of 2,048 utterances."""
    out.mkdir(parents=True, exist_ok=True)
    size = 2048
    with torch.inference_mode():
        for first in range(0, len(pool.pcm), size):
            chances: list[npt.NDArray[np.float16]] = []
            latents: list[npt.NDArray[np.float16]] = []
            offsets = [0]
            order = range(first, min(first + size, len(pool.pcm)))
            for start in range(order.start, order.stop, 64):
                some = range(start, min(start + 64, order.stop))
                pcm, frames = padded([pool.pcm[i] for i in some], encoder.config.window)
                logits, hidden = encoder(pcm)
                for row in range(len(some)):
                    n = int(frames[row])
                    k = encoder.config.letters_per_frame
                    c, h = runs_of(
                        logits[row, : n * k].softmax(-1).numpy(),
                        hidden[row, :n].repeat_interleave(k, dim=0).numpy(),
                    )
                    chances.append(c.astype(np.float16))
                    latents.append(h.astype(np.float16))
                    offsets.append(offsets[-1] + len(c))
            path = out / f"{split}-{first // size:05d}.npz"
            with path.with_suffix(".tmp").open("wb") as file:
                np.savez(
                    file,
                    chances=np.concatenate(chances),
                    latents=np.concatenate(latents),
                    offsets=np.array(offsets),
                    texts=np.array([pool.texts[i] for i in order]),
                    voices=np.array([pool.voices[i] for i in order]),
                )
            os.replace(path.with_suffix(".tmp"), path)
            print(f"{path.name}: {len(order)} utterances", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", nargs="+", default=["train", "seen", "unseen"])
    parser.add_argument("--pool", type=Path, default=Path("build/data/speech"))
    parser.add_argument("--out", type=Path, default=Path("build/training"))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    encoder = AudioEncoder(NANO)
    state = torch.load(args.out / "audio.pt", weights_only=True)
    encoder.load_state_dict(state["parts"]["encoder"])
    encoder.eval()
    for split in args.splits:
        pool = Utterances(args.pool, split)
        pool.refresh()
        listen(encoder, pool, args.out / "heard", split)


if __name__ == "__main__":
    main()
