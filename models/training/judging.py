"""Judges answers by the facts of an exchange."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import Final

from ..lexicon import MAYBE
from .replies import Exchange
from .scenes import COLORS, LETTERS, PLACES, SHAPES
from .wording import DIGITS, NUMBERS, SINGULAR, tokenize

_NEGATIONS: Final = frozenset(("no", "not", "none", "nothing", "don't", "zero"))
_COUNTS: Final = {**{word: n for n, word in enumerate(DIGITS)}, "a": 1, "an": 1, "another": 1}
_PAIR: Final = re.compile(
    r"\b(a|an|another|" + "|".join(DIGITS) + r")?\s*\b(" + "|".join(COLORS) + r")\s+("
    + "|".join((*SINGULAR, *SHAPES)) + r")\b"
)  # fmt: skip


_IN_THESE_WORDS: Final = frozenset(("same", "light", "repeat", "tool", "beyond"))
"""Families whose right answer can only be put one way."""


def is_right(exchange: Exchange, answer: str) -> bool:
    """Whether an answer states the exchange's key fact and contradicts none of its kind."""
    key, family = exchange.key, exchange.rule or exchange.family
    answer = " ".join(answer.replace(f" {MAYBE} ", " ").split())
    words = _words(answer)
    if family in _IN_THESE_WORDS:
        return words == _words(exchange.answer)
    if family == "chatter":
        return not words
    if not words:
        return False
    if key == "can't":
        return "can't" in words or "cannot" in words or "dark" in words
    if "can't" in words or "cannot" in words:
        return False
    if key == "nothing" or key.startswith("no "):
        return bool(_NEGATIONS & set(words))
    if key in ("yes", "no"):
        return words[0] == key
    if family in ("greeting", "ability", "thanks", "goodbye"):
        return key in words
    if family in ("count", "sum"):
        said = {word for word in words if word in NUMBERS or word in _NEGATIONS}
        return said == {key} or (key == "none" and bool(said) and said <= _NEGATIONS)
    if family == "read" or (family == "describe" and " " not in key):
        return _read_key(answer, exchange) is not None
    if _NEGATIONS & set(words):
        return False
    if family in ("describe", "relation", "size") or (family == "place" and " " in key):
        want = Counter(key.split(", "))
        return want == _named(answer)
    kinds = next(k for k in (COLORS, SHAPES, PLACES) if key.split()[0] in k)
    return {SINGULAR.get(w, w) for w in words} & set(kinds) == set(key.split())


def named_fact(exchange: Exchange, answer: str) -> str:
    """The fact an answer states where the exchange has a single one: a colour, a shape, a number, a
    symbol, a place, yes or no; "" where it states none, or several."""
    words = _words(answer)
    if exchange.family == "read":
        said = _symbols(answer)
    elif exchange.key in ("yes", "no"):
        said = words[:1]
    else:
        kinds = {"colour": COLORS, "shape": SHAPES, "place": PLACES, "count": (*DIGITS, "none")}
        names = kinds.get(exchange.family, ())
        said = [SINGULAR.get(w, w) for w in words if SINGULAR.get(w, w) in names]
    return said[0] if len(set(said)) == 1 else ""


def _symbols(answer: str) -> list[str]:
    """Digits (as words) and letters an answer names."""
    tokens = tokenize(answer)
    said = [t for t in tokens if t in DIGITS]
    # "I" and "A" also begin sentences: a letter counts when it is named as one or stands last.
    for before, token in itertools.pairwise(tokens):
        if len(token) == 1 and token in LETTERS and before in ("letter", "is", "an", "a"):
            said.append(token)
    if len(tokens) == 1 and tokens[0] in LETTERS:
        said.append(tokens[0])
    return said


def _read_key(answer: str, exchange: Exchange) -> str | None:
    said = _symbols(answer)
    accepted = {exchange.key} | _TWINS.get(exchange.key, set())
    return exchange.key if said and set(said) <= accepted else None


_TWINS: Final[dict[str, set[str]]] = {
    "zero": {"O"}, "O": {"zero"}, "one": {"I"}, "I": {"one"},
}  # fmt: skip


def _named(answer: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for count, color, shape in _PAIR.findall(answer.lower()):
        found[f"{color} {SINGULAR.get(shape, shape)}"] += _COUNTS.get(count, 1)
    return found


def _words(answer: str) -> list[str]:
    return re.findall(r"<[a-z]+>|[a-z']+", answer.lower().replace("’", "'"))
