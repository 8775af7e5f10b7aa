"""One training sequence, position by position: what lies where, what must be known there, and what each
question is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..lexicon import ASK, END
from ..spelling import spell, word_spans
from .heard import Heard
from .intents import Intent
from .scenes import Item

IGNORED = -100
"""The target of a position that must give no word."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question was about: its mark `ASK` at position `at`, the position that ends its answer,
    the objects it is about, and the positions of the patches with their middles."""

    at: int
    end: int
    intent: Intent
    things: tuple[Item, ...] = ()
    relevant: tuple[int, ...] = ()
    listed: tuple[tuple[int, tuple[int, ...]], ...] = ()
    """Where an answer names one thing after another: positions before its words, and the patches of
    the thing that is named next."""


@dataclass(slots=True)
class Story:
    """One training sequence, position by position, as flat lists."""

    length: int = 0
    pictures: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # start, image
    voice: list[tuple[int, Heard]] = field(default_factory=list[tuple[int, Heard]])  # one word each
    typed: list[tuple[int, list[int]]] = field(default_factory=list[tuple[int, list[int]]])
    words: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # position, word
    targets: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    asked: list[Asked] = field(default_factory=list[Asked])
    spelt: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Positions of heard and typed words, and which words they really are."""
    noted: list[range] = field(default_factory=list[range])
    """Where the note of each picture before the newest lies (empty: nowhere)."""
    is_noted: bool = False
    """Whether the newest picture has its note."""
    sounded: list[range] = field(default_factory=list[range])
    """Where each sound lies."""

    def see(self, image: int, tokens: int) -> None:
        """A picture comes in."""
        self.pictures.append((self.length, image))
        self.length += tokens

    def hear(self, words: Sequence[Heard], truth: Sequence[str] = ()) -> None:
        """Words come in by ear; `truth` is what was said, where it is known word by word."""
        self.spelt += [(self.length + i, word) for i, word in enumerate(truth)]
        for word in words:
            self.voice.append((self.length, word))
            self.length += 1

    def type(self, text: str) -> None:
        """Words come in by keyboard."""
        classes = spell(text)
        self.spelt += [(self.length + i, word) for i, word in enumerate(text.split())]
        for start, end in word_spans(classes):
            self.typed.append((self.length, classes[start:end]))
            self.length += 1

    def word(self, index: int, target: int = IGNORED) -> None:
        """A word is said (or a mark set); `target` is what must follow it."""
        self.words.append((self.length, index))
        if target != IGNORED:
            self.targets.append((self.length, target))
        self.length += 1

    def ask(
        self,
        words: int,
        intent: Intent,
        things: Sequence[Item] = (),
        relevant: Sequence[int] = (),
        listed: Sequence[tuple[int, tuple[int, ...]]] = (),
    ) -> None:
        """Note what the question is about whose mark comes next, with so many words of answer;
        `listed` counts from the mark."""
        at = self.length
        later = tuple((at + word, patches) for word, patches in listed)
        self.asked.append(Asked(at, at + words + 1, intent, tuple(things), tuple(relevant), later))

    def answer(self, words: Sequence[int], maybe: int | None = None) -> None:
        """The mark to answer, then the answer, each position knowing what follows; that is never
        the word `maybe`, which the engine puts in."""
        said = [ASK, *words]
        for at, index in enumerate(said):
            following = said[at + 1] if at + 1 < len(said) else END
            self.word(index, said[at + 2] if following == maybe else following)
        self.word(END)

    def note(self, mark: int, words: Sequence[int], *, is_seen: bool) -> range:
        """What is seen now, in words, for later; where it is not seen any more (`is_seen`) nothing
        tells what follows."""
        start = self.length
        for index, following in zip([mark, *words], [*words, END], strict=True):
            self.word(index, following if is_seen else IGNORED)
        self.word(END)
        return range(start, self.length)
