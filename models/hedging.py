"""When the model says "maybe": before a word that states a fact and that it does not quite believe.

Plain code over a word and its chance; knows no network.
"""

from __future__ import annotations

from .lexicon import MAYBE, Lexicon

HEDGED_BELOW = 0.5
"""Chance of a word below which it is hedged. In the evaluation of the shipped weights about 4 % of
the right answers to typed questions were given with less certainty than this, and of all answers
that were, half were wrong."""

_FACTS = """
    red orange yellow green blue purple pink brown black white gray
    circle square triangle star heart cross diamond
    zero one two three four five six seven eight nine
    left right top bottom middle
    yes no
"""
FACTS = frozenset(_FACTS.split())
"""Words that state a fact, in lower case: those that training hedges."""

_LETTERS = frozenset("ABCDEFGHJKLMNOPQRSTUVWXYZ")
"""Names of letters; "I" is mostly the speaker."""


class Hedging:
    """Decides it for one lexicon; off where that has no "maybe"."""

    def __init__(self, lexicon: Lexicon, below: float = HEDGED_BELOW) -> None:
        """`below` 0: never."""
        self.word = lexicon.encode([MAYBE])[0] if MAYBE in lexicon and below > 0.0 else None
        self._below = below
        self._facts = {
            at for at, word in enumerate(lexicon.words) if word.lower() in FACTS or word in _LETTERS
        }

    def is_due(self, word: int, chance: float, is_hedged: bool) -> bool:
        """Whether `word`, chosen with this chance, is to have a "maybe" before it. `is_hedged`:
        the answer has one already."""
        if self.word is None or is_hedged:
            return False
        return word in self._facts and chance < self._below
