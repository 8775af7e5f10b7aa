"""The functions every conversation can have, and how their outputs are said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from visavis.runtime.tools import (
    BUILTIN,
    FAILED,
    MAX_NOTES,
    MAX_RECITED,
    BuiltinTools,
    Recital,
    recited,
)


def tools() -> BuiltinTools:
    return BuiltinTools(lambda: datetime(2026, 11, 24, 14, 40, tzinfo=UTC))


def test_they_are_told_by_their_names_and_docstrings() -> None:
    functions = tools().functions
    assert tuple(functions) == BUILTIN
    assert all(function.__doc__ for function in functions.values())


def test_time_and_date_are_sentences() -> None:
    assert tools().get_time() == "It is twenty to three."
    assert tools().get_date() == "It is Tuesday, the twenty-fourth of November."
    assert tools().get_date(True) == "It is Tuesday, the twenty-fourth of November 2026."


def test_what_is_remembered_is_recalled_by_its_name() -> None:
    subject = tools()
    assert subject.recall("key") == "You have not told me about your key."
    told = subject.remember(" my  key\n", "a red circle. ")
    assert told == "I will remember your key: a red circle."
    assert subject.recall("the Key") == "Your key is a red circle."
    subject.remember("key", "a blue square")
    assert subject.recall("key") == "Your key is a blue square."
    assert tools().recall("key") == "You have not told me about your key."


def test_nothing_is_not_remembered() -> None:
    subject = tools()
    assert subject.remember("my", "x") == "You have not told me what to remember."
    assert subject.remember("key", " . ") == "I see nothing to remember as your key."
    assert subject.recall("") == "You have not told me what to recall."
    assert subject.recall("key") == "You have not told me about your key."


def test_memory_is_bounded_and_the_oldest_goes() -> None:
    subject = tools()
    for index in range(MAX_NOTES + 2):
        subject.remember(f"thing {index}", "x" * 2_000)
    assert "not told me" in subject.recall("thing 0") and "not told me" in subject.recall("thing 1")
    assert len(subject.recall("thing 2")) < 600
    assert "not told me" not in subject.recall(f"thing {MAX_NOTES + 1}")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("It is  twenty\nto three.", "It is twenty to three."),
        ('"It is noon."', "It is noon."),
        ('{"error": "no luck"}', FAILED),
        ('{"time": "noon", "zone": {"x": 1}, "hour": 12}', "noon, 12"),
        ("{not json", "{not json"),
        ("[1, 2]", "[1, 2]"),
        ("", ""),
    ],
)
def test_outputs_are_said_as_they_stand(output: str, said: str) -> None:
    assert recited(output) == said
    assert isinstance(recited(output), Recital)


def test_a_long_output_is_cut_between_words() -> None:
    assert recited("word " * 1_000) == ("word " * 120).strip()
    assert len(recited("x" * 10_000)) == MAX_RECITED
