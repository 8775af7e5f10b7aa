"""An encoder and a decoder of your own, as small steps for a batch of conversations.

This one hears whether a voice is high or low. The engine's thread calls it; slots, batches, voice
activity detection and the turn-taking around it are the runtime's.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from visavis import Agent, Head, Settings

Samples = npt.NDArray[np.float32]
Pictures = npt.NDArray[np.uint8]
RATE = 16_000
LOWEST_HZ, HIGHEST_HZ = 70, 400
LOUD = 0.01
BORDER_HZ = 160.0


def pitch(window: Samples) -> float:
    """The frequency of the strongest period in a window of 512 samples; 0 where it is quiet."""
    if np.sqrt(np.mean(window**2)) < LOUD:
        return 0.0
    lags = np.correlate(window, window, "full")[len(window) - 1 :]
    first, last = RATE // HIGHEST_HZ, RATE // LOWEST_HZ
    return RATE / (first + int(np.argmax(lags[first:last])))


class PitchStepper:
    """A `Stepper`. Whatever a conversation needs lies in its slot and is reset with it."""

    picture_size = (16, 16)

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._pitches: list[list[float]] = [[] for _ in range(slots)]
        self._words: list[list[str]] = [[] for _ in range(slots)]

    def warm_up(self) -> None:
        """Run everything once, so that the first conversation is as fast as the next."""
        pitch(np.zeros(512, np.float32))

    def reset(self, slot: int) -> None:
        """A fresh conversation."""
        self._pitches[slot], self._words[slot] = [], []

    def open_utterance(self, slot: int) -> None:
        """The person begins to speak."""
        self._pitches[slot] = []

    def hear(self, slots: Sequence[int], windows: Samples) -> list[bool]:
        """The encoder: 32 ms of each slot, [B, 512]. True where the transcript changed."""
        for slot, window in zip(slots, windows, strict=True):
            if hertz := pitch(window):
                self._pitches[slot].append(hertz)
        return [False] * len(slots)

    def transcript(self, slot: int) -> str:
        """It understands no words."""
        return ""

    def look(self, slots: Sequence[int], pictures: Pictures) -> list[bool]:
        """It sees nothing."""
        return [False] * len(slots)

    def set_camera(self, slot: int, is_on: bool) -> None:
        """It sees nothing either way."""

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        """Answers begin; what was typed has no pitch. How sure it is that the person has finished."""
        for slot, text in zip(slots, texts, strict=True):
            heard = float(np.median(self._pitches[slot])) if self._pitches[slot] else 0.0
            if text is not None or not heard:
                answer = "I can only hear voices."
            else:
                answer = f"That voice is {'high' if heard > BORDER_HZ else 'low'}."
            self._words[slot] = [*answer.split()]
        return [(Head.ANSWER, 1.0)] * len(slots)

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        """The decoder: the next word of each slot, and whether it is the last."""
        return [self._next(self._words[slot]) for slot in slots]

    def _next(self, words: list[str]) -> tuple[str, bool]:
        return (f" {words.pop(0)}", not words) if words else ("", True)

    def retract(self, slot: int) -> None:
        """The person went on speaking: the answer is thrown away."""
        self._words[slot] = []

    def commit(self, slot: int) -> None:
        """The answer will be heard."""

    def cancel(self, slot: int, heard: str) -> None:
        """The person interrupted."""
        self._words[slot] = []

    def forget(self, slot: int) -> None:
        """It was noise."""
        self._pitches[slot] = []


def make(settings: Settings) -> PitchStepper:
    """Called on the engine's thread; weights would be loaded here."""
    return PitchStepper(settings.engine.slots)


agent = Agent(stepper=make)

if __name__ == "__main__":
    raise SystemExit(agent.run())
