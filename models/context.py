"""One conversation's context: a log of entries in the order they came, and the cache that follows it.

Whatever must be dropped (a shadow, noise, the unheard end of an answer) is a cut at an entry and,
where later entries stay, their re-entry. The cache follows the log in short pieces: positions go
through the first layers (`lay`), then through the deep ones (`fill`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .entries import Entries
from .networks import Floats
from .positions import PositionCache
from .window import (
    CONTEXT,
    Entry,
    Left,
    What,
    length,
    newest_words,
    remembered,
    shortened,
)

LAID_AT_ONCE = 36
"""Positions that the first layers take in one step: a picture's, 0.8 ms on one core."""

FILLED_AT_ONCE = 9
"""Positions that the deep layers take in one step, 0.8 ms: more would be the longest of all steps,
fewer read the deep layers' weights more often."""

PICTURES_PER_UTTERANCE = 2
"""Changed pictures taken in while a person speaks; a later one waits for the question's end."""


NOT_WORTH_IT = frozenset(("nothing", "dark"))
"""Notes that nobody asks for when their picture is gone."""


@dataclass(frozen=True, slots=True)
class OpenNote:
    """A note that is being written: entries of the log before it, and the logits [W] of its next
    word."""

    start: int
    logits: Floats


class Context:
    """The log, what waits for it, and its cache."""

    def __init__(self, cache: PositionCache, entries: Entries, most: int, reserve: int) -> None:
        """`most` positions fit, of which `reserve` are kept free for an answer."""
        self.cache, self._entries = cache, entries
        self._most, self._reserve = most, reserve
        self.log: list[Entry] = []
        self.waiting: list[Entry] = []
        """Came while an answer was under way."""
        self.held_back: Entry | None = None
        """The newest picture, where its utterance has enough of them."""
        self.is_answering = False
        """An answer is under way: what comes in waits."""
        self.pictures = 0
        """Taken in during this utterance."""
        self.left = Left()
        self.note: OpenNote | None = None
        """Being written behind the newest picture."""

    def clear(self) -> None:
        """A fresh conversation."""
        self.cache.cut(0)
        self.log, self.waiting, self.held_back = [], [], None
        self.is_answering, self.pictures, self.left = False, 0, Left()
        self.note = None

    # The log ----------------------------------------------------------------------------------

    def enter(self, entry: Entry) -> None:
        """Into the log, or among what waits."""
        if entry.what is What.PICTURE:
            self._picture(entry)
        elif self.is_answering:
            self.waiting.append(entry)
        elif entry.what is What.SOUND:
            self._sound(entry)
        else:
            self._take(entry)

    def catch_up(self) -> None:
        """No answer is under way any more: what waited goes in."""
        self.is_answering = False
        waiting, self.waiting = self.waiting, []
        for entry in waiting:
            self.enter(entry)

    def _picture(self, entry: Entry) -> None:
        """The newest picture replaces one nothing was said over, also where it comes while a person
        speaks; then only so many are taken in, and the newest of the rest waits for the question's
        end."""
        if self.is_answering:
            waiting = list(enumerate(self.waiting))
            heard = max((at for at, e in waiting if e.what is What.SOUND), default=-1)
            # A picture that a sound was heard over is not replaced.
            kept = [e for at, e in waiting if e.what is not What.PICTURE or at < heard]
            self.waiting = [*kept, entry]
            return
        self.settle_note()
        if self.log[-1].what is What.ASKED:
            if self.pictures >= PICTURES_PER_UTTERANCE:
                self.held_back = entry
                return
            self.pictures += 1
        self._see(entry)

    def see_held_back(self) -> None:
        """The question may be over: the picture that waited for that goes in."""
        if self.held_back is not None:
            self._see(self.held_back)

    def _see(self, entry: Entry) -> None:
        """A picture goes into the log before what is being said, so that a question always lies
        behind what it is asked about, in one piece."""
        self.held_back = None
        self.make_room(len(entry.x))
        said = self._being_said()
        self.cut(len(self.log) - len(said))
        at = self._newest_picture()
        if all(later.what is What.NOTE for later in self.log[at + 1 :]):
            self._leave(at)
        self.log += [entry, *said]

    def _being_said(self) -> list[Entry]:
        """The newest words, of an utterance that has no answer yet."""
        at, newest = len(self.log), self.log[-1].utterance
        while (word := self.log[at - 1]).what is What.ASKED and word.utterance == newest:
            at -= 1
        return self.log[at:]

    def _leave(self, at: int) -> None:
        """The picture at `at` goes, since nothing was said over it; its note stays, if it tells of
        something, and the newest of the notes before it."""
        notes = [note for note in self.log[at + 1 :] if note.text.strip() not in NOT_WORTH_IT]
        past = remembered([*self.log[:at], *notes]) if notes else self.log[:at]
        past = past if self._is_past(at) else [*self.log[:at], *notes]
        same = next((i for i, e in enumerate(past) if i >= at or e is not self.log[i]), len(past))
        self.cut(min(same, at))
        self.log = past

    def _is_past(self, at: int) -> bool:
        """Whether nothing but notes and sounds lies before an entry."""
        return all(entry.what in (What.NOTE, What.SOUND) for entry in self.log[:at])

    def _newest_picture(self) -> int:
        """Its index, or that of the newest mark of a camera that is off."""
        return max(i for i, entry in enumerate(self.log) if entry.what is What.PICTURE)

    def _sound(self, entry: Entry) -> None:
        """Before what is being said, whose words it does not tear apart."""
        self.settle_note()
        self.make_room(len(entry.x))
        said = self._being_said()
        self.cut(len(self.log) - len(said))
        self.log += [entry, *said]

    def _take(self, entry: Entry) -> None:
        self.settle_note()
        self.make_room(len(entry.x))
        self.log.append(entry)

    def cut(self, entries: int) -> None:
        """Keep so many entries of the log, and of a note that is being written none."""
        if self.note is not None:
            entries, self.note = min(entries, self.note.start), None
        del self.log[entries:]
        self.cache.cut(min(self.cache.used, length(self.log)))

    def forget(self, utterance: int) -> None:
        """Drop the words of an utterance; its pictures stay, the newest of them: no words lie
        between them any more."""

        def stays(entry: Entry) -> bool:
            return entry.what is not What.ASKED or entry.utterance != utterance

        self.waiting = [entry for entry in self.waiting if stays(entry)]
        if self.is_answering:
            return
        first = next((i for i, e in enumerate(self.log) if not stays(e)), len(self.log))
        later = [entry for entry in self.log[first:] if stays(entry)]
        if self.held_back is not None:
            later.append(self.held_back)
        self.cut(first)
        self.pictures = 0
        for entry in later:
            self.enter(entry)
        self.catch_up()

    def respell(
        self, utterance: int, words: Sequence[str], entry_of: Callable[[str], Entry]
    ) -> None:
        """By ear the utterance is now these words. Those that are in the log already stay, from the
        first on that is another one all go in anew, behind what was seen meanwhile."""

        def is_its(entry: Entry) -> bool:
            return entry.what is What.ASKED and entry.utterance == utterance and not entry.is_typed

        heard = [i for i, entry in enumerate(self.log) if is_its(entry)]
        same = 0
        for at, word in zip(heard, words, strict=False):
            if self.log[at].text != word:
                break
            same += 1
        if same < len(heard):
            later = [entry for entry in self.log[heard[same] :] if not is_its(entry)]
            self.cut(heard[same])
            self.log += later
        for word in words[same:]:
            self.enter(entry_of(word))

    def retell(self, ask: Entry, told: Sequence[Entry]) -> None:
        """Of the answer behind its mark `ask` the log holds just `told`; what came after it stays
        behind it."""
        at = next((i for i, entry in enumerate(self.log) if entry is ask), None)
        if at is None:
            return  # the context was shortened meanwhile
        later = [entry for entry in self.log[at + 1 :] if entry.what is not What.SAID]
        self.cut(at + 1)
        self.log += [*told, *later]

    # Notes ------------------------------------------------------------------------------------

    @property
    def wants_note(self) -> bool:
        """The newest picture lies in the cache, has no note, and nothing else goes on."""
        if self.note is not None:
            return True
        if self.is_answering or self.held_back is not None or self.owed:
            return False
        if self.log[-1].what is What.ASKED:
            return False
        at = self._newest_picture()
        is_noted = any(entry.what is What.NOTE for entry in self.log[at + 1 :])
        return len(self.log[at].x) > 1 and not is_noted

    def settle_note(self) -> None:
        """Something else comes: a note that is not whole goes."""
        if self.note is not None:
            self.cut(self.note.start)

    def note_written(self, start: int) -> None:
        """The entries from `start` on are a whole note. Where it says what the one before said, the
        same thing is still there: then that one goes."""
        words = self.log[start:]
        text = "".join(entry.text for entry in words[1:])
        x = np.concatenate([entry.x for entry in words])
        note = Entry(What.NOTE, x, words[0].utterance, text)
        self.note = None
        self.log[start:] = [note]
        older = [i for i, e in enumerate(self.log[:start]) if e.what is What.NOTE]
        if older and self.log[older[-1]].text == text:
            later = self.log[older[-1] + 1 :]
            self.cut(older[-1])
            self.log += later

    def shorten(self) -> None:
        """Begin again with the newest picture and the last exchanges over it, where it is long."""
        if length(self.log) > CONTEXT:
            self._begin_again(shortened(self.log, self.held_back is not None))

    def make_room(self, positions: int) -> None:
        """However long somebody talks, there is room for so many positions and an answer."""
        if length(self.log) + positions + self._reserve > self._most:
            self._begin_again(newest_words(self.log))

    def _begin_again(self, kept: Sequence[Entry]) -> None:
        picture = self.held_back or next(
            entry for entry in reversed(self.log) if entry.what is What.PICTURE
        )
        at = next((i for i, e in enumerate(self.log) if e is picture), len(self.log))
        past = remembered(self.log[:at])
        own = [e for e in self.log[at + 1 :] if e.what in (What.NOTE, What.SOUND)]
        kept = [*own, *kept]
        stays = {id(picture), *map(id, past), *map(id, kept)}
        self.left = self.left.and_these([entry for entry in self.log if id(entry) not in stays])
        self.cut(0)
        self.held_back = None
        self.log = [*past, picture, *kept]

    # The cache --------------------------------------------------------------------------------

    @property
    def owed(self) -> int:
        """Positions of the log that no layer has yet; of an answer none, it goes in with itself."""
        return 0 if self.is_answering else length(self.log) - self.cache.used

    @property
    def unfilled(self) -> int:
        """Positions that the first layers have and the deep ones have not; of an answer none."""
        return 0 if self.is_answering else self.cache.unfilled

    def lay(self) -> None:
        """A step of what is owed: a picture is recognised, or `LAID_AT_ONCE` positions laid."""
        first = self._first_owed()
        if first < len(self.log) and self.log[first].glanced is not None:
            self.log[first] = self._entries.recognised(self.log[first])
        elif self.owed:
            self._lay(LAID_AT_ONCE)

    def fill(self) -> None:
        """`FILLED_AT_ONCE` positions more for the deep layers."""
        if self.unfilled:
            self.cache.fill(FILLED_AT_ONCE)

    def lay_all(self) -> Floats:
        """All that is owed, in one pass of the first layers; their word logits behind the last
        position [W]. Something must be owed."""
        for at in range(self._first_owed(), len(self.log)):
            self.log[at] = self._entries.recognised(self.log[at])
        last: Floats = self._lay(None)[-1]
        return last

    def fill_all(self) -> Floats:
        """All that is unfilled; the full depth's word logits behind the last position [W]."""
        last: Floats = self.cache.fill()[-1]
        return last

    def _first_owed(self) -> int:
        """Index of the first entry that is not wholly laid."""
        at = 0
        for index, entry in enumerate(self.log):
            at += len(entry.x)
            if at > self.cache.used:
                return index
        return len(self.log)

    def _lay(self, most: int | None) -> Floats:
        """Word logits of the first exit behind each position laid [T, W]. A picture that was only
        glanced at ends the piece."""
        skip, owed = self.cache.used, list[Floats]()
        for entry in self.log:
            if skip < len(entry.x):
                if entry.glanced is not None:
                    break
                owed.append(entry.x[skip:])
            skip = max(0, skip - len(entry.x))
        return self.cache.take(np.concatenate(owed)[:most])
