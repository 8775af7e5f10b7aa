"""Typed text in the form the model was taught: as it would be spoken. Plain data and rules."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_DIGITS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
)  # fmt: skip
_TEENS: Final = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# One spelling per sound, so that a transcript has one right form.
_SPELLING: Final = {
    "color": "colour", "colors": "colours", "grey": "gray", "center": "centre", "ok": "okay",
    "mom": "mum", "hallo": "hello", "neighbor": "neighbour", "tires": "tyres",
}  # fmt: skip


def _spoken_number(digits: str) -> str:
    if len(digits) == 1:
        return _DIGITS[int(digits)]
    if len(digits) == 2 and digits[0] != "0":
        tens, ones = int(digits[0]), int(digits[1])
        if tens == 1:
            return _TEENS[ones]
        return _TENS[tens - 2] + (f" {_DIGITS[ones]}" if ones else "")
    return " ".join(_DIGITS[int(digit)] for digit in digits)


def normalize(text: str) -> str:
    """Typed text in the spoken form the model knows: a–z, apostrophe and single spaces.

    Numbers become words (longer than two digits: digit by digit), accents and punctuation go,
    and American spellings become the one spelling used in transcripts ("color" → "colour").
    """
    plain = unicodedata.normalize("NFKD", text).replace("’", "'").replace("‘", "'").lower()
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = re.sub(r"[0-9]+", lambda match: f" {_spoken_number(match.group())} ", plain)
    words = (word.strip("'") for word in re.sub(r"[^a-z']+", " ", plain).split())
    return " ".join(_SPELLING.get(word, word) for word in words if word)
