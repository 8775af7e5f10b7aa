"""A model that is none: it answers at once how long it was spoken to.

The same threads, voice activity detection and hand-overs as with a model, and no arithmetic: what
a conversation measures here is the floor that no model can be below.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..runtime.events import Head
from ..runtime.frames import HEARING_RATE, WINDOW
from .stepper import Pictures, Samples

QUIET = 0.1
"""A window this many times less loud than the loudest of its utterance is no speech."""


@dataclass(slots=True)
class _Ear:
    loudness: list[float] = field(default_factory=list[float])
    tokens: deque[str] = field(default_factory=deque[str])


class EchoStepper:
    """A `Stepper` that counts. It sees nothing, understands no word and is always sure."""

    def __init__(self, slots: int) -> None:
        self._ears = [_Ear() for _ in range(slots)]

    @property
    def slots(self) -> int:
        """As many as it was made for."""
        return len(self._ears)

    @property
    def picture_size(self) -> tuple[int, int]:
        """The smallest there is: nobody looks at it."""
        return (16, 16)

    def warm_up(self) -> None:
        """Nothing to warm."""

    def reset(self, slot: int) -> None:
        """A fresh conversation."""
        self._ears[slot] = _Ear()

    def open_utterance(self, slot: int) -> None:
        """Count from nothing."""
        self._ears[slot].loudness.clear()

    def hear(self, slots: Sequence[int], windows: Samples) -> list[bool]:
        """Notes how loud each window is; the transcript stays empty."""
        for slot, loudness in zip(slots, np.sqrt(np.mean(windows**2, axis=1)), strict=True):
            self._ears[slot].loudness.append(float(loudness))
        return [False] * len(slots)

    def transcript(self, slot: int) -> str:
        """No word is understood."""
        return ""

    def look(self, slots: Sequence[int], pictures: Pictures) -> list[bool]:
        """Nothing is seen."""
        return [False] * len(slots)

    def set_camera(self, slot: int, is_on: bool) -> None:
        """Nothing is seen either way."""

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        """Always an answer, always sure."""
        for slot, text in zip(slots, texts, strict=True):
            ear = self._ears[slot]
            if text is None:
                answer = f"You said that for {_spoken(_voiced_s(ear.loudness))}."
            else:
                answer = f"You wrote {len(text.split())} words."
            ear.tokens = deque(f" {word}" for word in answer.split())
        return [(Head.ANSWER, 1.0)] * len(slots)

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        """The next word."""
        tokens = [self._ears[slot].tokens for slot in slots]
        return [(words.popleft() if words else "", not words) for words in tokens]

    def retract(self, slot: int) -> None:
        """The words are dropped."""
        self._ears[slot].tokens.clear()

    def commit(self, slot: int) -> None:
        """The words stay."""

    def cancel(self, slot: int, heard: str) -> None:
        """The words are dropped."""
        self._ears[slot].tokens.clear()

    def forget(self, slot: int) -> None:
        """Count from nothing."""
        self._ears[slot].loudness.clear()


def _voiced_s(loudness: Sequence[float]) -> float:
    """Seconds that are not quiet beside the loudest window."""
    floor = QUIET * max(loudness, default=0.0)
    return sum(one > floor for one in loudness) * WINDOW / HEARING_RATE


def _spoken(seconds: float) -> str:
    whole = max(1, round(seconds))
    return "one second" if whole == 1 else f"{whole} seconds"
