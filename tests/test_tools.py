"""The functions every conversation can have."""

from __future__ import annotations

from datetime import UTC, datetime

from visavis.runtime.tools import MAX_NOTES, BuiltinTools


def tools() -> BuiltinTools:
    return BuiltinTools(lambda: datetime(2026, 11, 24, 9, 5, tzinfo=UTC))


def test_they_are_told_by_their_names_and_docstrings() -> None:
    functions = tools().functions
    assert list(functions) == ["time", "date", "remember", "recall"]
    assert all(function.__doc__ for function in functions.values())


def test_time_and_date_are_the_persons() -> None:
    assert tools().time() == "09:05"
    assert tools().date() == "Tuesday, 2026-11-24"


def test_notes_are_found_by_their_words() -> None:
    subject = tools()
    assert subject.recall() == "there is no such note"
    assert subject.remember("  the key is under\nthe mat. ") == "remembered"
    subject.remember("milk, eggs")
    assert subject.recall("Mat") == "the key is under the mat."
    assert subject.recall("eggs milk") == "milk, eggs"
    assert subject.recall() == "the key is under the mat.\nmilk, eggs"
    assert "nothing to remember" in subject.remember(" ")


def test_notes_are_bounded() -> None:
    subject = tools()
    for index in range(MAX_NOTES + 5):
        subject.remember(f"note {index} " + "x" * 2_000)
    notes = subject.recall().splitlines()
    assert len(notes) == MAX_NOTES
    assert notes[0].startswith("note 5 ")
    assert max(map(len, notes)) <= 1_000
