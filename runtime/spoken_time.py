"""The time of day and the date as a person says them, in words that any voice can read."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_ONES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS: Final = ("", "", "twenty", "thirty")
_ORDINALS: Final = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
# Not strftime: what it says depends on the locale of the machine.
_DAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def spoken_time(now: datetime) -> str:
    """The time on a clock face: "twenty to three", "half past nine", "three o'clock"."""
    hour = now.hour if now.minute <= 30 else now.hour + 1
    name = _ONES[(hour - 1) % 12 + 1]
    if now.minute == 0:
        return f"{name} o'clock"
    if now.minute == 30:
        return f"half past {name}"
    side, minutes = ("past", now.minute) if now.minute < 30 else ("to", 60 - now.minute)
    if minutes == 15:
        return f"a quarter {side} {name}"
    unit = "" if minutes % 5 == 0 else " minute" if minutes == 1 else " minutes"
    return f"{_number(minutes)}{unit} {side} {name}"


def spoken_date(now: datetime, *, with_year: bool = False) -> str:
    """The day: "Tuesday, the twenty-fourth of November"; with the year in digits behind it."""
    year = f" {now.year}" if with_year else ""
    return f"{_DAYS[now.weekday()]}, the {_ordinal(now.day)} of {_MONTHS[now.month - 1]}{year}"


def _number(number: int) -> str:
    """0 … 39."""
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")


def _ordinal(number: int) -> str:
    """1 … 39."""
    before, dash, last = _number(number).rpartition("-")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return before + dash + last
