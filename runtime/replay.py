"""A conversation as its log of events, and the same conversation again from that log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .effects import Effect
from .events import Event
from .session import Session


@dataclass(frozen=True, slots=True)
class Happening:
    """One call into a session: an event and the stamps it came with, or None for a deadline."""

    now: float
    event: Event | None
    stamps: Mapping[str, float] | None = None


Recorder = Callable[[Happening], None]


def apply(session: Session, happening: Happening) -> list[Effect]:
    """Do to the session what happened."""
    if happening.event is None:
        return session.on_deadline(happening.now)
    return session.handle(happening.event, happening.now, happening.stamps)


def replay(session: Session, log: Iterable[Happening]) -> list[list[Effect]]:
    """The effects of every call, in order. `session` must be made as the recorded one was."""
    return [apply(session, happening) for happening in log]
