"""From heard letters to words: the likeliest words of a dictionary, found as the letters come in.

Token passing (Young, Russell and Thornton 1989) over runs of letters: a letter may be missing, too
many or another one; which word follows which is worth as much as a letter. What is like no word
stays as it was heard.

Axes: W words, L letters of the longest word and its space, C letter classes, K ends followed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .spelling import SPACE, spell, unspell

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_FAR = np.float32(1e6)


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs in nats. Chosen on utterances of the training pool."""

    worst: float = 6.0
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


class Dictionary:
    """Words and how likely each follows each: `surprise` [W + 1, W], its last row for the first."""

    def __init__(self, words: Sequence[str], surprise: Floats) -> None:
        if surprise.shape != (len(words) + 1, len(words)):
            raise ValueError(
                f"{len(words)} words need a table of {len(words) + 1} × {len(words)}, "
                f"not {surprise.shape}: make the dictionary again"
            )
        self.words = tuple(words)
        self.surprise = surprise
        self.longest = max(len(word) for word in words)
        count = len(words)
        # Letter l of a word leads from state l to state l + 1; the space behind it is its last.
        self.letters = np.zeros((count, self.longest + 1), np.int32)
        self.lengths = np.array([len(word) for word in words], np.int32)
        for row, word in enumerate(words):
            self.letters[row, : len(word) + 1] = [*spell(word), SPACE]
        at = np.arange(self.longest + 2)
        # Where the state behind a word's last letter lies in a flat table of all states.
        self.last = np.arange(count) * len(at) + self.lengths
        self.is_beyond = at[None, :] > self.lengths[:, None] + 1  # [W, L + 1]

    @staticmethod
    def count(sentences: Sequence[str], smoothing: float = 0.3) -> Dictionary:
        """Of the words of these sentences, a pair never met backed off to its second word alone."""
        words = sorted({word for sentence in sentences for word in sentence.split()})
        place = {word: index for index, word in enumerate(words)}
        pairs = np.zeros((len(words) + 1, len(words)), np.float64)
        for sentence in sentences:
            before = len(words)
            for word in sentence.split():
                pairs[before, place[word]] += 1
                before = place[word]
        alone = (pairs.sum(axis=0) + 1) / (pairs.sum() + len(words))
        mass = pairs.sum(axis=1, keepdims=True)
        seen = pairs / np.maximum(mass, 1)
        trust = np.where(mass > 0, 1 - smoothing, 0)
        return Dictionary(words, -np.log(trust * seen + (1 - trust) * alone).astype(np.float32))

    def save(self, path: Path) -> None:
        """Words and their surprises in tenths of a nat, the commonest value of a column left out."""
        tenths = np.rint(self.surprise * 10).astype(int)
        rows: dict[str, dict[str, int]] = {}
        usual = [int(np.bincount(column).argmax()) for column in tenths.T]
        for index, row in enumerate(tenths):
            name = self.words[index] if index < len(self.words) else ""
            rows[name] = {
                self.words[at]: int(value) for at, value in enumerate(row) if value != usual[at]
            }
        found = {"usual": dict(zip(self.words, usual, strict=True)), "after": rows}
        path.write_text(json.dumps(found, separators=(",", ":")) + "\n")

    @staticmethod
    def load(path: Path) -> Dictionary:
        """Raises ValueError naming the file when it is not what `save` wrote."""
        try:
            found = json.loads(path.read_text())
            words = list(found["usual"])
            place = {word: index for index, word in enumerate(words)}
            table = np.tile(
                np.array([found["usual"][w] for w in words], np.float32), (len(words) + 1, 1)
            )
            for name, row in found["after"].items():
                for word, value in row.items():
                    table[place[name] if name else len(words), place[word]] = value
        except (OSError, KeyError, TypeError, ValueError) as problem:
            raise ValueError(
                f"{path} is no dictionary ({problem!r}): export the model again"
            ) from None
        return Dictionary(words, table / np.float32(10))


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
        last = [self._last_word(said) for _, said in ends]
        before = np.array([cost for cost, _ in ends], np.float32)[:, None]
        entry = before + costs.follows * dictionary.surprise[last]
        best = entry.argmin(axis=0)
        self._cost[:, 0] = entry.min(axis=0)
        self._from[:, 0] = np.array([said for _, said in ends], np.int32)[best]
        cost, said = ends[0]
        self._raw.append((cost + costs.unknown, said, ""))

    def _last_word(self, said: int) -> int:
        last = self._said[said]
        return len(self._dictionary.words) if last is None else last.word

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
