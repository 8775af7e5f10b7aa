"""Calibrates what the first layers may judge alone, on recordings with pauses in them.

python -m visavis.models.evaluation.exit_risk [--recordings 256]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ...runtime.events import Head
from ..embedded import Embedded, open_embedded
from ..exit_risk import Calibration, calibration_path
from ..networks import WeightFile, shipped
from ..training.train_audio import Utterances
from ..training.train_vision import Pictures

RISKS = (0.005, 0.01, 0.02, 0.05)


def judged(
    model: Embedded, pool: Utterances, pictures: Pictures, limit: int
) -> list[tuple[float, Head]]:
    """Of the first recordings of a pool, each over a picture: the chance at the first exit that the
    person goes on, and what all layers say. Each is heard to its end, so all are finished."""
    found: list[tuple[float, Head]] = []
    count = min(limit, len(pool.pcm))
    for index in track(range(count), "finished questions", console=Console(stderr=True)):
        if not pool.texts[index]:
            continue
        pcm = pool.pcm[index].astype(np.float32) / 32768.0
        model.reset(0)
        model.look([0], pictures.images[index % len(pictures.images)][None])
        model.open_utterance(0)
        for window in pcm[: len(pcm) // 512 * 512].reshape(-1, 512):
            model.hear([0], window[None])
        ((head, _),) = model.begin([0], [None])
        found.append((model.early_wait(0), head))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Write the calibration beside the weights and show what it promises."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=shipped("nano"))
    parser.add_argument("--speech", type=Path, default=Path("build/data/speech"))
    parser.add_argument("--scenes", type=Path, default=Path("build/data/scenes"))
    parser.add_argument("--split", default="seen")
    parser.add_argument("--recordings", type=int, default=256)
    options = parser.parse_args(argv)
    pool, pictures = Utterances(options.speech, options.split), Pictures(options.scenes, "test")
    pool.refresh()
    pictures.refresh()
    model = open_embedded(WeightFile(options.weights), 1)
    found = judged(model, pool, pictures, options.recordings)
    over = [chance for chance, head in found if head is not Head.WAIT]
    calibration = Calibration.of(over, len(found), options.weights)
    calibration.save(calibration_path(options.weights))
    print(f"{len(found)} finished questions, {len(over)} taken for finished by all layers")
    for risk in RISKS:
        threshold = calibration.wait_from(risk)
        told = "too few questions for it" if threshold is None else f"from {threshold:.4f} on"
        print(f"risk {risk:g}: {told}")


if __name__ == "__main__":
    main()
