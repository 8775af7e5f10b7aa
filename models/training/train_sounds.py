"""Trains the network that names sounds, in minutes on one core: `make sounds`.

    python -m visavis.models.training.train_sounds --out models/weights/sounds.safetensors

Recordings are made from seeds (`make_sounds`), the speech among them is that of the pool of
questions. What the spotter cuts out of them is labelled by what was put in; a network with one
hidden layer learns to name it. A kind is named above the chance that keeps false alarms on recordings
not trained on below `FALSE_ALARMS`, or above `MOST_SURE` where that would ask for more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from ...runtime.sounds import Sound, SoundKind
from ..sound_events import Event
from ..sound_features import NAMES, Floats
from ..sound_spotter import (
    CLASSES,
    KINDS,
    SHIPPED,
    SoundNetwork,
    events_in,
    likeliest,
)
from . import make_sounds, make_speech
from .dsp import RATE, Random, from_int16, level
from .make_sounds import Clip

HIDDEN = 32
FALSE_ALARMS = 0.0004
"""Of events that are nothing, the share that a kind may take."""
LEAST_SURE = 0.6
"""No kind is named below this chance."""
MOST_SURE = 0.75
"""A kind is named from here on whatever that costs: in a conversation, what is heard over speech is left
out anyway, and a sound missed is a wrong count."""
_NOTHING_WEIGHT = 3.0

Labels = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Examples:
    """Summaries of events [N, F] and what each was [N], a place in `CLASSES`."""

    summaries: Floats
    labels: Labels


def label(event: Event, sounds: Sequence[Sound]) -> int | None:
    """A place in `CLASSES`; None where it can't be said, for example for half a beep."""
    length = event.end_pts - event.start_pts
    best, most = None, 0
    for sound in sounds:
        shared = min(event.end_pts, sound.end_pts) - max(event.start_pts, sound.start_pts)
        if shared > most:
            best, most = sound, shared
    if best is None:
        is_tail = any(0 <= event.start_pts - sound.end_pts < 0.3 * RATE for sound in sounds)
        return None if is_tail else 0
    whole = best.end_pts - best.start_pts
    is_it = most >= 0.5 * min(length, whole) and length < whole + 0.4 * RATE
    if best.kind in (SoundKind.WHISTLE, SoundKind.HUM):
        is_it = is_it and most > 0.12 * RATE  # they waver, and may be cut in two
    elif best.kind is SoundKind.BEEP:
        is_it = is_it and most >= 0.6 * whole
    return 1 + KINDS.index(best.kind) if is_it else None


def clips(random: Random, count: int) -> Iterator[Clip]:
    """`count` recordings without speech; two in five hold nothing to be noticed."""
    for at in range(count):
        line = make_sounds.any_line(random)
        if at % 5 < 3:
            kind = KINDS[int(random.integers(len(KINDS)))]
            yield make_sounds.in_a_row(random, kind, int(random.integers(1, 6)), line)
        elif at % 5 == 3:
            distraction = str(random.choice(make_sounds.DISTRACTIONS))
            yield make_sounds.distracted(random, distraction, 4.0, line)
        else:
            noisy = replace(line, snr_db=float(random.uniform(-3, 10)))
            quiet = np.zeros(4 * RATE, np.float32)
            around = 10 ** (random.uniform(-50, -10) / 20)
            yield Clip(make_sounds.through(random, quiet, noisy, float(around)), ())


def talk(random: Random, split: str, first: int, shards: int, folder: Path) -> Iterator[Clip]:
    """Questions of the pool to which nothing was added there (its noises beep and knock), over
    lines of our own. Shards that are not in `folder` are made."""
    for index in range(first, first + shards):
        path = make_speech.path_of(split, index, folder)
        shard = make_speech.load(path) if path.exists() else make_speech.make_shard(split, index)
        for place in range(len(shard.texts)):
            if shard.texts[place] and shard.snr_db[place] == np.inf:
                pcm = from_int16(shard.utterance(place))
                line = replace(make_sounds.any_line(random), room_s=0.0)
                yield Clip(make_sounds.through(random, pcm, line, level(pcm)), ())


def examples(recordings: Iterator[Clip], about: str, count: int | None = None) -> Examples:
    """What the spotter cuts out of them."""
    summaries: list[Floats] = []
    labels: list[int] = []
    for clip in track(recordings, about, total=count, console=Console(stderr=True)):
        for event in events_in(clip.pcm):
            what = label(event, clip.sounds)
            if what is not None:
                summaries.append(event.summary)
                labels.append(what)
    return Examples(np.stack(summaries), np.array(labels))


def both(one: Examples, other: Examples) -> Examples:
    """All of them."""
    return Examples(
        np.concatenate([one.summaries, other.summaries]),
        np.concatenate([one.labels, other.labels]),
    )


def fit(data: Examples, seed: int, steps: int = 6000) -> dict[str, Floats]:
    """The network's tensors, by Adam on the cross entropy; no thresholds yet."""
    random = np.random.default_rng(seed)
    mean, scale = data.summaries.mean(axis=0), data.summaries.std(axis=0) + 1e-3
    inputs = np.clip((data.summaries - mean) / scale, -4, 4)
    count = np.bincount(data.labels, minlength=len(CLASSES))
    weight = (count.sum() / np.maximum(count, 1)) ** 0.5
    weight[0] *= _NOTHING_WEIGHT
    weight /= (weight * count).sum() / count.sum()
    made: dict[str, npt.NDArray[np.float64]] = {
        "weight1": random.standard_normal((len(NAMES), HIDDEN)) / len(NAMES) ** 0.5,
        "bias1": np.zeros(HIDDEN),
        "weight2": random.standard_normal((HIDDEN, len(CLASSES))) / HIDDEN**0.5,
        "bias2": np.zeros(len(CLASSES)),
    }
    first = {name: np.zeros_like(tensor) for name, tensor in made.items()}
    second = {name: np.zeros_like(tensor) for name, tensor in made.items()}
    for step in range(1, steps + 1):
        some = random.integers(0, len(inputs), 256)
        x = inputs[some] + 0.05 * random.standard_normal((256, len(NAMES)))
        hidden = np.tanh(x @ made["weight1"] + made["bias1"])
        logits = hidden @ made["weight2"] + made["bias2"]
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        error = chances.copy()
        error[np.arange(256), data.labels[some]] -= 1
        error *= weight[data.labels[some]][:, None] / 256
        back = (error @ made["weight2"].T) * (1 - hidden**2)
        slopes = {
            "weight1": x.T @ back + 1e-4 * made["weight1"],
            "bias1": back.sum(axis=0),
            "weight2": hidden.T @ error + 1e-4 * made["weight2"],
            "bias2": error.sum(axis=0),
        }
        rate = 0.01 * (1 - step / steps) + 1e-5
        for name, slope in slopes.items():
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.999 * second[name] + 0.001 * slope**2
            moved = first[name] / (1 - 0.9**step)
            made[name] -= rate * moved / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
    tensors = {name: tensor.astype(np.float32) for name, tensor in made.items()}
    return {"mean": mean.astype(np.float32), "scale": scale.astype(np.float32), **tensors}


def chances_of(tensors: dict[str, Floats], summaries: Floats) -> Floats:
    """Of each class, by a network that has no thresholds yet."""
    whole = {**tensors, "threshold": np.ones(len(CLASSES), np.float32)}
    return SoundNetwork(whole, "the network in training").chances(summaries)


def thresholds(tensors: dict[str, Floats], data: Examples) -> Floats:
    """The lowest chance of being a sound from which each kind may be named."""
    best, sure = likeliest(chances_of(tensors, data.summaries[data.labels == 0]))
    found = np.full(len(CLASSES), LEAST_SURE, np.float32)
    allowed = int(FALSE_ALARMS * len(best))
    for kind in range(1, len(CLASSES)):
        taken = np.sort(sure[best == kind])[::-1]
        if len(taken) > allowed:
            found[kind] = min(MOST_SURE, max(LEAST_SURE, float(taken[allowed]) + 1e-3))
    return found


def save(tensors: dict[str, Floats], path: Path) -> None:
    """Write the weight file."""
    from safetensors import numpy as safetensors_numpy

    writer = cast(Any, safetensors_numpy)  # its types are incomplete
    writer.save_file(tensors, path, metadata={"classes": " ".join(CLASSES)})


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="train_sounds", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--pool", type=Path, default=make_speech.FOLDER, help="shards of speech")
    parser.add_argument("--clips", type=int, default=2000, help="recordings without speech")
    parser.add_argument("--shards", type=int, default=8, help="of speech, 256 questions each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    parts: list[Examples] = []
    for at, (share, about) in enumerate(((1.0, "to learn from"), (0.3, "to judge by"))):
        random = np.random.default_rng([options.seed, at])
        count = int(options.clips * share)
        shards = max(1, int(options.shards * share))
        made = examples(clips(random, count), f"sounds {about}", count)
        spoken = talk(random, "train", at * options.shards, shards, options.pool)
        parts.append(both(made, examples(spoken, f"speech {about}")))
    learned, judged = parts
    tensors = fit(learned, options.seed)
    tensors["threshold"] = thresholds(tensors, judged)
    best, sure = likeliest(chances_of(tensors, judged.summaries))
    named = np.where(sure >= tensors["threshold"][best], best, 0)
    for kind, name in enumerate(CLASSES):
        row = np.bincount(named[judged.labels == kind], minlength=len(CLASSES))
        print(f"{name:8} {row.tolist()} from {tensors['threshold'][kind]:.3f}")
    save(tensors, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
