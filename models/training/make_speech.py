"""Builds the pool of spoken questions the audio encoder learns from and is measured by.

`python -m visavis.models.training.make_speech --split train --to 160` writes
`build/data/speech/train-00000.npz` and so on, 256 utterances each. A shard follows from its split
and number alone, so the command resumes by skipping what is there, and any two machines agree.

A shard holds `pcm` (int16, all utterances end to end at 16 kHz), `offsets` (int64, [N+1]: where
each begins), `texts` (lowercase, empty for what is not speech), `voices` ("flite/awb+world"),
and `snr_db` (float32; inf: nothing was added; -inf: no speech at all).

Splits: `train`; `seen`, the training engines with other seeds and the test phrasings; `unseen`,
flite's rms voice, which no training shard ever contains. Half of each test split is clean.
"""

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from . import rooms, speakers, speech
from .dsp import RATE, Pcm, to_int16
from .intents import question_text
from .speakers import Speaker
from .speech import FestivalLine, Manner
from .words import COMMON_WORDS

FOLDER = Path("build/data/speech")
SHARD = 256
"""Utterances in a shard."""
SPLITS = ("train", "seen", "unseen", "seen-new", "unseen-new")
"""Tests: by voices trained on and by the one that never is, each in trained and in new phrasings."""
NOT_SPEECH = 0.04
RANDOM_WORDS = 0.15


@dataclass(frozen=True, slots=True)
class Plan:
    """One utterance before any sound is made. `parts` are spoken with `pauses_s` between them."""

    text: str
    parts: tuple[str, ...]
    pauses_s: tuple[float, ...]
    engine: str
    voice: str
    manner: Manner
    words_per_minute: float
    pitch: int
    melody: int
    speaker: Speaker | None

    @property
    def label(self) -> str:
        """The voice as the pool names it, for example "flite/awb+world"."""
        return f"{self.engine}/{self.voice}" + ("+world" if self.speaker else "")


@dataclass(frozen=True, slots=True)
class Shard:
    """256 utterances as they are stored."""

    pcm: NDArray[np.int16]  # [samples of all utterances]
    offsets: NDArray[np.int64]  # [N + 1]
    texts: list[str]
    voices: list[str]
    snr_db: NDArray[np.float32]  # [N]

    def utterance(self, place: int) -> NDArray[np.int16]:
        """The audio of one utterance, 16 kHz mono."""
        return self.pcm[self.offsets[place] : self.offsets[place + 1]]


def _log_uniform(rng: random.Random, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _text(rng: random.Random, split: str) -> str:
    if split == "train" and rng.random() < RANDOM_WORDS:
        wanted = rng.randint(1, 7)
        heard = question_text(rng, "train").split()  # half from the closed vocabulary
        words = [rng.choice(heard if rng.random() < 0.4 else COMMON_WORDS) for _ in range(wanted)]
        return " ".join(words)
    return question_text(rng, "test" if split.endswith("-new") else "train")


def _phrases(rng: random.Random, text: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Sometimes a person stops to think: a short pause by a comma, or a long one between parts."""
    words = text.split()
    if len(words) < 3 or (chance := rng.random()) > 0.27:
        return (text,), ()
    cut = rng.randint(1, len(words) - 1)
    first, second = " ".join(words[:cut]), " ".join(words[cut:])
    if chance < 0.17:
        return (f"{first}, {second}",), ()
    return (first, second), (rng.uniform(0.08, 0.7),)


def plan(rng: random.Random, split: str) -> Plan:
    """Decide what is said, by whom and how; the parts that cost time come later."""
    text = _text(rng, split)
    parts, pauses = _phrases(rng, text)
    speaker: Speaker | None = None
    manner = Manner()
    words_per_minute, pitch, melody = 170.0, 50, 50
    if split.startswith("unseen"):
        engine, voice = "flite", speech.UNSEEN_FLITE_VOICE
        manner = Manner(tempo=_log_uniform(rng, 0.9, 1.15))
    else:
        engine = rng.choices(("espeak", "flite", "festival"), (32, 42, 26))[0]
        # a test hears people at their ease, training also those in a hurry
        pace = (0.75, 1.3) if split == "train" else (0.85, 1.15)
        warp = _log_uniform(rng, 0.82, 1.22) if rng.random() < 0.7 else 1.0
        if engine == "espeak":
            voice = rng.choice(speech.ESPEAK_ACCENTS)
            if rng.random() < 0.85:
                voice += "+" + rng.choice(speech.ESPEAK_VARIANTS)
            manner = Manner(warp=_log_uniform(rng, 0.88, 1.15) if rng.random() < 0.5 else 1.0)
            words_per_minute = _log_uniform(rng, *((110, 260) if split == "train" else (130, 210)))
            pitch, melody = rng.randint(15, 85), rng.randint(20, 90)
        elif engine == "flite":
            voice = rng.choices(speech.FLITE_VOICES, (18, 18, 34, 30))[0]
            manner = Manner(_log_uniform(rng, 0.65, 1.6), _log_uniform(rng, *pace), warp)
        else:
            voice = rng.choices(speech.FESTIVAL_VOICES, (32, 38, 30))[0]
            manner = Manner(_log_uniform(rng, 0.7, 1.5), _log_uniform(rng, *pace), warp)
        if (
            split == "train"
            and rng.random() < {"espeak": 0.1, "flite": 0.55, "festival": 0.55}[engine]
        ):
            manner = Manner(tempo=manner.tempo)  # the vocoder moves pitch and formants instead
            speaker = Speaker(
                pitch=_log_uniform(rng, 0.6, 1.7),
                formants=_log_uniform(rng, 0.8, 1.25),
                breath=rng.uniform(0, 0.7) ** 2 if rng.random() < 0.6 else 0.0,
                tempo=_log_uniform(rng, 0.9, 1.12),
                wobble=rng.uniform(0, 0.05),
                seed=rng.getrandbits(32),
            )
    return Plan(
        text, parts, pauses, engine, voice, manner, words_per_minute, pitch, melody, speaker
    )


def _trim(audio: Pcm) -> Pcm:
    """Without the engine's own silence before and after, which says which engine it was."""
    loud = np.flatnonzero(np.abs(audio) > 0.01 * (float(np.abs(audio).max()) + 1e-9))
    if loud.size == 0:
        return audio
    return audio[max(0, int(loud[0]) - 160) : int(loud[-1]) + 320]


def _join(parts: list[Pcm], pauses_s: tuple[float, ...]) -> Pcm:
    joined = [parts[0]]
    for part, pause in zip(parts[1:], pauses_s, strict=True):
        joined += [np.zeros(int(pause * RATE), dtype=np.float32), part]
    return np.concatenate(joined)


def speak(plans: list[Plan]) -> list[Pcm]:
    """The dry sound of each plan. Festival's lines are all made in one process."""
    lines = [
        FestivalLine(part, item.voice, item.manner)
        for item in plans
        if item.engine == "festival"
        for part in item.parts
    ]
    from_festival = iter(speech.festival(lines))
    made: list[Pcm] = []
    for item in plans:
        parts: list[Pcm] = []
        for part in item.parts:
            match item.engine:
                case "festival":
                    audio = next(from_festival)
                case "flite":
                    audio = speech.flite(part, item.voice, item.manner)
                case _:
                    audio = speech.espeak(
                        part,
                        item.voice,
                        item.words_per_minute,
                        item.pitch,
                        item.melody,
                        item.manner.warp,
                    )
            parts.append(_trim(audio))
        audio = _join(parts, item.pauses_s)
        if item.speaker is not None:
            audio = speakers.resynthesise(speakers.analyse(audio), item.speaker)
        made.append(audio)
    return made


def make_shard(split: str, index: int, size: int = SHARD) -> Shard:
    """Shard `index` of `split`: the same for the same arguments, always."""
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    rng = random.Random(f"{split} {index}")
    generator = np.random.default_rng([SPLITS.index(split), index])
    plans = [plan(rng, split) for _ in range(size)]
    speech.restart_espeak()
    dry = speak(plans)
    pieces: list[NDArray[np.int16]] = []
    texts: list[str] = []
    voices: list[str] = []
    ratios: list[float] = []
    for item, audio in zip(plans, dry, strict=True):
        conditions = rooms.HARD
        if split != "train":
            conditions = rooms.MILD if rng.random() < 0.5 else rooms.CLEAN
        elif rng.random() < 0.12:
            conditions = rooms.CLEAN
        is_speech = split != "train" or rng.random() >= NOT_SPEECH
        if not is_speech:
            audio = np.zeros(int(rng.uniform(0.3, 2.5) * RATE), dtype=np.float32)
        recorded, snr_db = rooms.record(generator, audio, conditions, dry)
        pieces.append(to_int16(recorded))
        texts.append(item.text if is_speech else "")
        voices.append(item.label if is_speech else "none")
        ratios.append(snr_db)
    offsets = np.concatenate([[0], np.cumsum([piece.size for piece in pieces])]).astype(np.int64)
    return Shard(np.concatenate(pieces), offsets, texts, voices, np.array(ratios, dtype=np.float32))


def path_of(split: str, index: int, folder: Path = FOLDER) -> Path:
    """Where a shard is kept."""
    return folder / f"{split}-{index:05d}.npz"


def save(shard: Shard, path: Path) -> None:
    """Write a shard so that whoever watches the folder never sees half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            np.savez(
                file,
                pcm=shard.pcm,
                offsets=shard.offsets,
                texts=np.array(shard.texts),
                voices=np.array(shard.voices),
                snr_db=shard.snr_db,
            )
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: Path) -> Shard:
    """Read a shard that `save` wrote."""
    with np.load(path) as stored:
        return Shard(
            pcm=stored["pcm"],
            offsets=stored["offsets"],
            texts=[str(text) for text in stored["texts"]],
            voices=[str(voice) for voice in stored["voices"]],
            snr_db=stored["snr_db"],
        )


def _build(job: tuple[str, int, Path]) -> tuple[int, float, float]:
    split, index, folder = job
    started = time.monotonic()
    shard = make_shard(split, index)
    save(shard, path_of(split, index, folder))
    return index, shard.pcm.size / RATE, time.monotonic() - started


def _built(jobs: list[tuple[str, int, Path]], workers: int) -> Iterator[tuple[int, float, float]]:
    if workers <= 1:
        yield from map(_build, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(_build, jobs)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make_speech", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--from", dest="first", type=int, default=0, help="first shard")
    parser.add_argument("--to", type=int, default=16, help="the shard after the last")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Build the shards asked for which are not there yet."""
    options = _arguments(arguments)
    split, folder = str(options.split), Path(options.folder)
    wanted = range(int(options.first), int(options.to))
    jobs = [(split, n, folder) for n in wanted if not path_of(split, n, folder).exists()]
    console = Console()
    console.print(f"{split}: {len(wanted)} shards of {SHARD}, {len(wanted) - len(jobs)} there")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"speaking ({split})", total=len(jobs))
        for done, (index, audio_s, took_s) in enumerate(_built(jobs, int(options.workers)), 1):
            progress.advance(task)
            if not console.is_terminal:
                print(
                    f"{path_of(split, index, folder)}: {audio_s / 60:.1f} min of audio "
                    f"in {took_s:.1f} s ({done}/{len(jobs)})",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
