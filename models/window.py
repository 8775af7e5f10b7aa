"""What of an endless conversation stays in the cache, and an honest account of what left it.

The newest picture is laid first, behind the notes of those before it: it is the sink that every
later position can look at (attention sinks: Xiao et al. 2023, "Efficient streaming language models
with attention sinks"). Behind it lie the newest exchanges over it. Kept positions are laid anew, so the
decoder never sees a distance that training did not show it. Plain code; knows no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from .networks import Floats

CONTEXT = 150
"""Positions after which a new utterance begins with a shortened context: training saw little more."""

KEPT = 36
"""Positions of exchanges that are kept then: the next few questions need no shortening."""

KEPT_OF_SPEECH = 55
"""Positions kept of somebody who never pauses."""

NOTES = 5
"""Notes of earlier pictures that are kept: the first one and the newest."""

SOUNDS = 5
"""Sounds that are kept, the newest."""

REMEMBERED = 70
"""Positions that notes and sounds of the past fill at most."""

LINES = 8
"""Exchanges whose words the account of what left keeps, the newest of them."""

LINE_LETTERS = 200
"""Letters of each that it keeps."""


class What(Enum):
    """What an entry of the log is."""

    PICTURE = auto()
    ASKED = auto()
    SAID = auto()
    NOTE = auto()
    SOUND = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """Consecutive positions of the cache: `x` [T, D] as they went in, and the words they are."""

    what: What
    x: Floats
    utterance: int
    text: str = ""
    is_typed: bool = False
    glanced: Floats | None = None
    """Of a picture that is half seen [1, P, V]: then `x` only says how much room it takes."""


@dataclass(frozen=True, slots=True)
class Left:
    """What left the window since the conversation began. The decoder does not read it: the shipped
    model never learned to."""

    exchanges: int = 0
    pictures: int = 0
    positions: int = 0
    lines: tuple[str, ...] = ()
    """The newest `LINES` exchanges that left, "what was asked → what was said"."""

    def and_these(self, gone: Sequence[Entry]) -> Left:
        """The account with these entries, too."""
        asked = {entry.utterance for entry in gone if entry.what is What.ASKED}
        lines = tuple(_line(gone, utterance) for utterance in sorted(asked))
        return Left(
            self.exchanges + len(asked),
            self.pictures + sum(entry.what is What.PICTURE for entry in gone),
            self.positions + length(gone),
            (*self.lines, *lines)[-LINES:],
        )


def length(entries: Iterable[Entry]) -> int:
    """Positions that these entries fill."""
    return sum(len(entry.x) for entry in entries)


def shortened(log: Sequence[Entry], is_picture_newer: bool) -> list[Entry]:
    """Entries to keep behind the newest picture: whole exchanges over it, the newest that fit into
    `KEPT` positions. `is_picture_newer`: the newest picture is not in the log yet, so none is over
    it. An exchange that began over an older picture would make no sense behind this one."""
    at = max((i for i, entry in enumerate(log) if entry.what is What.PICTURE), default=-1)
    if is_picture_newer:
        return []
    older = {entry.utterance for entry in log[: max(at, 0)] if entry.what is What.ASKED}
    kept: list[Entry] = []
    over_it = [entry for entry in log[at + 1 :] if entry.what not in (What.NOTE, What.SOUND)]
    for number in sorted({entry.utterance for entry in over_it}, reverse=True):
        exchange = [entry for entry in over_it if entry.utterance == number]
        if number in older or length(kept) + length(exchange) > KEPT:
            break
        kept = [*exchange, *kept]
    return kept


def newest_words(log: Sequence[Entry]) -> list[Entry]:
    """The newest words that fit into `KEPT_OF_SPEECH` positions, for somebody who never pauses."""
    newest: list[Entry] = []
    room = KEPT_OF_SPEECH
    for entry in reversed(log):
        room -= len(entry.x)
        if room < 0:
            break
        if entry.what in (What.ASKED, What.SAID):
            newest.insert(0, entry)
    return newest


def remembered(past: Sequence[Entry]) -> list[Entry]:
    """Of what came before the newest picture: its notes and sounds, the first note and the newest
    of all, within their bounds."""
    notes = [entry for entry in past if entry.what is What.NOTE]
    sounds = [entry for entry in past if entry.what is What.SOUND][-SOUNDS:]
    kept = [*notes[:1], *notes[1:][-(NOTES - 1) :]]
    while len(kept) > 1 and length((*kept, *sounds)) > REMEMBERED:
        del kept[1 if len(kept) > 2 else 0]
    stays = {id(entry) for entry in (*kept, *sounds)}
    return [entry for entry in past if id(entry) in stays]


def _line(entries: Sequence[Entry], utterance: int) -> str:
    def words(what: What) -> str:
        some = [e.text.strip() for e in entries if e.what is what and e.utterance == utterance]
        return " ".join(word for word in some if word)

    return f"{words(What.ASKED)} → {words(What.SAID)}"[:LINE_LETTERS]
