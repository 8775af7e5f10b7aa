"""Times and dates in words."""

from __future__ import annotations

from datetime import datetime

import pytest

from visavis.runtime.spoken_time import spoken_date, spoken_time


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("14:40", "twenty to three"),
        ("09:00", "nine o'clock"),
        ("00:00", "twelve o'clock"),
        ("12:30", "half past twelve"),
        ("12:31", "twenty-nine minutes to one"),
        ("23:45", "a quarter to twelve"),
        ("06:15", "a quarter past six"),
        ("06:01", "one minute past six"),
        ("06:59", "one minute to seven"),
        ("18:25", "twenty-five past six"),
        ("13:13", "thirteen minutes past one"),
    ],
)
def test_a_clock_face_is_read(at: str, said: str) -> None:
    assert spoken_time(datetime.fromisoformat(f"2026-11-24T{at}:59")) == said


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2026-11-24", "Tuesday, the twenty-fourth of November"),
        ("2027-01-01", "Friday, the first of January"),
        ("2026-12-12", "Saturday, the twelfth of December"),
        ("2026-05-20", "Wednesday, the twentieth of May"),
        ("2026-05-30", "Saturday, the thirtieth of May"),
        ("2026-05-31", "Sunday, the thirty-first of May"),
        ("2026-08-03", "Monday, the third of August"),
    ],
)
def test_a_day_has_its_ordinal(day: str, said: str) -> None:
    assert spoken_date(datetime.fromisoformat(day)) == said


def test_the_year_is_told_where_it_is_wanted() -> None:
    day = datetime.fromisoformat("2026-11-24")
    assert spoken_date(day, with_year=True) == "Tuesday, the twenty-fourth of November 2026"
