"""Whole parts to stand in for models: a stepper that writes down what it is asked, and a VAD that
finds speech wherever a window is not zero."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from visavis.models.stepper import Pictures, Samples
from visavis.runtime.events import Head
from visavis.runtime.frames import AudioChunk, Picture, VideoFrame

Call = tuple[object, ...]


class LevelVad:
    """The probability is the first sample of the window, plainly."""

    def __init__(self, slots: int) -> None:
        self.resets: list[int] = []

    def judge(self, slots: Sequence[int], windows: Samples) -> Samples:
        return np.clip(windows[:, 0], 0.0, 1.0)

    def reset(self, slot: int) -> None:
        self.resets.append(slot)


class WritingStepper:
    """Answers "a b c …" of `words` words; its transcript counts windows. `calls` has everything it
    was asked, in order; `hold` makes the named step wait until it is let go."""

    def __init__(self, slots: int = 4, words: int = 3) -> None:
        self.calls: list[Call] = []
        self.words = words
        self.head = Head.ANSWER
        self.guilty: set[int] = set()
        self.fatal: BaseException | None = None
        self.held: dict[str, threading.Event] = {}
        self.reached: dict[str, threading.Event] = {}
        self.on_next: Callable[[], None] = lambda: None
        self.forgets = False  # results are missing
        self._slots = slots
        self._windows = [0] * slots
        self._said = [0] * slots

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def picture_size(self) -> tuple[int, int]:
        return (8, 6)

    def hold(self, step: str) -> threading.Event:
        """`step` waits inside the thread from now on; set the event to let it go. `reached[step]`
        is set while it waits."""
        self.reached[step] = threading.Event()
        self.held[step] = threading.Event()
        return self.held[step]

    def names(self) -> list[object]:
        """The calls without their arguments."""
        return [call[0] for call in self.calls]

    def _note(self, *call: object) -> None:
        if self.fatal is not None:
            raise self.fatal
        name = str(call[0])
        if name in self.held:
            self.reached[name].set()
            assert self.held[name].wait(10)
        self.calls.append(call)

    def _judge(self, slots: Sequence[int]) -> None:
        guilty = self.guilty & set(slots)
        if guilty:
            raise RuntimeError(f"slot {guilty} can't be computed")

    def warm_up(self) -> None:
        self._note("warm_up")

    def reset(self, slot: int) -> None:
        self._note("reset", slot)

    def open_utterance(self, slot: int) -> None:
        self._note("open_utterance", slot)
        self._windows[slot] = 0

    def hear(self, slots: Sequence[int], windows: npt.NDArray[np.float32]) -> list[bool]:
        self._note("hear", tuple(slots), tuple(float(w) for w in windows[:, 1]))
        self._judge(slots)
        for slot in slots:
            self._windows[slot] += 1
        return [True] * len(slots)

    def transcript(self, slot: int) -> str:
        return f"{self._windows[slot]} windows"

    def look(self, slots: Sequence[int], pictures: Pictures) -> list[bool]:
        self._note("look", tuple(slots), tuple(int(p[0, 0, 0]) for p in pictures))
        assert pictures.shape[1:] == (6, 8, 3)
        self._judge(slots)
        return [True] * len(slots)

    def set_camera(self, slot: int, is_on: bool) -> None:
        self._note("set_camera", slot, is_on)

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        self._note("begin", tuple(slots), tuple(texts))
        self._judge(slots)
        for slot in slots:
            self._said[slot] = 0
        return [(self.head, 0.9)] * len(slots)

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        self._note("next", tuple(slots))
        self._judge(slots)
        self.on_next()
        tokens: list[tuple[str, bool]] = []
        for slot in slots:
            self._said[slot] += 1
            tokens.append((f" {self._said[slot]}", self._said[slot] >= self.words))
        return tokens[1:] if self.forgets else tokens

    def retract(self, slot: int) -> None:
        self._note("retract", slot)

    def commit(self, slot: int) -> None:
        self._note("commit", slot)

    def cancel(self, slot: int, heard: str) -> None:
        self._note("cancel", slot, heard)

    def forget(self, slot: int) -> None:
        self._note("forget", slot)


class Plain:
    """Pixels of one colour."""

    def __init__(self, value: int = 0, error: Exception | None = None) -> None:
        self.value = value
        self.error = error

    def luma(self) -> Picture:
        return np.full((48, 64), self.value, np.uint8)

    def rgb(self, width: int, height: int) -> Picture:
        if self.error is not None:
            raise self.error
        return np.full((height, width, 3), self.value, np.uint8)


def picture(value: int, error: Exception | None = None) -> VideoFrame:
    return VideoFrame(Plain(value, error), 64, 48, pts=value * 90, arrived=float(value))


def windows(first: int, levels: Sequence[float]) -> AudioChunk:
    """Windows number `first` and on; each begins with its level and then its number / 1000."""
    pcm = np.zeros((len(levels), 512), np.int16)
    for row, level in enumerate(levels):
        pcm[row, 0] = round(level * 32767)
        pcm[row, 1] = first + row
    return AudioChunk(pcm.ravel(), pts=first * 512, arrived=float(first))
