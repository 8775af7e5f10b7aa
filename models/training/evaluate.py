"""Asks the shipped model questions it has not met and counts the right answers.

    python -m visavis.models.training.evaluate --out models/weights/nano.eval.json

Spoken questions come from the pool's test splits: `seen`, by voices trained on, and `unseen`, by a
speaker never trained on, in trained phrasings; `-new`, in phrasings held out. Recordings and
pictures are unseen renderings. Everything goes
through the runtime's own streaming path, window by window.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from ...runtime.events import Head
from ..embedded import Embedded, open_embedded
from ..networks import WeightFile, shipped
from .language import Exchange, ask, is_right, pair
from .train_audio import Utterances, edits
from .train_vision import Pictures

SLOTS = 32


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    if count == 0:
        return 0.0, 1.0
    z, share = 1.96, right / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - reach) / (1 + z * z / count), (middle + reach) / (1 + z * z / count)


@dataclass(slots=True)
class Tally:
    """Counts of one test."""

    right: dict[str, list[bool]] = field(default_factory=lambda: defaultdict[str, list[bool]](list))
    word_edits: int = 0
    words: int = 0
    heads: dict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))
    mistakes: list[str] = field(default_factory=list[str])

    def add(self, exchange: Exchange, heard: str, head: Head, answer: str) -> None:
        """One question and what came of it."""
        is_ok = is_right(exchange, answer)
        self.right[exchange.family].append(is_ok)
        self.heads[head.value if exchange.answer else f"not for me: {head.value}"] += 1
        wanted = exchange.question.split()
        self.word_edits += edits(wanted, heard.split())
        self.words += len(wanted)
        if not is_ok and len(self.mistakes) < 40:
            self.mistakes.append(
                f"{exchange.question} | heard: {heard} | wanted: {exchange.answer} | got: {answer}"
            )

    def report(self) -> dict[str, Any]:
        """Shares with their intervals and numbers of samples."""
        everything = [ok for oks in self.right.values() for ok in oks]

        def share(oks: Sequence[bool]) -> dict[str, Any]:
            low, high = interval(sum(oks), len(oks))
            return {
                "right": round(sum(oks) / max(1, len(oks)), 4),
                "samples": len(oks),
                "interval_95": [round(low, 4), round(high, 4)],
            }

        return {
            **share(everything),
            "word_error_rate": round(self.word_edits / max(1, self.words), 4),
            "heads": dict(self.heads),
            "families": {family: share(oks) for family, oks in sorted(self.right.items())},
            "mistakes": self.mistakes,
        }


def finish(
    model: Embedded, slots: Sequence[int], texts: Sequence[str | None]
) -> list[tuple[Head, str]]:
    """Answers of these slots, to the end; what is not for the agent is not answered."""
    heads = model.begin(slots, texts)
    answers: list[tuple[Head, str]] = []
    for slot, (head, _) in zip(slots, heads, strict=True):
        answer = ""
        while head is not Head.SILENT:
            text, is_last = model.next([slot])[0]
            answer += text
            if is_last:
                break
        answers.append((head, answer))
    return answers


def spoken(model: Embedded, pool: Utterances, pictures: Pictures, limit: int, seed: int) -> Tally:
    """Questions from a speech pool about test pictures."""
    rng, tally = random.Random(seed), Tally()
    window = 512
    work: list[tuple[int, int, Exchange]] = []
    for index in range(min(limit, len(pool.pcm))):
        if not pool.texts[index]:
            continue
        candidates = [rng.randrange(len(pictures.images)) for _ in range(48)]
        found = pair(pool.texts[index], [pictures.scenes[c] for c in candidates], rng)
        if found is not None:
            work.append((index, candidates[found[0]], found[1]))
    for start in track(range(0, len(work), SLOTS), pool.split, console=Console(stderr=True)):
        some = work[start : start + SLOTS]
        slots = list(range(len(some)))
        pcms = [pool.pcm[index].astype(np.float32) / 32768.0 for index, _, _ in some]
        for slot, (_, image, _) in zip(slots, some, strict=True):
            model.reset(slot)
            model.look([slot], pictures.images[image][None])
            model.open_utterance(slot)
        for at in range(0, max(len(p) for p in pcms), window):
            live = [s for s in slots if len(pcms[s]) >= at + window]
            if live:
                model.hear(live, np.stack([pcms[s][at : at + window] for s in live]))
        heard = [model.transcript(slot) for slot in slots]
        for (_, _, exchange), text, (head, answer) in zip(
            some, heard, finish(model, slots, [None] * len(slots)), strict=True
        ):
            tally.add(exchange, text, head, answer)
    return tally


def typed(model: Embedded, pictures: Pictures, count: int, seed: int) -> Tally:
    """Typed questions in phrasings held out of training, about test pictures."""
    rng, tally = random.Random(seed), Tally()
    for _ in track(range(count), "typed", console=Console(stderr=True)):
        image = rng.randrange(len(pictures.images))
        exchange = ask(pictures.scenes[image], rng, "test")
        model.reset(0)
        model.look([0], pictures.images[image][None])
        model.open_utterance(0)
        ((head, answer),) = finish(model, [0], [exchange.question])
        tally.add(exchange, exchange.question, head, answer)
    return tally


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=shipped("nano"))
    parser.add_argument("--speech", type=Path, default=Path("build/data/speech"))
    parser.add_argument("--scenes", type=Path, default=Path("build/data/scenes"))
    parser.add_argument("--samples", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    weights = WeightFile(args.weights)
    model = open_embedded(weights, SLOTS)
    model.warm_up()
    pictures = Pictures(args.scenes, "test")
    pictures.refresh()
    report: dict[str, Any] = {"model": weights.config.name, "training": weights.notes}
    tallies = {"typed": typed(model, pictures, args.samples, args.seed)}
    for split in ("seen", "unseen", "seen-new", "unseen-new"):
        pool = Utterances(args.speech, split)
        pool.refresh()
        tallies[split] = spoken(model, pool, pictures, args.samples, args.seed)
    report |= {name: tally.report() for name, tally in tallies.items()}
    report["draft_acceptance"] = round(model.accepted / max(1, model.drafted), 4)
    text = json.dumps(report, indent=1)
    if args.out is not None:
        args.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
