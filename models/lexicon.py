"""The words the decoder can say, in the order of its output, and what its marks mean."""

from __future__ import annotations

from collections.abc import Sequence

END, ASK, WAIT, SILENT, CAMERA_OFF = range(5)
MARKS = ("<end>", "<ask>", "<wait>", "<silent>", "<camera off>")
"""Not words: the answer is over; answer now; the person is not finished; nothing to answer; no eyes."""

NOTE = "<note>"
"""What is seen now is put into words that stay when the picture is gone; never part of an answer."""

TIME, DATE, REMEMBER, RECALL = "<time>", "<date>", "<remember>", "<recall>"
"""An answer that begins with one of these is not said: it calls a tool."""

MAYBE = "maybe"
"""Stands before the word that states a fact where the model is not sure of it."""


class Lexicon:
    """Words to indices and back. `words` begins with MARKS."""

    def __init__(self, words: Sequence[str]) -> None:
        if tuple(words[: len(MARKS)]) != MARKS:
            raise ValueError(f"a lexicon begins with {MARKS}, not {tuple(words[: len(MARKS)])}")
        self.words = tuple(words)
        self._index = {word: index for index, word in enumerate(self.words)}

    @classmethod
    def of(cls, words: Sequence[str]) -> Lexicon:
        """The marks, then these words."""
        return cls([*MARKS, *words])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._index

    def encode(self, words: Sequence[str]) -> list[int]:
        """Indices of words; KeyError names one that is not there."""
        return [self._index[word] for word in words]

    def text(self, index: int, is_first: bool) -> str:
        """A word as it continues an answer: a space before it unless it is punctuation or first."""
        word = self.words[index]
        return word if is_first or word in ".,!?" else f" {word}"
