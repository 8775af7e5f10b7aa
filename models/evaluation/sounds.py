"""How well sounds besides speech are noticed: what was there against what was named, counts, loud and
soft, high and low; and what is taken for a sound that is none.

    python -m visavis.models.evaluation.sounds --clips 40

Everything is made from seeds that no training used, by the same makers as the training's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from ...runtime.sounds import Sound
from ..sound_spotter import CLASSES, KINDS, SoundNetwork, sounds_in
from ..training import make_sounds, make_speech
from ..training.dsp import RATE, Random, from_int16, level
from ..training.make_sounds import Clip, Line
from .records import share

LINES = {
    "clean": Line(),
    "room, noise at 10 dB": Line(snr_db=10.0, room_s=0.3),
    "telephone, room, noise at 10 dB": Line(snr_db=10.0, room_s=0.3, telephone=True, loss=0.01),
}
"""How the sounds arrive. `room_s` is drawn between half and twice."""
MOST = 5
"""Sounds in a row at most."""
_DISTRACTION_S = 10.0


@dataclass(slots=True)
class Score:
    """What was right over one line."""

    confusion: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter[str]() for name in CLASSES}
    )
    """What was there, and how often it was named what."""
    counts: dict[str, list[bool]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    """Of each recording: exactly as many sounds of its kind were named as there are."""
    loudness: list[bool] = field(default_factory=list[bool])
    pitch: dict[str, list[bool]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def add(self, clip: Clip, named: Sequence[Sound]) -> None:
        """One recording."""
        left = list(named)
        for sound in clip.sounds:
            found = max(left, key=lambda one: _shared(one, sound), default=None)
            if found is None or _shared(found, sound) <= 0:
                self.confusion[sound.kind]["nothing"] += 1
                continue
            left.remove(found)
            self.confusion[sound.kind][found.kind] += 1
            if found.kind == sound.kind:
                self.loudness.append(found.level == sound.level)
                if sound.pitch is not None:
                    self.pitch[sound.kind].append(found.pitch == sound.pitch)
        for extra in left:
            self.confusion["nothing"][extra.kind] += 1
        kinds = {sound.kind for sound in clip.sounds}
        for kind in kinds:
            wanted = sum(sound.kind is kind for sound in clip.sounds)
            self.counts[kind].append(sum(one.kind is kind for one in named) == wanted)

    def report(self) -> dict[str, Any]:
        """As JSON: shares with their 95 % intervals."""
        kinds: dict[str, Any] = {}
        for kind in KINDS:
            hits, row = self.confusion[kind][kind], self.confusion[kind]
            all_named = sum(other[kind] for other in self.confusion.values())
            kinds[kind] = {
                "recall": share([True] * hits + [False] * (row.total() - hits)),
                "precision": share([True] * hits + [False] * (all_named - hits)),
                "count": share(self.counts[kind]),
                **({"pitch": share(self.pitch[kind])} if self.pitch[kind] else {}),
            }
        return {
            "kinds": kinds,
            "level": share(self.loudness),
            "confusion": {name: dict(row) for name, row in self.confusion.items() if row},
        }


def _shared(one: Sound, other: Sound) -> int:
    return min(one.end_pts, other.end_pts) - max(one.start_pts, other.start_pts)


def recordings(random: Random, line: Line, clips: int) -> Iterator[Clip]:
    """`clips` of each kind, with one to `MOST` sounds."""
    for kind in KINDS:
        for _ in range(clips):
            room_s = line.room_s * float(random.uniform(0.5, 2.0))
            count = int(random.integers(1, MOST + 1))
            yield make_sounds.in_a_row(random, kind, count, replace(line, room_s=room_s))


def false_alarms(clips: Iterator[Clip], network: SoundNetwork) -> dict[str, Any]:
    """What was named in recordings that hold nothing to be named."""
    named, samples = Counter[str](), 0
    for clip in clips:
        samples += clip.pcm.size
        named.update(str(sound.kind) for sound in sounds_in(clip.pcm, network))
    minutes = samples / RATE / 60
    return {
        "minutes": round(minutes, 2),
        "named": dict(named),
        "per_minute": round(named.total() / max(minutes, 1e-9), 3),
    }


def talk(split: str, folder: Path, wanted: str, most: int) -> Iterator[Clip]:
    """Speech of an engine ("flite", "espeak", "festival") without any noise: our own echo, and
    people."""
    shard = make_speech.load(make_speech.path_of(split, 0, folder))
    told = 0
    for place, voice in enumerate(shard.voices):
        if told < most and voice.startswith(wanted) and shard.snr_db[place] == np.inf:
            told += 1
            yield Clip(from_int16(shard.utterance(place)), ())


def distractions(random: Random, kind: str, count: int) -> Iterator[Clip]:
    """Music, keys of a telephone, knocks, clicks, and steady noise."""
    for _ in range(count):
        if kind in make_sounds.STEADY:
            around = 10 ** (random.uniform(-50, -15) / 20)
            quiet = np.zeros(int(_DISTRACTION_S * RATE), np.float32)
            line = Line(snr_db=0.0, noises=(kind,))
            yield Clip(make_sounds.through(random, quiet, line, float(around)), ())
        else:
            made = make_sounds.distraction(random, kind, _DISTRACTION_S)
            line = Line(snr_db=float(random.uniform(10, 30)), room_s=float(random.uniform(0, 0.4)))
            yield Clip(make_sounds.through(random, made, line, level(made)), ())


def measure(
    clips: int, seed: int, speech: Path = make_speech.FOLDER, network: SoundNetwork | None = None
) -> dict[str, Any]:
    """The whole report; `clips` recordings of each kind over each line. Speech is measured where
    the pool has the tests' shards."""
    network = network or SoundNetwork.load()
    console = Console(stderr=True)
    lines: dict[str, Any] = {}
    for at, (name, line) in enumerate(LINES.items()):
        random, score = np.random.default_rng([seed, 99, at]), Score()
        total = clips * len(KINDS)
        for clip in track(recordings(random, line, clips), name, total=total, console=console):
            score.add(clip, sounds_in(clip.pcm, network))
        lines[name] = score.report()
    random = np.random.default_rng([seed, 99, len(LINES)])
    alarms: dict[str, Any] = {}
    some = max(1, clips // 4)
    for kind in track((*make_sounds.DISTRACTIONS, *make_sounds.STEADY), "noise", console=console):
        alarms[kind] = false_alarms(distractions(random, kind, some), network)
    for split, engine in (("seen", "flite"), ("seen", "espeak"), ("seen", "festival"),
                          ("unseen", "flite")):  # fmt: skip
        if make_speech.path_of(split, 0, speech).exists():
            name = f"speech: {engine}" + (" (unseen)" if split == "unseen" else "")
            alarms[name] = false_alarms(talk(split, speech, engine, clips * 4), network)
    return {"lines": lines, "false_alarms": alarms}


def main(argv: Sequence[str] | None = None) -> int:
    """Command line: the report as JSON."""
    parser = argparse.ArgumentParser(prog="sounds", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clips", type=int, default=40, help="recordings of each kind, each line")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--speech", type=Path, default=make_speech.FOLDER)
    parser.add_argument("--weights", type=Path, help="a weight file; the shipped one by default")
    options = parser.parse_args(argv)
    network = SoundNetwork.load(options.weights) if options.weights else None
    print(json.dumps(measure(options.clips, options.seed, options.speech, network), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
