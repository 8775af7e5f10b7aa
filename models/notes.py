"""Notes: while nobody speaks, the model puts the newest picture into a few words of its own, which
stay in the context when the picture is gone. They are its memory of what it was shown.

A note is decoded at full depth, a word a step, right behind the picture; whatever else comes in
first breaks it off. Plain code over a conversation's context.
"""

from __future__ import annotations

import numpy as np

from .context import Context, OpenNote
from .entries import Entries
from .lexicon import END, MARKS, MAYBE, NOTE, Lexicon
from .networks import Floats
from .window import What

MOST_WORDS = 20
"""Words of a note: five things, each with its colour and place, and some beyond."""


class NoteTaker:
    """Writes notes, for every conversation of a model; takes none where the lexicon has no mark for
    them."""

    def __init__(self, entries: Entries, lexicon: Lexicon) -> None:
        self._entries = entries
        self._mark = lexicon.encode([NOTE])[0] if NOTE in lexicon else None
        self._words_or_end: Floats = np.zeros(len(lexicon), np.float32)
        self._words_or_end[: len(MARKS)] = -np.inf
        self._words_or_end[END] = 0.0
        unfit = [word for word in (NOTE, MAYBE) if word in lexicon]
        self._words_or_end[lexicon.encode(unfit)] = -np.inf

    def is_due(self, context: Context) -> bool:
        """The newest picture lies in the cache without a note, and nothing else goes on."""
        return self._mark is not None and context.wants_note

    def write(self, context: Context) -> None:
        """The next word of the note, or its end."""
        if self._mark is None:
            return
        note = context.note
        if note is None:
            word = self._mark
        else:
            word = int((note.logits + self._words_or_end).argmax())
            if len(context.log) - note.start > MOST_WORDS:
                word = END
        start = len(context.log) if note is None else note.start
        utterance = context.log[-1].utterance
        entry = self._entries.mark(word, What.NOTE, utterance)
        context.log.append(entry)
        context.cache.take(entry.x)
        logits = context.fill_all()
        if word == END:
            context.note_written(start)
        else:
            context.note = OpenNote(start, logits)
