"""A conversation's event log in a file, and the proof that it is the conversation.

Beside each happening stands a checksum of the effects it had. A fresh session that is given the same
happenings must have the same effects; the first call where it has not is named. The file grows on
disk, not in memory.
"""

from __future__ import annotations

import gzip
import pickle
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..runtime.effects import Effect, Play, SendAudio
from ..runtime.events import Event, Played, VoiceActivity
from ..runtime.replay import Happening, apply
from ..runtime.session import Session


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to."""

    happenings: int
    effects: int
    first_difference: int | None
    """Number of the first happening whose effects differ, from 0; None when all are the same."""
    what: str = ""
    """The event it was."""


def checksum(effects: Sequence[Effect]) -> int:
    """Of everything the effects say, their audio sample by sample."""
    if not effects:
        return 0
    found = 1
    for effect in effects:
        found = zlib.crc32(repr(effect).encode(), found)
        if isinstance(effect, Play | SendAudio):  # repr leaves out the middle of long arrays
            found = zlib.crc32(effect.pcm.tobytes(), found)
    return found


_AT_ONCE = 1000
"""Happenings pickled together: what they share is written once."""

_Line = tuple[float, "Event | tuple[object, ...] | None", object, int, int]
"""When, what (the two most frequent events as plain tuples), stamps, how many effects, checksum."""


class EventLog:
    """Written from the first happening on; closed before it is replayed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._lines: list[_Line] = []
        self._file = gzip.GzipFile(path, "wb", compresslevel=1)

    def add(self, happening: Happening, effects: Sequence[Effect]) -> None:
        """One call into the session and what it asked for."""
        event = _plain(happening.event)
        line = (happening.now, event, happening.stamps, len(effects), checksum(effects))
        self._lines.append(line)
        self.count += 1
        if len(self._lines) >= _AT_ONCE:
            self.flush()

    def close(self) -> None:
        """Idempotent."""
        if not self._file.closed:
            self.flush()
        self._file.close()

    def flush(self) -> None:
        """Nothing of it is kept in memory."""
        lines, self._lines = self._lines, []
        pickle.dump(lines, self._file, protocol=5)


def _plain(event: Event | None) -> Event | tuple[object, ...] | None:
    match event:
        case VoiceActivity(pts=pts, probability=probability):
            return (pts, probability)
        case Played(turn=turn, samples=samples, is_done=is_done):
            return (turn, samples, is_done)
        case _:
            return event


def _event(plain: Any) -> Event | None:  # what a file holds is known at run time only
    match plain:
        case (pts, probability):
            return VoiceActivity(pts, probability)
        case (turn, samples, is_done):
            return Played(turn, samples, is_done)
        case _:
            return cast("Event | None", plain)


def replay_log(path: Path, session: Session) -> Replayed:
    """Give `session`, made as the recorded one was, everything again. Only for logs that this
    process wrote: they are pickled."""
    happenings = total = 0
    with gzip.open(path, "rb") as file:
        while file.peek(1):
            for now, plain, stamps, count, wanted in pickle.load(file):
                event = _event(plain)
                effects = apply(session, Happening(now, event, stamps))
                if len(effects) != count or checksum(effects) != wanted:
                    return Replayed(happenings, total, happenings, type(event).__name__)
                happenings += 1
                total += count
    return Replayed(happenings, total, None)
