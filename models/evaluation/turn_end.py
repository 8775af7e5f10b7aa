"""How well the end of a turn is told from a pause: cut-ins against delay.

Recordings with pauses in them are heard window by window. Wherever the person falls silent, after
`PROBE` windows, the model judges whether they are finished, and again whenever it has understood
something else. What a session would have done follows from the judgements and the lengths of the
silences: by its own rule (`turn_rules.needed_ms`, two agreeing scores), for every patience.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from ...runtime.events import Head
from ...runtime.settings import TurnSettings
from ...runtime.turn_rules import AGREEING, needed_ms, patient
from ..embedded import Embedded
from ..training.train_audio import Utterances
from ..training.train_vision import Pictures
from ..vad import SileroVad

WINDOW_MS = 32
PROBE = 3
"""Windows of silence (96 ms) after which the model is asked."""
SPEECH = 0.5
"""Probability of speech from which a window counts as voiced."""
EAGER_MS = (96, 128, 160, 200, 250, 300, 400, 500, 600, 800)
MOST_CUT = 0.05
"""Share of pauses that may be cut into."""
TUNED_EAGER_MS = (160, 192, 224, 256, 288, 320)
TUNED_UNSURE_MS = (352, 416, 480, 544, 640, 768)
TUNED_SURE = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
PATIENCE = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)


@dataclass(frozen=True, slots=True)
class Score:
    """What the model made of the words from so many windows of silence on."""

    window: int
    head: Head
    confidence: float


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence of at least `PROBE` windows: how long it was, whether the question was over, and what
    the model thought of that."""

    length_ms: int
    is_end: bool
    scores: tuple[Score, ...]

    @property
    def is_judged_over(self) -> bool:
        """By the first judgement."""
        return self.scores[0].head is not Head.WAIT

    @property
    def is_answered(self) -> bool:
        """Sooner or later, by the last judgement; else it is forgotten."""
        return self.scores[-1].head is not Head.SILENT

    def answered_ms(self, turns: TurnSettings) -> int:
        """Milliseconds of silence after which a session answers, had the silence no end."""
        window = 0
        for at, score in enumerate(self.scores):
            needed = -(-needed_ms(turns, score.head, score.confidence) // WINDOW_MS)
            window = max(needed, score.window + AGREEING - 1)
            if at + 1 == len(self.scores) or window < self.scores[at + 1].window:
                break
        return window * WINDOW_MS


def silences(
    model: Embedded, vad: SileroVad, pool: Utterances, pictures: Pictures, limit: int
) -> list[Silence]:
    """Of the first recordings of a pool, each over a picture."""
    found: list[Silence] = []
    for index in track(range(min(limit, len(pool.pcm))), "turn ends", console=Console(stderr=True)):
        if not pool.texts[index]:
            continue
        pcm = pool.pcm[index].astype(np.float32) / 32768.0
        windows = pcm[: len(pcm) // 512 * 512].reshape(-1, 512)
        model.reset(0)
        model.look([0], pictures.images[index % len(pictures.images)][None])
        model.open_utterance(0)
        found += _of_one(model, windows, _voiced(vad, windows))
    return found


def _of_one(
    model: Embedded, windows: npt.NDArray[np.float32], voiced: Sequence[bool]
) -> list[Silence]:
    """The silences of one recording after its first voiced window."""
    found: list[Silence] = []
    silent, scores, understood = 0, list[Score](), ""
    was_voiced = False
    for window, is_voiced in zip(windows, voiced, strict=True):
        model.hear([0], window[None])
        if is_voiced:
            if scores:
                found.append(Silence(silent * WINDOW_MS, False, tuple(scores)))
            silent, scores, was_voiced = 0, [], True
            continue
        silent += 1
        words = model.transcript(0)
        if was_voiced and silent >= PROBE and (not scores or words != understood):
            ((head, confidence),) = model.begin([0], [None])
            model.retract(0)
            scores.append(Score(silent, head, confidence))
            understood = words
    if scores:
        found.append(Silence(silent * WINDOW_MS, True, tuple(scores)))
    return found


def _voiced(vad: SileroVad, windows: npt.NDArray[np.float32]) -> list[bool]:
    vad.reset(0)
    return [float(vad.judge([0], window[None])[0]) >= SPEECH for window in windows]


def curve(
    found: Sequence[Silence], patient_ms: int = 700, turns: TurnSettings | None = None
) -> dict[str, Any]:
    """Cut-ins (share of pauses) and mean delay (ms) of finished questions. `judged` and
    `silence_alone`: by how long the short silence is, with the model's first judgement and without any.
    `patience`: what a session does at every patience of these settings, `tuned`: settings that would
    do better. There the delay is of questions that are answered: what the model holds for nothing is
    forgotten."""
    pauses = [s for s in found if not s.is_end]
    ends = [s for s in found if s.is_end]
    settings = turns or TurnSettings()

    def cost(waits: Callable[[Silence], int]) -> tuple[float, float]:
        cut = sum(pause.length_ms >= waits(pause) for pause in pauses)
        delay = sum(waits(end) for end in ends) / max(1, len(ends))
        return round(cut / max(1, len(pauses)), 4), round(delay, 1)

    def judged(eager_ms: int) -> tuple[float, float]:
        return cost(lambda s: eager_ms if s.is_judged_over else max(eager_ms, patient_ms))

    def alone(eager_ms: int) -> tuple[float, float]:
        return cost(lambda _: eager_ms)

    return {
        "pauses": len(pauses),
        "ends": len(ends),
        "ends_answered": sum(end.is_answered for end in ends),
        "judged": [[eager, *judged(eager)] for eager in EAGER_MS],
        "silence_alone": [[eager, *alone(eager)] for eager in EAGER_MS],
        "patience": [
            [patience, *_figures(pauses, ends, patient(settings, patience))]
            for patience in PATIENCE
        ],
        "tuned": _tuned(pauses, ends, settings),
    }


def _figures(
    pauses: Sequence[Silence], ends: Sequence[Silence], turns: TurnSettings
) -> tuple[float, float, float]:
    """What a session with these settings does: the share of pauses cut into, mean and median delay of
    answers in ms."""
    cut = sum(s.length_ms >= s.answered_ms(turns) for s in pauses if s.is_answered)
    delays = [end.answered_ms(turns) for end in ends if end.is_answered] or [0]
    mean, middle = float(np.mean(delays)), float(np.median(delays))
    return round(cut / max(1, len(pauses)), 4), round(mean, 1), round(middle, 1)


def _tuned(
    pauses: Sequence[Silence], ends: Sequence[Silence], turns: TurnSettings
) -> dict[str, float] | None:
    """The settings with the shortest median (then mean) delay that cut into at most `MOST_CUT` of the
    pauses; None where none do."""
    tried = [
        (_figures(pauses, ends, one), one)
        for eager in TUNED_EAGER_MS
        for unsure in TUNED_UNSURE_MS
        for sure in TUNED_SURE
        for one in [
            msgspec.structs.replace(
                turns, eager_silence_ms=eager, unsure_silence_ms=max(eager, unsure), sure=sure
            )
        ]
    ]
    good = [(figures, one) for figures, one in tried if figures[0] <= MOST_CUT]
    if not good:
        return None
    # The shortest median delay, then the shortest mean, then the fewest cut-ins.
    (cut, mean, middle), best = min(good, key=lambda one: one[0][::-1])
    return {
        "eager_silence_ms": best.eager_silence_ms,
        "unsure_silence_ms": best.unsure_silence_ms,
        "sure": best.sure,
        "cut_ins": cut,
        "mean_delay_ms": mean,
        "median_delay_ms": middle,
    }
