"""A model that asks for functions, hears nothing and sees nothing: its answers are dictated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from visavis.runtime.abilities import Abilities
from visavis.runtime.events import Head
from visavis.runtime.tools import BUILTIN, Recital


class Caller:
    """A `Stepper` for one conversation that `Calls`: what it is asked names the function, and what
    it is told to say it says."""

    slots = 1
    picture_size = (8, 8)
    abilities = Abilities(calls=frozenset(BUILTIN))

    def __init__(self, calls: Mapping[str, tuple[str, str]]) -> None:
        """By question: name and JSON arguments."""
        self.calls = calls
        self.words: list[str] = []
        self.called: tuple[str, str] | None = None

    def warm_up(self) -> None:
        """Nothing to warm."""

    def reset(self, slot: int) -> None:
        self.words, self.called = [], None

    def open_utterance(self, slot: int) -> None:
        """Nothing is heard."""

    def hear(self, slots: Sequence[int], windows: npt.NDArray[np.float32]) -> list[bool]:
        return [False] * len(slots)

    def transcript(self, slot: int) -> str:
        return ""

    def look(self, slots: Sequence[int], pictures: npt.NDArray[np.uint8]) -> list[bool]:
        return [False] * len(slots)

    def set_camera(self, slot: int, is_on: bool) -> None:
        """Nothing is seen."""

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        (text,) = texts
        self.called = None if isinstance(text, Recital) else self.calls.get(text or "")
        self.words = str(text).split() if isinstance(text, Recital) else []
        if self.called is None and not self.words:
            self.words = ["Pardon?"]
        return [(Head.ANSWER, 1.0)]

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        return [(f" {self.words.pop(0)}", False) if self.words else ("", True)]

    def call(self, slot: int) -> tuple[str, str] | None:
        return self.called

    def retract(self, slot: int) -> None:
        """Nothing is kept."""

    def commit(self, slot: int) -> None:
        """Nothing is kept."""

    def cancel(self, slot: int, heard: str) -> None:
        """Nothing is kept."""

    def forget(self, slot: int) -> None:
        """Nothing is kept."""
