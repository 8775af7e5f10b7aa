"""Functions of this process that a model may call, and the few that every conversation can have.

Who runs them (threads, limits, arguments checked against their schemas) stands above this layer:
here is what a session needs of it. A function runs only for a committed turn, its call and its
output become items of the conversation, and then the model goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

MAX_NOTES = 64
"""Notes of one conversation; the oldest go."""
MAX_NOTE = 1_000
"""Characters of one note."""


class ToolRunner(Protocol):
    """A registry of functions by name."""

    def __contains__(self, name: str) -> bool:
        """There is such a function."""
        ...

    async def run(self, name: str, arguments: str) -> str:
        """Call it with JSON `arguments`; the result as a text for the model, also when it failed.
        Bounded in time; never raises but when cancelled."""
        ...


class BuiltinTools:
    """The functions `time`, `date`, `remember` and `recall` of one conversation.

    Their docstrings and types are what a model is told, so they read like that.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now` is the wall clock with the zone of the person."""
        self._now = now
        self._notes: list[str] = []

    @property
    def functions(self) -> dict[str, Callable[..., str]]:
        """By the name they are called with."""
        return {
            "time": self.time,
            "date": self.date,
            "remember": self.remember,
            "recall": self.recall,
        }

    def time(self) -> str:
        """The time of day now."""
        return self._now().strftime("%H:%M")

    def date(self) -> str:
        """Today's date and day of the week."""
        return self._now().strftime("%A, %Y-%m-%d")

    def remember(self, note: str) -> str:
        """Keep a note for later in this conversation."""
        kept = " ".join(note.split())[:MAX_NOTE]
        if not kept:
            return "there is nothing to remember: give the note some words"
        self._notes.append(kept)
        del self._notes[:-MAX_NOTES]
        return "remembered"

    def recall(self, about: str = "") -> str:
        """The notes of this conversation, or only those with a word of `about` in them."""
        wanted = {word.casefold() for word in about.split()}
        found = [
            note
            for note in self._notes
            if not wanted or wanted & {word.casefold().strip(".,;:!?") for word in note.split()}
        ]
        return "\n".join(found) if found else "there is no such note"
