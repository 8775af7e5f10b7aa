"""One utterance on its way to text: which audio is looked at, when, and what settles.

Plain code: audio comes in, `is_due` says whether a pass is worth it, `advance` makes one with
whatever recognises speech. It knows no process and no clock; time is counted in samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ...runtime.frames import HEARING_RATE
from .agreement import LocalAgreement, Word
from .pauses import Judge, Pauses, Samples

PROMPT_CHARACTERS = 200
"""Settled words before the window that the model is told."""
SURE = 0.5
"""Probability from which a detected language is kept for the rest of the utterance."""
KEPT = HEARING_RATE * 3 // 10
"""Silence kept before what comes next: voice activity is noticed a little late."""
SILENCE = 2 * HEARING_RATE
"""A window of so much silence is cut down to what is kept."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """When it looks and where windows end; all in samples."""

    step: int = HEARING_RATE
    pause: int = HEARING_RATE * 48 // 100
    max_window: int = 18 * HEARING_RATE


@dataclass(frozen=True, slots=True)
class Pass:
    """What a model says of a window. Word times are seconds from its beginning."""

    words: tuple[tuple[str, float, float, float], ...]
    """(text with leading space, start, end, probability)"""
    language: str
    language_probability: float


Recognise = Callable[[Samples, str | None, str], Pass]
"""(window at HEARING_RATE, language or None, words before it) → what it says"""


@dataclass(frozen=True, slots=True)
class Progress:
    """What an `advance` brought. `settled` are only the new words."""

    settled: tuple[Word, ...]
    tentative: str
    language: str
    pts: int
    seconds: float
    is_final: bool


@dataclass(slots=True)
class Utterance:
    """From its first sample to its last word."""

    start_pts: int
    judge: Judge
    cutting: Cutting = field(default_factory=Cutting)
    language: str | None = None
    """Told, or detected with certainty."""
    prompt: str = ""
    end_pts: int | None = None
    """Where it ends, once that is known."""
    wanted_pts: int | None = None
    """Somebody waits for everything up to here."""

    passes: int = field(default=0, init=False)
    """How often the model looked."""
    _window: list[Samples] = field(default_factory=list[Samples], init=False)
    _window_pts: int = field(init=False)
    _have_pts: int = field(init=False)
    _looked_pts: int = field(init=False)
    _detected: str = field(default="", init=False)
    _pauses: Pauses = field(init=False)
    _agreement: LocalAgreement = field(default_factory=LocalAgreement, init=False)

    def __post_init__(self) -> None:
        self._window_pts = self._have_pts = self._looked_pts = self.start_pts
        self._pauses = Pauses(self.start_pts, self.judge, self.cutting.pause)

    def push(self, samples: Samples) -> None:
        """More audio in -1..1, right after the audio before."""
        self._window.append(samples)
        self._have_pts += len(samples)
        self._pauses.push(samples)
        is_silent = not self._has_news and not self._agreement.tentative
        if is_silent and self._have_pts - self._window_pts > SILENCE:
            self._cut(self._have_pts - KEPT)
            self._looked_pts = max(self._looked_pts, self._window_pts)

    @property
    def is_urgent(self) -> bool:
        """Somebody waits for it."""
        return self.end_pts is not None or self.wanted_pts is not None

    @property
    def is_due(self) -> bool:
        """There is something new to look at, or somebody waits."""
        if self.is_urgent:
            return True
        return self._is_pause or (
            self._has_news and self._have_pts - self._looked_pts >= self.cutting.step
        )

    @property
    def waiting(self) -> int:
        """Samples that were not looked at yet."""
        return self._have_pts - self._looked_pts

    @property
    def kept(self) -> int:
        """Samples of the window that are held."""
        return self._have_pts - self._window_pts

    @property
    def _has_news(self) -> bool:
        return self._pauses.has_voice and self._pauses.voiced_end > self._looked_pts

    @property
    def _is_pause(self) -> bool:
        """A window can be closed: it was looked at to here, or not at all, and then silence came."""
        return bool(self._agreement.tentative or self._has_news) and self._pauses.is_pause_after(
            self._window_pts
        )

    def advance(self, recognise: Recognise) -> Progress:
        """One pass over the window, unless silence is all that is new."""
        is_final = self.end_pts is not None
        upto = self._have_pts
        if self.end_pts is not None:
            upto = max(self._looked_pts, min(upto, self.end_pts))
        is_closing = is_final or self._is_pause
        if self._has_news and upto > self._looked_pts:
            words = self._look(upto, recognise)
            settled = self._agreement.settle(words) if is_closing else self._agreement.update(words)
        else:
            settled = self._agreement.settle() if is_closing else []
        self._looked_pts = max(self._looked_pts, upto)
        self.wanted_pts = None
        if is_closing:
            self._cut(max(self._pauses.voiced_end, self._have_pts - KEPT))
        elif self._looked_pts - self._window_pts > self.cutting.max_window:
            settled = [*settled, *self._cut_in_speech()]
        return Progress(
            tuple(settled),
            "".join(word.text for word in self._agreement.tentative).strip(),
            self.language or self._detected,
            self._looked_pts,
            (self._looked_pts - self.start_pts) / HEARING_RATE,
            is_final,
        )

    def _look(self, upto: int, recognise: Recognise) -> list[Word]:
        whole = np.concatenate(self._window)
        self._window = [whole]
        begin = self._window_pts
        found = recognise(whole[: upto - begin], self.language, self._words_before)
        self.passes += 1
        self._detected = found.language
        if self.language is None and found.language_probability >= SURE:
            self.language = found.language

        def pts(seconds: float) -> int:
            return min(upto, begin + round(seconds * HEARING_RATE))

        return [
            Word(text, pts(start), pts(end), probability)
            for text, start, end, probability in found.words
        ]

    @property
    def _words_before(self) -> str:
        before = "".join(w.text for w in self._agreement.settled if w.end_pts <= self._window_pts)
        return f"{self.prompt} {before}".strip()[-PROMPT_CHARACTERS:]

    def _cut_in_speech(self) -> list[Word]:
        """Nobody paused: the window begins anew after its last settled word, or where it is."""
        settled, forced = self._agreement.settled, list[Word]()
        if settled and settled[-1].end_pts > self._window_pts + self.cutting.max_window // 2:
            self._cut(settled[-1].end_pts)
        else:
            forced = self._agreement.settle()
            self._cut(self._looked_pts)
        return forced

    def _cut(self, pts: int) -> None:
        """Audio before `pts` is done with."""
        whole = np.concatenate(self._window) if self._window else np.zeros(0, np.float32)
        pts = max(self._window_pts, min(pts, self._have_pts))
        self._window = [whole[pts - self._window_pts :].copy()]
        self._window_pts = pts
