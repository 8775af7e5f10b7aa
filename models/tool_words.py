"""An answer of the model that asks for a function, and the words of a function's output that it keeps.

An answer that begins with one of four special words is no answer to be heard: it calls the function
of that name, and the words behind it say with what. What the function returns the model can't read,
so it is said as it stands; the words that the lexicon has go into the cache like words of its own.

Plain code over words; knows no network.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from .lexicon import DATE, MAYBE, RECALL, REMEMBER, TIME, Lexicon

FUNCTIONS: Final = {TIME: "get_time", DATE: "get_date", REMEMBER: "remember", RECALL: "recall"}
"""The special words, and what they call."""

_TOKEN: Final = re.compile(r"[A-Za-z']+|[.,!?]")


class ToolWords:
    """The special words of one lexicon; weights that never learned them call nothing."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._names = {
            lexicon.encode([word])[0]: name for word, name in FUNCTIONS.items() if word in lexicon
        }

    @property
    def calls(self) -> frozenset[str]:
        """The names of the functions that can be called."""
        return frozenset(self._names.values())

    @property
    def words(self) -> tuple[int, ...]:
        """The special words: only the first word of an answer can be one."""
        return tuple(self._names)

    def is_call(self, said: Sequence[int]) -> bool:
        """These words of an answer are not to be heard."""
        return bool(said) and said[0] in self._names

    def call(self, said: Sequence[int]) -> tuple[str, str] | None:
        """The name and the JSON arguments of the function that this answer calls; None for one that
        calls none. What is missing is empty: the function knows what to say to that."""
        if not self.is_call(said):
            return None
        name = self._names[said[0]]
        words = [word for word in map(self._word, said[1:]) if word not in (MAYBE, *".,!?")]
        arguments: dict[str, str] = {}
        if name in ("remember", "recall"):
            arguments["name"] = words[0] if words else ""
        if name == "remember":
            arguments["value"] = _as_noun(words[1:])
        return name, json.dumps(arguments)

    def recitation(self, text: str, most: int) -> Recitation:
        """`text` to be said; of its words `most` at most can be kept."""
        return Recitation(deque(self._pieces(text, most)))

    def _pieces(self, text: str, most: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for index, word in enumerate(text.split()):
            known = tuple(
                at for token in _TOKEN.findall(word) if (at := self._index(token)) is not None
            )[:most]
            most -= len(known)
            yield (f" {word}" if index else word), known

    def _index(self, token: str) -> int | None:
        for spelled in (token, token.lower()):
            if spelled in self._lexicon:
                return self._lexicon.encode([spelled])[0]
        return None

    def _word(self, index: int) -> str:
        return self._lexicon.words[index]


@dataclass(slots=True)
class Recitation:
    """A text that is said word by word: each as it is said, and the indices of what of it the
    lexicon knows."""

    left: deque[tuple[str, tuple[int, ...]]]
    said: list[tuple[str, tuple[int, ...]]] = field(
        default_factory=list[tuple[str, tuple[int, ...]]]
    )

    def next(self) -> tuple[str, tuple[int, ...]] | None:
        """The next word; None behind the last."""
        if not self.left:
            return None
        self.said.append(self.left.popleft())
        return self.said[-1]

    def heard(self, text: str) -> list[int]:
        """The known ones of those words that lie in the first part `text` of what is said."""
        kept: list[int] = []
        length, wanted = 0, len(text.strip())
        for word, known in self.said:
            if length >= wanted:
                break
            length += len(word)
            kept += known
        return kept


def _as_noun(words: Sequence[str]) -> str:
    """With its article: "a red circle", "the letter A"."""
    if not words:
        return ""
    first = words[0].lower()
    if first in ("a", "an", "the") or words[-1].lower() in ("nothing", "none"):
        return " ".join(words)
    article = "the" if first in ("letter", "number") else "an" if first[0] in "aeiou" else "a"
    return " ".join((article, *words))
