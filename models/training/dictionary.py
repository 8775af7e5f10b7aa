"""The words of trained phrasings and how they follow each other, for the search of transcripts."""

from __future__ import annotations

import random

from ..dictionary import Dictionary
from .intents import question_text


def dictionary(samples: int = 60_000, seed: int = 0) -> Dictionary:
    """Counted over so many questions, the same for the same arguments."""
    rng = random.Random(seed)
    return Dictionary.count([question_text(rng) for _ in range(samples)])
