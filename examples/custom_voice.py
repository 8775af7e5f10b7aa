"""A voice of your own: here one that speaks Morse code."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from visavis import Agent

DOT_S = 0.04
SIGNS = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- "
    "-..- -.-- --.."
)
CODE = dict(zip("abcdefghijklmnopqrstuvwxyz", SIGNS.split(), strict=True))


class Morse:
    """Called on a thread of its own, so it may take its time and load what it needs."""

    sample_rate = 8_000

    def say(self, text: str) -> Iterator[npt.NDArray[np.int16]]:
        """One piece for each letter: the first is heard while the next is made."""
        for letter in text.lower():
            for sign in CODE.get(letter, ""):
                yield self._tone(1 if sign == "." else 3)
                yield self._silence(1)
            yield self._silence(2 if letter in CODE else 4)

    def _tone(self, dots: int) -> npt.NDArray[np.int16]:
        at = np.arange(round(dots * DOT_S * self.sample_rate)) / self.sample_rate
        return (6_000 * np.sin(2 * np.pi * 600 * at)).astype(np.int16)

    def _silence(self, dots: int) -> npt.NDArray[np.int16]:
        return np.zeros(round(dots * DOT_S * self.sample_rate), np.int16)


agent = Agent(voice=Morse)


@agent.answer
def answer(text: str) -> str:
    """Something short: Morse code takes its time."""
    return "SOS" if "help" in text else "OK"


if __name__ == "__main__":
    raise SystemExit(agent.run())
