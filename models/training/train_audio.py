"""Trains the streaming audio encoder by CTC on the speech pool; the pool may still be growing.

python -m visavis.models.training.train_audio --minutes 60
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from .. import tensors
from ..audio_encoder import AudioEncoder, mel_filters
from ..config import NANO, SPAN
from ..evaluation.records import edits
from ..spelling import spell, unspell
from ..tensors import tensor_of
from .schedule import Run, muon


@dataclass(slots=True)
class Utterances:
    """Utterances of a split in memory; `refresh` takes in shards written since."""

    folder: Path
    split: str
    pcm: list[npt.NDArray[np.int16]] = field(default_factory=list[npt.NDArray[np.int16]])
    texts: list[str] = field(default_factory=list[str])
    voices: list[str] = field(default_factory=list[str])
    snr_db: list[float] = field(default_factory=list[float])
    """Infinite for a clean recording."""
    _known: set[str] = field(default_factory=set[str])

    def refresh(self) -> int:
        """Read new shards; the number of utterances now held."""
        for path in sorted(self.folder.glob(f"{self.split}-[0-9]*.npz")):
            if path.name in self._known:
                continue
            self._known.add(path.name)
            with np.load(path, allow_pickle=False) as shard:
                pcm, offsets = shard["pcm"], shard["offsets"]
                self.texts += [str(text) for text in shard["texts"]]
                self.voices += [str(voice) for voice in shard["voices"]]
                self.snr_db += [float(ratio) for ratio in shard["snr_db"]]
            self.pcm += [pcm[a:b] for a, b in pairwise(offsets)]
        return len(self.pcm)


def padded(pcms: list[npt.NDArray[np.int16]], window: int) -> tuple[Tensor, Tensor]:
    """Whole windows, zero-padded: [B, S] in -1..1 and the frames of each."""
    frames = torch.tensor([math.ceil(len(pcm) / window) for pcm in pcms])
    out = torch.zeros(len(pcms), int(frames.max()) * window)
    for row, pcm in enumerate(pcms):
        out[row, : len(pcm)] = tensor_of(pcm.astype(np.float32) / 32768.0)
    return out, frames


class Warps:
    """Mel banks with the frequency axis stretched: vocal-tract length perturbation (Jaitly and
    Hinton 2013), done as other banks over the same spectrum."""

    def __init__(self, mels: int, steps: int = 21, reach: float = 0.18) -> None:
        bank = mel_filters(mels)
        bins = bank.shape[1]
        banks: list[Tensor] = []
        for factor in np.linspace(1 - reach, 1 + reach, steps):
            at = torch.arange(bins, dtype=torch.float32) * float(factor)
            low = at.floor().long().clamp(max=bins - 1)
            part = at - at.floor()
            banks.append(bank[:, low] * (1 - part) + bank[:, (low + 1).clamp(max=bins - 1)] * part)
        self.banks = torch.stack(banks)

    def draw(self, count: int, rng: np.random.Generator) -> Tensor:
        """[count, M, bins], mostly mild warps."""
        middle = len(self.banks) // 2
        picks = np.clip(np.round(rng.normal(middle, middle / 2.0, count)), 0, len(self.banks) - 1)
        return self.banks[tensor_of(picks.astype(np.int64))]


def disturbed(pcm: Tensor, rng: np.random.Generator) -> Tensor:
    """Cheap variety on top of the pool's: gain, another utterance far behind, a little noise."""
    gain = tensor_of(rng.uniform(-18, 6, (len(pcm), 1)).astype(np.float32))
    loud = rng.uniform(0.0, 0.12, (len(pcm), 1))
    behind = tensor_of((loud * (rng.random((len(pcm), 1)) < 0.2)).astype(np.float32))
    mixed = pcm + behind * pcm.roll(1, dims=0).roll(int(rng.integers(0, 8000)), dims=1)
    level = pcm.square().mean(dim=1, keepdim=True).sqrt()
    hiss = tensor_of((10 ** rng.uniform(-3, -0.9, (len(pcm), 1))).astype(np.float32))
    mixed = mixed + hiss * level * torch.randn_like(mixed)
    return (mixed * 10 ** (gain / 20)).clamp(-1, 1)


def hurried(pcm: npt.NDArray[np.int16], rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Most of the silence behind the last word is cut, so that letters learn to come soon."""
    return pcm[: len(pcm) - int(rng.uniform(0.25, 0.45) * 16_000)]


def masked(stacked: Tensor, mels: int, stack: int, rng: np.random.Generator) -> Tensor:
    """SpecAugment (Park et al. 2019): bands and moments go missing."""
    out = stacked.clone()
    bands = out[:, :, : mels * stack].view(out.shape[0], out.shape[1], stack, mels)
    for row in range(len(out)):
        for _ in range(2):
            width = int(rng.integers(0, 5))
            at = int(rng.integers(0, mels - width))
            bands[row, :, :, at : at + width] = 0
        width = int(rng.integers(0, 3))
        at = int(rng.integers(0, max(1, out.shape[1] - width)))
        out[row, at : at + width] = 0
    return out


def halfway_and_whole(encoder: AudioEncoder, stacked: Tensor) -> tuple[Tensor, Tensor]:
    """Letter logits after half the layers and after all: the first is taught too (intermediate
    CTC, Lee and Watanabe 2021), which brings the lower layers along sooner."""
    x, halfway = encoder.enter(stacked), stacked
    states = encoder.new_state(len(stacked)).frames
    for index, (layer, past) in enumerate(zip(encoder.layers, states, strict=True)):
        if index == len(encoder.layers) // 2:
            halfway = encoder.spell(encoder.norm(x))
        x, _ = layer(x, past)
    return halfway, encoder.spell(encoder.norm(x))


def greedy(logits: Tensor) -> list[int]:
    """CTC best path of one utterance [T, C], repeats merged, blanks dropped."""
    path = logits.argmax(dim=-1)
    kept = path[torch.cat([torch.tensor([True]), path[1:] != path[:-1]])]
    return [int(index) for index in kept if index != 0]


def word_errors(
    encoder: AudioEncoder, pool: Utterances, limit: int
) -> tuple[float, float, list[str]]:
    """Word error rate and share of exact transcripts of a pool, and the transcripts."""
    encoder.eval()
    wrong = words = exact = 0
    heard: list[str] = []
    with torch.inference_mode():
        for start in range(0, min(limit, len(pool.pcm)), 64):
            some = slice(start, min(start + 64, limit))
            pcm, frames = padded(pool.pcm[some], encoder.config.window)
            logits, _ = encoder(pcm)
            for row, text in enumerate(pool.texts[some]):
                length = int(frames[row]) * encoder.config.letters_per_frame
                got = unspell(greedy(logits[row, :length])).strip()
                heard.append(got)
                wrong += edits(text.split(), got.split())
                words += len(text.split())
                exact += got == text
    encoder.train()
    return wrong / max(1, words), exact / max(1, len(heard)), heard


def train(minutes: float, folder: Path, out: Path, batch: int, peak: float, seed: int) -> None:
    """The run, to the end of its budget."""
    run = Run("audio", out, minutes, peak)
    config = NANO
    tensors.seed(seed)
    encoder = AudioEncoder(config)
    optimizer = muon([encoder], peak, decay=0.01)
    run.resume({"encoder": encoder}, optimizer)
    rng = np.random.default_rng(seed + run.step)
    warps = Warps(config.mels)
    pool = Utterances(folder, "train")
    tests = {name: Utterances(folder, name) for name in ("seen", "unseen")}
    pool.refresh()
    losses: list[float] = []
    saved, is_over = run.spent, run.is_over
    while not is_over:
        # Utterances of like length share a batch: draw many, sort, cut, shuffle the pieces.
        drawn: npt.NDArray[np.int64] = rng.choice(
            len(pool.pcm), size=min(len(pool.pcm), batch * 16), replace=False
        )
        drawn = drawn[np.argsort([len(pool.pcm[int(i)]) for i in drawn])]
        pieces = [drawn[i : i + batch] for i in range(0, len(drawn), batch)]
        order: npt.NDArray[np.int64] = rng.permutation(len(pieces))
        for piece in order:
            rows = [int(i) for i in pieces[int(piece)]]
            pcm, frames = padded([hurried(pool.pcm[i], rng) for i in rows], config.window)
            targets = [torch.tensor(spell(pool.texts[i]), dtype=torch.long) for i in rows]
            before = torch.zeros(len(rows), SPAN - config.hop)
            with torch.no_grad():
                mel = encoder.mel(disturbed(pcm, rng), before, warps.draw(len(rows), rng))
                stacked = masked(encoder.stack(mel), config.mels, config.stack, rng)
            with torch.autocast("cpu", torch.bfloat16):
                found = halfway_and_whole(encoder, stacked)
            lengths = torch.tensor([len(t) for t in targets])
            early, late = (
                F.ctc_loss(
                    logits.float().log_softmax(dim=-1).transpose(0, 1),
                    torch.cat(targets),
                    frames * encoder.config.letters_per_frame,
                    lengths,
                    zero_infinity=True,
                )
                for logits in found
            )
            loss = 0.3 * early + 0.7 * late
            run.descend(loss, encoder.parameters(), optimizer, longest=2.0)
            losses.append(late.item())
            if run.step % 50 == 0:
                run.log(loss=sum(losses) / len(losses), rate=run.rate, pool=float(len(pool.pcm)))
                losses.clear()
            if run.is_over:
                break
        is_over = run.is_over
        if run.spent - saved > 180 or is_over:
            saved = run.spent
            run.save({"encoder": encoder}, optimizer)
            pool.refresh()
            marks: dict[str, float | str] = {}
            for name, test in tests.items():
                if test.refresh():
                    errors, exact, heard = word_errors(encoder, test, 256)
                    marks[f"wer_{name}"], marks[f"exact_{name}"] = errors, exact
                    marks[f"example_{name}"] = f"{test.texts[1]!r} -> {heard[1]!r}"
            run.log(**marks)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--pool", type=Path, default=Path("build/data/speech"))
    parser.add_argument("--out", type=Path, default=Path("build/training"))
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args.minutes, args.pool, args.out, args.batch, args.rate, args.seed)


if __name__ == "__main__":
    main()
