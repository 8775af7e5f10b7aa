"""From heard letters to words: the likeliest words of a dictionary, found as the letters come in.

Token passing (Young, Russell and Thornton 1989) over runs of letters: a letter may be missing, too
many or another one; which word follows which others is worth as much as a letter. What is like no word
stays as it was heard.

Axes: W words, L letters of the longest word and its space, C letter classes, K ends followed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .dictionary import MOST_BEFORE, Dictionary, Floats, History, Ints
from .spelling import SPACE, unspell

_FAR = np.float32(1e6)


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs in nats. Chosen on utterances of the training pool."""

    worst: float = 4.5
    """Of a letter that was surely another."""
    extra: float = 3.5
    """Of a heard letter that is in no word."""
    missing: float = 2.1
    """Of a word's letter that was not heard."""
    no_space: float = 0.3
    """Of a word that ends without a space."""
    follows: float = 0.8
    """Times the surprise at a word after the one before."""
    unknown: float = 8.0
    """Of a word that is in no dictionary…"""
    unknown_letter: float = 0.8
    """… and of each of its letters."""
    ends: int = 4
    """Ends of words followed at a time."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A word and what was said before it."""

    text: str
    word: int
    """Its index, or the number of words for one that is in no dictionary."""
    before: _Said | None

    def sentence(self) -> str:
        words: list[str] = []
        said: _Said | None = self
        while said is not None:
            words.append(said.text)
            said = said.before
        return " ".join(word for word in reversed(words) if word)


class WordSearch:
    """One stream: feed the runs of an utterance in order, ask for its `text` at any time."""

    def __init__(self, dictionary: Dictionary, costs: Costs | None = None) -> None:
        self._dictionary, self._costs = dictionary, costs or Costs()
        self.reset()

    def reset(self) -> None:
        """A new utterance begins."""
        shape = self._dictionary.letters.shape[0], self._dictionary.longest + 2
        self._cost: Floats = np.full(shape, _FAR, np.float32)
        self._from: Ints = np.zeros(shape, np.int32)  # index into _said
        self._said: list[_Said | None] = [None]
        self._raw: list[tuple[float, int, str]] = []  # unknown words: cost, said before, letters
        self._is_begun = False
        self._ended = (0.0, 0)  # the best end of a word just now
        self._begin([(0.0, 0)])

    def _begin(self, ends: list[tuple[float, int]]) -> None:
        """Words begin after these ends: (cost, index into _said)."""
        dictionary, costs = self._dictionary, self._costs
        surprise = np.stack([dictionary.after(self._history(said)) for _, said in ends])
        before = np.array([cost for cost, _ in ends], np.float32)[:, None]
        entry = before + costs.follows * surprise
        best = entry.argmin(axis=0)
        self._cost[:, 0] = entry.min(axis=0)
        self._from[:, 0] = np.array([said for _, said in ends], np.int32)[best]
        cost, said = ends[0]
        self._raw.append((cost + costs.unknown, said, ""))

    def _history(self, at: int) -> History:
        """The last words said, the beginning among them where they are few."""
        said, words = self._said[at], list[int]()
        while said is not None and len(words) < MOST_BEFORE:
            words.append(said.word)
            said = said.before
        if len(words) < MOST_BEFORE:
            words.append(len(self._dictionary.words))
        return tuple(reversed(words))

    def feed(self, chances: Floats) -> None:
        """The next run of letters: its posterior [C]."""
        self._is_begun = True
        dictionary, costs = self._dictionary, self._costs
        dear = np.minimum(-np.log(np.maximum(chances, 1e-6)), costs.worst).astype(np.float32)
        before, came = self._cost, self._from
        cost, origin = before + np.float32(costs.extra), came.copy()
        ahead = before[:, :-1] + dear[dictionary.letters]
        better = ahead < cost[:, 1:]
        np.copyto(cost[:, 1:], ahead, where=better)
        np.copyto(origin[:, 1:], came[:, :-1], where=better)
        np.copyto(cost, _FAR, where=dictionary.is_beyond)
        self._cost, self._from = cost, origin
        letter = int(chances.argmax())
        if letter == SPACE:
            self._raw = [(known, said, f"{raw} ") for known, said, raw in self._raw if raw]
        else:
            more = float(dear[letter]) + costs.unknown_letter
            heard = unspell([letter])
            self._raw = [(known + more, said, raw + heard) for known, said, raw in self._raw]
        self._skip()
        ends = self._ends()
        self._ended = ends[0]
        self._begin(ends)

    def _skip(self) -> None:
        """Letters of a word that were not heard, two in a row at most."""
        for _ in range(2):
            ahead = self._cost[:, :-1] + np.float32(self._costs.missing)
            better = ahead < self._cost[:, 1:]
            np.copyto(self._cost[:, 1:], ahead, where=better)
            # The origins overlap: those of before are meant.
            np.copyto(self._from[:, 1:], self._from[:, :-1].copy(), where=better)
        np.copyto(self._cost, _FAR, where=self._dictionary.is_beyond)

    def _finals(self) -> Floats:
        """What it costs for each word to end here [W]."""
        flat, at = self._cost.reshape(-1), self._dictionary.last
        bare = flat.take(at) + np.float32(self._costs.no_space)
        finals: Floats = np.minimum(bare, flat.take(at + 1))
        return finals

    def _ends(self) -> list[tuple[float, int]]:
        """The best ends, remembered as said."""
        dictionary = self._dictionary
        finals = self._finals()
        found: list[tuple[float, _Said]] = []
        count = min(self._costs.ends, len(finals))
        nearest: npt.NDArray[np.intp] = np.argpartition(finals, count - 1)[:count]
        for word in (int(index) for index in nearest):
            at = int(dictionary.lengths[word])
            spaced = self._cost[word, at + 1] <= self._cost[word, at] + self._costs.no_space
            said = int(self._from[word, at + 1 if spaced else at])
            found.append(
                (float(finals[word]), _Said(dictionary.words[word], word, self._said[said]))
            )
        found += [
            (cost, _Said(raw.strip(), len(dictionary.words), self._said[said]))
            for cost, said, raw in self._raw
            if raw.endswith(" ")
        ]
        found.sort(key=lambda end: end[0])
        ends: list[tuple[float, int]] = []
        for cost, end in found[: self._costs.ends]:
            self._said.append(end)
            ends.append((cost, len(self._said) - 1))
        # Unknown words that ended, or fell far behind, are followed no longer.
        best = min(found[0][0], float(self._cost.min()))
        near = [one for one in self._raw if not one[2].endswith(" ") and one[0] < best + 15]
        self._raw = near[-8:]
        return ends

    @property
    def hypotheses(self) -> int:
        """Unknown words followed at the moment."""
        return len(self._raw)

    def text(self, then: Floats | None = None) -> str:
        """The likeliest words so far, as if the last letter had been heard; `then` is the posterior
        [C] of a run that is not over."""
        if then is None:
            return self._text()
        before = self._cost, self._from, self._raw, self._ended, self._is_begun
        said = len(self._said)
        self.feed(then)
        text = self._text()
        self._cost, self._from, self._raw, self._ended, self._is_begun = before
        del self._said[said:]
        return text

    def _text(self) -> str:
        if not self._is_begun:
            return ""
        finals = self._finals()
        word = int(finals.argmin())
        at = int(self._dictionary.lengths[word])
        spaced = self._cost[word, at + 1] <= self._cost[word, at] + self._costs.no_space
        said = self._said[int(self._from[word, at + 1 if spaced else at])]
        best, found = float(finals[word]), _Said(self._dictionary.words[word], word, said)
        cost, index = self._ended
        ended = self._said[index]
        if ended is not None and cost < best:
            best, found = cost, ended
        for cost, index, raw in self._raw:
            if raw and cost < best:
                best, found = cost, _Said(raw.strip(), -1, self._said[index])
        return found.sentence()
