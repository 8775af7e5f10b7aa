"""Answers decoded word by word: exactly what the full depth would say, drafted early where it pays.

Words are drafted at the first exit and verified by the deep layers over the same cache in one pass
(self-speculative decoding, Elhoushi et al. 2024).

Axes: W words of the lexicon, T positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .context import Context
from .entries import Entries
from .hedging import Hedging
from .lexicon import END, MARKS, NOTE, SILENT, WAIT, Lexicon
from .networks import Floats
from .tool_words import Recitation, ToolWords
from .window import Entry, What

DRAFT = 4
"""Words drafted at the first exit before the deep layers verify them together."""

ANSWER_WORDS = 60
"""Words after which an answer ends, whatever the model would say next."""

RESERVE = ANSWER_WORDS + DRAFT + 2
"""Positions kept free for an answer with its mark and its drafts."""


@dataclass(slots=True)
class Answer:
    """A shadow or turn."""

    log: int
    """Entries of the log before it."""
    utterance: int
    ask: Entry
    """The mark behind which its words follow."""
    said: list[int] = field(default_factory=list[int])
    first: Floats | None = None
    """The full depth's logits [W] of the first word; None while the deep layers are owed it."""
    early_wait: float = 0.0
    """The chance, read at the first exit, that the person is not finished."""
    drafted_words: list[int] = field(default_factory=list[int])
    """The last said word and those drafted behind it, in the first layers only."""
    verified: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    """Words to be said next, and their chances."""
    is_over: bool = False
    is_committed: bool = False
    is_hedged: bool = False
    recital: Recitation | None = None
    """It says this, and the model decides nothing."""
    cached: int = 0
    """Positions that lay in the cache when it began."""
    added: int = 0
    """Positions that went in with its first pass."""
    drafted: int = 0
    accepted: int = 0
    passes: int = 0
    """Of the layers above the first exit."""
    certainty: float = 1.0
    """The product of its words' chances."""

    def counts(self) -> dict[str, int]:
        """As `Counts` tells them."""
        return {
            "cached_positions": self.cached,
            "added_positions": self.added,
            "words": len(self.said),
            "drafted_words": self.drafted,
            "accepted_words": self.accepted,
            "deep_passes": self.passes,
            "hedges": int(self.is_hedged),
        }


@dataclass(frozen=True, slots=True)
class Heads:
    """The chances that a person is not finished, that there is nothing to answer, and of an
    answer."""

    wait: float
    silent: float

    @property
    def answer(self) -> float:
        return 1.0 - self.wait - self.silent

    @staticmethod
    def of(logits: Floats) -> Heads:
        """Read behind the mark that asks for an answer [W]."""
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        return Heads(float(chances[WAIT]), float(chances[SILENT]))


class Decoder:
    """Chooses the words of answers, for every conversation of a model."""

    def __init__(self, entries: Entries, lexicon: Lexicon, hedging: Hedging) -> None:
        self._entries, self._hedging = entries, hedging
        self._only_words: Floats = np.zeros(len(lexicon), np.float32)
        self._only_words[: len(MARKS)] = -np.inf
        if NOTE in lexicon:
            self._only_words[lexicon.encode([NOTE])] = -np.inf
        self._words_or_end: Floats = self._only_words.copy()
        self._words_or_end[END] = 0.0
        self._words_or_end[list(ToolWords(lexicon).words)] = -np.inf  # these come first or never
        self.drafted = self.accepted = 0

    def next(self, context: Context, answer: Answer) -> int:
        """The next word; END when it is over. It is not among those `said` yet."""
        if not answer.said:
            if answer.first is None:
                answer.first = context.fill_all()
                answer.passes += 1
            word, chance = self._choose(answer.first + self._only_words, answer.is_hedged)
        else:
            if not answer.verified:
                self.draft(context, answer)
                self._verify(context, answer)
            word, chance = answer.verified.pop(0)
        answer.certainty *= chance
        answer.is_hedged = answer.is_hedged or word == self._hedging.word
        return word

    def _choose(self, logits: Floats, is_hedged: bool) -> tuple[int, float]:
        """The likeliest word [W] and its chance among those that may come; or a "maybe" before it,
        which is nothing the model chose: what it doubts is the word that follows."""
        word = int(logits.argmax())
        chance = 1.0 / float(np.exp(logits - logits[word]).sum())
        if self._hedging.is_due(word, chance, is_hedged):
            assert self._hedging.word is not None
            return self._hedging.word, 1.0
        return word, chance

    @staticmethod
    def wants_draft(answer: Answer) -> bool:
        """The next word is to be drafted first."""
        is_known = not answer.said or answer.verified or answer.drafted_words
        return not (answer.is_over or answer.recital is not None or is_known)

    def draft(self, context: Context, answer: Answer) -> None:
        """Words behind the last said one go into the first layers, as the first exit reads them."""
        if not self.wants_draft(answer):
            return
        words = answer.drafted_words = [answer.said[-1]]
        for _ in range(DRAFT):
            early = context.cache.take(self._entries.words[words[-1] : words[-1] + 1])[-1]
            words.append(int((early + self._words_or_end).argmax()))
            if words[-1] == END:
                break

    def _verify(self, context: Context, answer: Answer) -> None:
        """Afterwards the cache holds all said words whose successors are known, and `verified` those
        successors: exactly what the full depth alone would have chosen, hedges included."""
        cache, words = context.cache, answer.drafted_words
        start = cache.used - len(words) + 1
        rows = cache.fill()[start - cache.used :]
        is_hedged = answer.is_hedged
        chosen: list[tuple[int, float]] = []
        for row, guess in zip(rows, words[1:], strict=True):
            chosen.append(self._choose(row + self._words_or_end, is_hedged))
            is_hedged = is_hedged or chosen[-1][0] == self._hedging.word
            if chosen[-1][0] != guess:
                break
        agreed = len(chosen)
        cache.cut(start + agreed)
        self.drafted += len(rows)
        self.accepted += agreed
        answer.drafted += len(rows)
        answer.accepted += agreed
        answer.passes += 1
        context.log += self._said(words[:agreed], answer)
        answer.verified, answer.drafted_words = chosen, []

    def _said(self, words: Sequence[int], answer: Answer) -> list[Entry]:
        return [self._entries.mark(word, What.SAID, answer.utterance) for word in words]

    def told(self, words: Sequence[int], answer: Answer) -> list[Entry]:
        """An answer of these words and its end, as entries."""
        return self._said([*words, END], answer)
