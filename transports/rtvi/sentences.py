"""Cuts an answer that comes in pieces into sentences, as a client shows them."""

from __future__ import annotations

import re

MAX_SENTENCE = 2_000
"""Characters after which a sentence is cut even without an end."""
_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+")


class Sentences:
    """Give it text as it comes; it gives back the sentences that are whole."""

    def __init__(self) -> None:
        self._rest = ""

    def take(self, text: str) -> list[str]:
        """The sentences that `text` completes. An end counts once something follows it."""
        self._rest += text
        whole: list[str] = []
        begin = 0
        for end in _END.finditer(self._rest):
            whole.append(self._rest[begin : end.end()].strip())
            begin = end.end()
        self._rest = self._rest[begin:]
        if len(self._rest) > MAX_SENTENCE:
            whole.append(self._rest.strip())
            self._rest = ""
        return [sentence for sentence in whole if sentence]

    def end(self) -> list[str]:
        """What is left when the answer is over."""
        rest, self._rest = self._rest.strip(), ""
        return [rest] if rest else []
