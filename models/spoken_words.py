"""The letters and words of one conversation's utterance, as they are heard.

Axes: K letters of a window, C letter classes, A audio width.
"""

from __future__ import annotations

from collections.abc import Iterator

from .compress import RunCompressor
from .dictionary import Dictionary
from .networks import Floats
from .spelling import LETTERS, LONGEST, SPACE
from .word_search import WordSearch

Run = tuple[Floats, Floats]
"""A letter as heard: posteriors [C] and encoder latent [A]."""


class SpokenWords:
    """Windows in, finished words and the transcript out."""

    def __init__(self, dictionary: Dictionary | None = None) -> None:
        """Without a dictionary the transcript is what was heard letter by letter."""
        self._search = None if dictionary is None else WordSearch(dictionary)
        self.reset()

    @property
    def are_searched(self) -> bool:
        """Whether the transcript is made of a dictionary's words."""
        return self._search is not None

    def reset(self) -> None:
        """Letters and words in progress are dropped."""
        self._compressor = RunCompressor()
        self._letters = ""
        self._word: list[Run] = []
        self._unsearched: list[Run] = []  # letters that the transcript has not yet
        self._found: str | None = None  # the transcript, while nothing was heard since it was found
        if self._search is not None:
            self._search.reset()

    def feed(self, chances: Floats, latent: Floats) -> Iterator[list[Run]]:
        """A window's letters [K, C] and latent [A]; the words that are complete with it."""
        for chance in chances:
            run = self._compressor.feed(chance, latent)
            if run is not None or self._compressor.peek() is not None:
                self._found = None
            if run is not None and (word := self._letter(run)):
                yield word

    def _letter(self, run: Run) -> list[Run]:
        """A letter is complete; with a space, so is a word."""
        self._letters += letter_of(run[0])
        self._unsearched.append(run)
        if not _is_space(run):
            self._word.append(run)
        if not (_is_space(run) or len(self._word) == LONGEST):
            return []
        word, self._word = self._word, []
        return word

    def open_word(self) -> list[Run]:
        """The word in progress as if it were complete."""
        open_run = self._compressor.peek()
        word = self._word if open_run is None else [*self._word, open_run]
        return word if not word or not _is_space(word[-1]) else word[:-1]

    @property
    def spelled(self) -> str:
        """What was heard, letter by letter."""
        open_run = self._compressor.peek()
        tail = "" if open_run is None else letter_of(open_run[0])
        return " ".join((self._letters + tail).split())

    def transcript(self) -> str:
        """What was understood. With a dictionary this is a search, some 0.1 ms for each letter that
        came since the last time."""
        if self._search is None:
            return self.spelled
        if self._found is None:
            for run in self._unsearched:
                self._search.feed(run[0])
            self._unsearched = []
            open_run = self._compressor.peek()
            self._found = self._search.text(None if open_run is None else open_run[0])
        return self._found


def letter_of(chances: Floats) -> str:
    """The likeliest letter [C]."""
    return LETTERS[int(chances.argmax()) - 1]


def _is_space(run: Run) -> bool:
    return int(run[0].argmax()) == SPACE
