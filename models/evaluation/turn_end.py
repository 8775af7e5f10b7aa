"""How well the end of a turn is told from a pause: cut-ins against delay.

Recordings with pauses in them are heard window by window. Wherever the person falls silent, after
`PROBE` windows, the model judges whether they are finished. The curve follows from the lengths of
the pauses: an answer to a finished question begins after the short silence, to any other after the
long one; a pause longer than that is cut into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from ...runtime.events import Head
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


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence of at least `PROBE` windows: how long it was (ms), whether the question was over, and
    whether the model thought so."""

    length_ms: int
    is_end: bool
    is_judged_over: bool


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
        voiced = _voiced(vad, windows)
        last = max((i for i, is_voiced in enumerate(voiced) if is_voiced), default=-1)
        model.reset(0)
        model.look([0], pictures.images[index % len(pictures.images)][None])
        model.open_utterance(0)
        silent, was_voiced, open_silence = 0, False, -1
        judged: dict[int, bool] = {}
        for at, window in enumerate(windows):
            model.hear([0], window[None])
            if voiced[at]:
                if open_silence >= 0:
                    found.append(Silence(silent * WINDOW_MS, False, judged[open_silence]))
                silent, was_voiced, open_silence = 0, True, -1
                continue
            silent += 1
            if was_voiced and silent == PROBE:
                open_silence = at
                ((head, _),) = model.begin([0], [None])
                judged[at] = head is not Head.WAIT
                model.retract(0)
        if open_silence >= 0 and open_silence > last:
            found.append(Silence(silent * WINDOW_MS, True, judged[open_silence]))
    return found


def _voiced(vad: SileroVad, windows: npt.NDArray[np.float32]) -> list[bool]:
    vad.reset(0)
    return [float(vad.judge([0], window[None])[0]) >= SPEECH for window in windows]


def curve(found: Sequence[Silence], patient_ms: int = 700) -> dict[str, Any]:
    """Cut-ins (share of pauses) and mean delay (ms) of finished questions, by how long the short
    silence is: with the model's judgement, and by silence alone."""
    pauses = [s for s in found if not s.is_end]
    ends = [s for s in found if s.is_end]

    def cost(eager_ms: int, is_judging: bool) -> tuple[float, float]:
        def waits(silence: Silence) -> int:
            is_over = silence.is_judged_over or not is_judging
            return eager_ms if is_over else max(eager_ms, patient_ms)

        cut = sum(pause.length_ms >= waits(pause) for pause in pauses)
        delay = sum(waits(end) for end in ends) / max(1, len(ends))
        return round(cut / max(1, len(pauses)), 4), round(delay, 1)

    return {
        "pauses": len(pauses),
        "ends": len(ends),
        "judged": [[eager, *cost(eager, True)] for eager in EAGER_MS],
        "silence_alone": [[eager, *cost(eager, False)] for eager in EAGER_MS],
    }
