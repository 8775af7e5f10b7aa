"""The words a transcript can be made of, and which follow which: an interpolated four-gram model
(Jelinek and Mercer 1980) of sentences that were counted.

Axes: W words, L letters of the longest word and its space.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .spelling import SPACE, spell

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
History = tuple[int, ...]
"""Indices of the words before; W stands for the beginning, or a word that is in no dictionary."""

MOST_BEFORE = 3
"""Words before a word that are looked at."""
TRUST = 0.7
"""Share of what followed these words; the rest is what followed one word less."""
SELDOM = 3
"""Words in a row that were met less often say nothing about what follows."""
_KEPT = 4096
"""Histories whose surprises are kept: 2 KB each."""


class Dictionary:
    """Words, and how surprising each is after others.

    `pairs` [W + 1, W] are the nats of surprise after one word, its last row at the beginning;
    `longer` says which words followed two or three others, and how large a share of them each was.
    """

    def __init__(
        self,
        words: Sequence[str],
        pairs: Floats,
        longer: Mapping[History, tuple[Ints, Floats]] | None = None,
    ) -> None:
        if pairs.shape != (len(words) + 1, len(words)):
            raise ValueError(
                f"{len(words)} words need a table of {len(words) + 1} × {len(words)}, "
                f"not {pairs.shape}: make the dictionary again"
            )
        self.words = tuple(words)
        self._pairs = pairs
        self._longer = longer or {}
        self._kept: dict[History, Floats] = {}
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

    def after(self, history: History) -> Floats:
        """How surprising each word is after these, in nats [W]. Not to be written to."""
        known = self._kept.get(history)
        if known is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            known = self._kept[history] = self._after(history)
        return known

    def _after(self, history: History) -> Floats:
        row: Floats = self._pairs[history[-1]]
        for count in range(2, min(len(history), MOST_BEFORE) + 1):
            found = self._longer.get(history[-count:])
            if found is None:
                break
            following, shares = found
            chances = np.exp(-row) * np.float32(1 - TRUST)
            chances[following] += np.float32(TRUST) * shares
            row = -np.log(chances)
        return row

    @staticmethod
    def count(sentences: Sequence[str]) -> Dictionary:
        """Of the words of these sentences."""
        words = sorted({word for sentence in sentences for word in sentence.split()})
        place = {word: index for index, word in enumerate(words)}
        pairs = np.zeros((len(words) + 1, len(words)), np.float64)
        met: dict[History, Counter[int]] = defaultdict(Counter)
        for sentence in sentences:
            said = [len(words), *(place[word] for word in sentence.split())]
            for before, word in pairwise(said):
                pairs[before, word] += 1
            for at in range(2, len(said)):
                for count in range(2, min(at, MOST_BEFORE) + 1):
                    met[tuple(said[at - count : at])][said[at]] += 1
        alone = (pairs.sum(axis=0) + 1) / (pairs.sum() + len(words))
        mass = pairs.sum(axis=1, keepdims=True)
        trust = np.where(mass > 0, TRUST, 0)
        shares = trust * (pairs / np.maximum(mass, 1)) + (1 - trust) * alone
        longer = {
            history: _shares(found) for history, found in met.items() if found.total() >= SELDOM
        }
        return Dictionary(words, -np.log(shares).astype(np.float32), longer)

    def save(self, path: Path) -> None:
        """Surprises after one word in tenths of a nat, the commonest value of a column left out; shares
        after more words in thousandths."""
        tenths = np.rint(self._pairs * 10).astype(int)
        names = (*self.words, "")
        usual = [int(np.bincount(column).argmax()) for column in tenths.T]
        after = {
            names[index]: {
                self.words[at]: int(value) for at, value in enumerate(row) if value != usual[at]
            }
            for index, row in enumerate(tenths)
        }
        longer: dict[str, dict[str, int]] = {}
        for history, (following, shares) in self._longer.items():
            indices: list[int] = following.tolist()
            thousandths: list[int] = np.maximum(1, np.rint(1000 * shares)).astype(int).tolist()
            longer[" ".join(names[index] for index in history)] = {
                self.words[index]: share for index, share in zip(indices, thousandths, strict=True)
            }
        found: dict[str, object] = {
            "usual": dict(zip(self.words, usual, strict=True)),
            "after": after,
            "longer": longer,
        }
        path.write_text(json.dumps(found, separators=(",", ":")) + "\n")

    @staticmethod
    def load(path: Path) -> Dictionary:
        """Raises ValueError naming the file when it is not what `save` wrote."""
        try:
            found = json.loads(path.read_text())
            words = list(found["usual"])
            place = {word: index for index, word in enumerate([*words, ""])}
            table = np.tile(
                np.array([found["usual"][w] for w in words], np.float32), (len(words) + 1, 1)
            )
            for name, row in found["after"].items():
                for word, value in row.items():
                    table[place[name], place[word]] = value
            longer = {
                tuple(place[name] for name in history.split(" ")): _shares(
                    {place[word]: share for word, share in row.items()}
                )
                for history, row in found["longer"].items()
            }
        except (AttributeError, OSError, KeyError, TypeError, ValueError) as problem:
            raise ValueError(
                f"{path} is no dictionary ({problem!r}): export the model again"
            ) from None
        return Dictionary(words, table / np.float32(10), longer)


def _shares(found: Mapping[int, int]) -> tuple[Ints, Floats]:
    counts = np.array(list(found.values()), np.float32)
    return np.array(list(found), np.int32), counts / counts.sum()
