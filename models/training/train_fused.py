"""Trains the fused decoder on conversations about rendered scenes, over a trained vision encoder.

    python -m visavis.models.training.train_fused --minutes 60

The vision encoder is done: what it makes of every picture is computed once. Questions come typed,
as letters with a recogniser's faults, and, where `heard.py` has listened to the speech pool, as the
trained audio encoder really heard them.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import tensors
from ..config import NANO, ModelConfig
from ..decoder import FusedDecoder, Watch
from ..lexicon import Lexicon
from ..tensors import tensor_of
from ..vision_encoder import VisionEncoder
from .decoder_teacher import DecoderTeacher
from .heard import Heard, HeardPool
from .schedule import Run, muon
from .stories import Stories
from .story import IGNORED, Story
from .train_vision import Pictures
from .wording import ANSWER_WORDS


def seen(vision: VisionEncoder, pictures: Pictures) -> npt.NDArray[np.float16]:
    """What a trained vision encoder makes of every picture: latents [N, P, D]."""
    vision.eval()
    found: list[npt.NDArray[np.float16]] = []
    with torch.inference_mode():
        for start in range(0, len(pictures.images), 64):
            images = tensor_of(np.stack(pictures.images[start : start + 64]))
            found.append(vision(images).numpy().astype(np.float16))
    return np.concatenate(found)


def seen_before(vision: VisionEncoder, pictures: Pictures, run: Path) -> npt.NDArray[np.float16]:
    """`seen`, kept beside the encoder's checkpoint for the next time."""
    path, trained = run / "latents.npy", run / "vision.pt"
    if path.exists() and path.stat().st_mtime > trained.stat().st_mtime:
        found: npt.NDArray[np.float16] = np.load(path)
        if len(found) == len(pictures.images):
            return found
    found = seen(vision, pictures)
    np.save(path, found)
    return found


def padded_words(words: Sequence[Heard], config: ModelConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Heard words side by side: posteriors [N, L, C], latents [N, L, A], lengths [N]."""
    lengths = torch.tensor([len(word.chances) for word in words])
    longest = int(lengths.max())
    chances = np.zeros((len(words), longest, config.classes), np.float32)
    latents = np.zeros((len(words), longest, config.audio_width), np.float32)
    for row, word in enumerate(words):
        chances[row, : len(word.chances)] = word.chances
        if word.latents is not None:
            latents[row, : len(word.chances)] = word.latents
    return tensor_of(chances), tensor_of(latents), lengths


@dataclass(frozen=True, slots=True)
class Losses:
    """The parts of one batch's loss."""

    total: Tensor
    words: float
    beside: float
    right: float
    """Share of words the full depth gets right."""


@dataclass(slots=True)
class _Layout:
    """Which positions of a batch hold what: row and column of each."""

    rows: list[int]
    cols: list[int]

    def add(self, row: int, col: int) -> None:
        self.rows.append(row)
        self.cols.append(col)


def laid(
    stories: Sequence[Story], latents: npt.NDArray[np.float16], decoder: FusedDecoder
) -> tuple[Tensor, Tensor]:
    """Stories side by side, as the decoder takes them in: [B, T, D], and the word each position must
    give [B, T], `IGNORED` where it must give none."""
    config = decoder.config
    b, t = len(stories), max(story.length for story in stories)
    kinds = ("picture", "voice", "typed", "word")
    layout = {kind: _Layout([], []) for kind in kinds}
    shown: list[int] = []
    heard: list[Heard] = []
    typed: list[list[int]] = []
    words: list[int] = []
    wanted = torch.full((b, t), IGNORED)
    for row, story in enumerate(stories):
        for start, image in story.pictures:
            shown.append(image)
            for col in range(start, start + config.picture_tokens):
                layout["picture"].add(row, col)
        for at, spoken in story.voice:
            heard.append(spoken)
            layout["voice"].add(row, at)
        for at, letters in story.typed:
            typed.append(letters)
            layout["typed"].add(row, at)
        for at, word in story.words:
            words.append(word)
            layout["word"].add(row, at)
        for at, target in story.targets:
            wanted[row, at] = target

    x = torch.zeros(b, t, config.width)

    def put(kind: str, values: Tensor) -> None:
        nonlocal x
        where = layout[kind]
        x = x.index_put((torch.tensor(where.rows), torch.tensor(where.cols)), values)

    if shown:
        put("picture", decoder.seen(tensor_of(latents[shown]).float()).flatten(0, 1))
    if heard:
        put("voice", decoder.heard(*padded_words(heard, config)))
    if typed:
        lengths = torch.tensor([len(letters) for letters in typed])
        classes = torch.zeros(len(typed), int(lengths.max()), dtype=torch.long)
        for row, letters in enumerate(typed):
            classes[row, : len(letters)] = torch.tensor(letters)
        put("typed", decoder.typed(classes, lengths))
    put("word", decoder.said(torch.tensor(words)))
    return x, wanted


def batch_loss(
    stories: Sequence[Story],
    latents: npt.NDArray[np.float16],
    decoder: FusedDecoder,
    teacher: DecoderTeacher,
) -> Losses:
    """How far stories' words are from those they must give, at every exit."""
    x, wanted = laid(stories, latents, decoder)
    mask, watch = wanted != IGNORED, Watch()
    with torch.autocast("cpu", torch.bfloat16):
        found = decoder(x, mask, watch)
    labels = wanted[mask]
    full = found[-1].float()
    loss = F.cross_entropy(full, labels)
    opinion = full.detach().softmax(dim=-1)
    for early in found[:-1]:  # exits learn the truth and the full depth's opinion
        logits = early.float()
        loss = loss + 0.15 * F.cross_entropy(logits, labels)
        loss = loss + 0.15 * F.cross_entropy(logits, opinion)
    extra = teacher.loss(stories, watch)
    right = (full.argmax(dim=-1) == labels).float().mean().item()
    return Losses(loss + extra, loss.item(), extra.item(), right)


def batches(stories: Stories, exchanges: int, positions: int) -> Iterator[list[Story]]:
    """Stories of like length together, as many as fill so many positions, for ever."""
    while True:
        drawn = sorted((stories.write(exchanges) for _ in range(160)), key=lambda s: s.length)
        pieces: list[list[Story]] = [[]]
        for story in drawn:
            if (len(pieces[-1]) + 1) * story.length > positions and pieces[-1]:
                pieces.append([])
            pieces[-1].append(story)
        stories.rng.shuffle(pieces)
        yield from pieces


def train(args: argparse.Namespace) -> None:
    """The run, to the end of its budget."""
    config, lexicon = NANO, Lexicon.of(ANSWER_WORDS)
    run = Run("fused", args.out, args.minutes, args.rate)
    tensors.seed(args.seed)
    vision = VisionEncoder(config)
    vision.load_state_dict(torch.load(args.out / "vision.pt", weights_only=True)["parts"]["vision"])
    parts: dict[str, nn.Module] = {
        "decoder": (decoder := FusedDecoder(config, len(lexicon))),
        "teacher": (teacher := DecoderTeacher(config)),
    }
    trained = [p for part in parts.values() for p in part.parameters()]
    optimizer = muon(parts.values(), args.rate, decay=0.02)
    pictures = Pictures(args.scenes, "train")
    pictures.refresh()
    latents = seen_before(vision, pictures, args.out)
    run.resume(parts, optimizer)
    pool = HeardPool(args.out / "heard", "train")
    stories = Stories(
        pictures, lexicon, config, random.Random(args.seed + run.step), pool if pool.items else None
    )
    saved, sums, count = run.spent, np.zeros(3), 0
    for batch in batches(stories, args.exchanges, args.positions):
        losses = batch_loss(batch, latents, decoder, teacher)
        run.descend(losses.total, trained, optimizer, longest=1.0)
        sums += (losses.words, losses.beside, losses.right)
        count += 1
        if run.step % 50 == 0:
            words, extra, right = (float(v) for v in sums / count)
            run.log(words=words, beside=extra, right=right, rate=run.rate)
            sums, count = np.zeros(3), 0
        is_over = run.is_over
        if run.spent - saved > 180 or is_over:
            saved = run.spent
            run.save(parts, optimizer)
            if stories.questioner.pool is not None:
                stories.questioner.pool.refresh()
        if is_over:
            break


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--scenes", type=Path, default=Path("build/data/scenes"))
    parser.add_argument("--out", type=Path, default=Path("build/training"))
    parser.add_argument("--positions", type=int, default=1600, help="of the cache, in a batch")
    parser.add_argument("--exchanges", type=int, default=5)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args)


if __name__ == "__main__":
    main()
