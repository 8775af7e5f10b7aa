"""Functions of this process that a model may call, and the few that every conversation can have.

Who runs them (threads, limits, arguments checked against their schemas) stands above this layer:
here is what a session needs of it. A function runs only for a committed turn, its call and its
output become items of the conversation, and then the model goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Protocol, cast

from .spoken_time import spoken_date, spoken_time

MAX_NOTES = 64
"""Things that one conversation remembers; the oldest go."""
MAX_NAME = 80
"""Characters of the name of a thing."""
MAX_NOTE = 500
"""Characters of what is remembered of it."""
MAX_RECITED = 600
"""Characters of an output that are said as they are."""
FAILED = "Sorry, that did not work."
"""Said for the output of a function that failed."""
NOT_HERE = "I can't do that here."
"""Said by a model that can't be told which functions there are, for one it may not call."""

BUILTIN: Final = ("get_time", "get_date", "remember", "recall")
"""The names of the functions that every conversation can have."""


class ToolRunner(Protocol):
    """A registry of functions by name."""

    def __contains__(self, name: str) -> bool:
        """There is such a function."""
        ...

    async def run(self, name: str, arguments: str) -> str:
        """Call it with JSON `arguments`; the result as a text for the model, also when it failed.
        Bounded in time; never raises but when cancelled."""
        ...


class Recital(str):
    """A text that an answer is to say as it stands, where a typed question could be: the output of
    a function, for a model that calls functions but can't read what they return."""

    __slots__ = ()


class BuiltinTools:
    """The functions of one conversation; what it was told to remember ends with it.

    Their docstrings and types are what a language model is told, so they read like that. Each
    returns a whole sentence, which a model that can't read it says as it is.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now` is the wall clock with the zone of the person."""
        self._now = now
        self._notes: dict[str, tuple[str, str]] = {}  # name and value by what they are found with

    @property
    def functions(self) -> Mapping[str, Callable[..., str]]:
        """By the name they are called with."""
        return {name: getattr(self, name) for name in BUILTIN}

    def get_time(self) -> str:
        """The time of day now."""
        return f"It is {spoken_time(self._now())}."

    def get_date(self, with_year: bool = False) -> str:
        """Today's day of the week, day and month; with_year adds the year."""
        return f"It is {spoken_date(self._now(), with_year=with_year)}."

    def remember(self, name: str, value: str) -> str:
        """Remember something for the rest of this conversation: name is what it is called ("key"),
        value what is to be known of it ("a red circle"). It replaces what was remembered before."""
        name, value = _thing(name), _line(value, MAX_NOTE)
        if not name:
            return "You have not told me what to remember."
        if not value:
            return f"I see nothing to remember as your {name}."
        self._notes.pop(name.casefold(), None)
        self._notes[name.casefold()] = (name, value)
        while len(self._notes) > MAX_NOTES:
            del self._notes[next(iter(self._notes))]
        return f"I will remember your {name}: {value}."

    def recall(self, name: str) -> str:
        """What was remembered in this conversation under this name."""
        name = _thing(name)
        if not name:
            return "You have not told me what to recall."
        kept = self._notes.get(name.casefold())
        if kept is None:
            return f"You have not told me about your {name}."
        return f"Your {kept[0]} is {kept[1]}."


def recited(output: str) -> Recital:
    """What is said for the output of a function: its text as it stands, at most `MAX_RECITED`
    characters of whole words. A JSON text is said without its quotes; a failure is told in words;
    of any other object the values are said."""
    text = " ".join(_plain(output).split())
    if len(text) > MAX_RECITED:
        text = text[: MAX_RECITED + 1].rpartition(" ")[0] or text[:MAX_RECITED]
    return Recital(text)


def _plain(output: str) -> str:
    if not output.lstrip().startswith(("{", '"', "[")):
        return output
    try:
        value: object = json.loads(output)
    except (ValueError, RecursionError):
        return output
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        told = cast(Mapping[str, object], value)
        if set(told) == {"error"}:
            return FAILED
        return ", ".join(str(one) for one in told.values() if isinstance(one, str | int | float))
    return output


def _thing(name: str) -> str:
    """What a thing is called, without whose it is."""
    words = _line(name, MAX_NAME).split()
    while words and words[0].casefold() in ("my", "your", "the"):
        del words[0]
    return " ".join(words)


def _line(text: str, most: int) -> str:
    return " ".join(text.split())[:most].strip(" .")
