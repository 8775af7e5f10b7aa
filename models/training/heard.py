"""What the trained audio encoder makes of the speech pool, and what words are understood of that,
kept on disk for the decoder's training.

    python -m visavis.models.training.heard --splits train seen unseen

An utterance becomes one position per run of a letter, its mean posterior and mean encoder latent, and
the words of the grammar's dictionary that are most like it (`word_search.py`).
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ..audio_encoder import AudioEncoder
from ..compress import runs_of
from ..config import NANO
from ..dictionary import Dictionary
from ..spelling import spell, word_spans
from ..word_search import WordSearch
from .dictionary import dictionary
from .intents import understand
from .train_audio import Utterances, padded


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance as the decoder gets it: posteriors [N, C] and, if really heard, latents [N, A]."""

    text: str
    chances: npt.NDArray[np.float32]
    latents: npt.NDArray[np.float16] | None
    voice: str = ""
    understood: str | None = None
    """The words that were found; None where nobody looked for them."""

    @property
    def is_clear(self) -> bool:
        """The words that were found ask for what was said."""
        return self.understood is not None and understand(self.understood) == understand(self.text)

    def words_understood(self) -> list[Heard]:
        """The words that were found, each letter of them certain."""
        return [spelled(word) for word in (self.understood or "").split()]

    def words(self) -> list[Heard]:
        """What was heard letter by letter, word by word, without the spaces."""
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


def spelled(word: str) -> Heard:
    """A word of which every letter is certain."""
    classes = spell(word)
    chances = np.zeros((len(classes), NANO.classes), np.float32)
    chances[range(len(classes)), classes] = 1.0
    return Heard(word, chances, None, understood=word)


UNDERSTOOD = 0.75
"""Share of the utterances that were not understood which are passed over."""


class HeardPool:
    """All heard utterances of a split; `refresh` reads again when the encoder listened again."""

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self.items: list[Heard] = []
        self.of_family: dict[str, list[Heard]] = {}
        self.unclear: set[int] = set()
        self._known: dict[str, int] = {}
        self.refresh()

    def refresh(self) -> int:
        """Read all files if any of them is new; the number of utterances now held."""
        paths = sorted(self.folder.glob(f"{self.split}-[0-9]*.npz"))
        found = {path.name: path.stat().st_mtime_ns for path in paths}
        if found != self._known:
            self._known = found
            self.items = [item for path in paths for item in _read(path)]
            self.of_family = {}
            for item in self.items:
                self.of_family.setdefault(understand(item.text).family, []).append(item)
            self.unclear = {id(item) for item in self.items if not item.is_clear}
        return len(self.items)

    def draw(self, rng: random.Random, families: Collection[str] = ()) -> Heard | None:
        """Any utterance (of these families); None where there is none. What was not understood comes
        seldom: its right answer could only be guessed."""
        found = self._any(rng, families)
        for _ in range(3):
            if found is None or id(found) not in self.unclear or rng.random() > UNDERSTOOD:
                break
            found = self._any(rng, families)
        return found

    def _any(self, rng: random.Random, families: Collection[str]) -> Heard | None:
        pools = [self.items] if not families else [self.of_family.get(f, []) for f in families]
        count = sum(map(len, pools))
        if count == 0:
            return None
        at = rng.randrange(count)
        for pool in pools:
            if at < len(pool):
                return pool[at]
            at -= len(pool)
        return None


def _read(path: Path) -> list[Heard]:
    with np.load(path, allow_pickle=False) as shard:
        chances, latents, offsets = shard["chances"], shard["latents"], shard["offsets"]
        texts, voices, understood = shard["texts"], shard["voices"], shard["understood"]
    items: list[Heard] = []
    for i, (text, voice, words) in enumerate(zip(texts, voices, understood, strict=True)):
        part = slice(offsets[i], offsets[i + 1])
        found = chances[part].astype(np.float32)
        items.append(Heard(str(text), found, latents[part], str(voice), str(words)))
    return items


def _understood(search: WordSearch, chances: npt.NDArray[np.float32]) -> str:
    search.reset()
    for chance in chances:
        search.feed(chance)
    return search.text(None)


def listen(
    encoder: AudioEncoder,
    dictionary: Dictionary,
    pool: Utterances,
    out: Path,
    split: str,
    files: int | None = None,
    part: tuple[int, int] = (0, 1),
) -> None:
    """Run the encoder over a pool, search for words, and write files of 2,048 utterances; of these
    every second, say, beginning with the first, where `part` is (0, 2)."""
    out.mkdir(parents=True, exist_ok=True)
    size, search = 2048, WordSearch(dictionary)
    with torch.inference_mode():
        last = len(pool.pcm) if files is None else min(len(pool.pcm), files * size)
        for first in range(part[0] * size, last, part[1] * size):
            chances: list[npt.NDArray[np.float16]] = []
            latents: list[npt.NDArray[np.float16]] = []
            understood: list[str] = []
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
                    understood.append(_understood(search, c))
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
                    understood=np.array(understood),
                )
            os.replace(path.with_suffix(".tmp"), path)
            print(f"{path.name}: {len(order)} utterances", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", nargs="+", default=["train", "seen", "unseen"])
    parser.add_argument("--pool", type=Path, default=Path("build/data/speech"))
    parser.add_argument("--out", type=Path, default=Path("build/training"))
    parser.add_argument("--files", type=int, default=None, help="at most so many per split")
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), help="K N: file K of every N")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    encoder = AudioEncoder(NANO)
    state = torch.load(args.out / "audio.pt", weights_only=True)
    encoder.load_state_dict(state["parts"]["encoder"])
    encoder.eval()
    words = dictionary()
    for split in args.splits:
        pool = Utterances(args.pool, split)
        pool.refresh()
        listen(encoder, words, pool, args.out / "heard", split, args.files, tuple(args.part))


if __name__ == "__main__":
    main()
