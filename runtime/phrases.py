"""Cuts an answer into phrases that can be voiced before the last word is decided."""

from __future__ import annotations

import re

_BREAK = re.compile(r"[.!?;:,…]+[\"')\]]*(?=\s)")
_WORD = re.compile(r"\S+")
MIN_CLAUSE_WORDS = 2
"""A clause shorter than this is not worth a breath of its own ("Yes, …")."""


class PhraseSplitter:
    """Feed text as it comes; phrases come out in order and add up to the whole text.

    A phrase is released only when text after it is known (or the answer is over), so the phrase
    that ends the answer is never empty. The first one is cut short: it is what is waited for.
    """

    def __init__(self, first_words: int, words: int) -> None:
        self.first_words = first_words
        self.words = words
        self._rest = ""
        self._count = 0
        self._is_over = False

    def push(self, text: str, is_last: bool) -> list[tuple[str, bool]]:
        """More of the answer; returns (phrase, is the last) pairs. Phrases are stripped."""
        if self._is_over:
            return []
        self._rest += text
        phrases: list[tuple[str, bool]] = []
        while (cut := self._cut()) is not None:
            phrase, self._rest = self._rest[:cut].strip(), self._rest[cut:]
            self._count += 1
            phrases.append((phrase, False))
        if is_last:
            self._is_over = True
            if phrase := self._rest.strip():
                phrases.append((phrase, True))
            self._rest = ""
        return phrases

    def _cut(self) -> int | None:
        """Where the next phrase ends, or None when more text is needed first."""
        words = list(_WORD.finditer(self._rest))
        limit = self.first_words if self._count == 0 else self.words
        for found in _BREAK.finditer(self._rest):
            before = sum(word.end() <= found.end() for word in words)
            if before > limit:
                break
            is_sentence = found.group()[0] in ".!?"
            if len(words) > before and (is_sentence or before >= MIN_CLAUSE_WORDS):
                return found.end()
        # One word more than the limit must be finished: it may be the one with the full stop.
        if len(words) > limit + 1:
            return words[limit - 1].end()
        return None
