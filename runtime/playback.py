"""The one record of what was queued, sent and heard of each answer.

Truncation, the echo gate and the context all read it. Samples are at `SPEAKING_RATE`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .frames import SPEAKING_RATE

_WORD = re.compile(r"\s*\S+")
KEPT_TURNS = 8
"""Turns remembered after their end, for a client that truncates late."""


@dataclass(slots=True)
class _Piece:
    """Audio of some words: `samples` grow while more audio of the same words is queued."""

    words: tuple[str, ...]
    samples: int


@dataclass(slots=True)
class _Record:
    answer: str = ""
    pieces: list[_Piece] = field(default_factory=list[_Piece])
    queued: int = 0
    played: int = 0
    arrived: int = 0


class PlaybackLedger:
    """What each turn said. Turn numbers rise; only the newest few are kept."""

    def __init__(self, client_delay_ms: int = 0) -> None:
        self.client_delay = client_delay_ms * SPEAKING_RATE // 1000
        """Samples that were sent but are still on their way to the ear."""
        self._turns: dict[int, _Record] = {}

    def say(self, turn: int, text: str) -> None:
        """More text of the turn's answer, exactly as shown."""
        self._record(turn).answer += text

    def queue(self, turn: int, samples: int, text: str) -> None:
        """Audio was queued; `text` are the words it begins to say, empty for more of the same."""
        record = self._record(turn)
        record.queued += samples
        words = tuple(text.split())
        if words or not record.pieces:
            record.pieces.append(_Piece(words, samples))
        else:
            record.pieces[-1].samples += samples

    def played(self, turn: int, samples: int) -> None:
        """So many samples of the turn have been sent in all. Never goes back, never past the end."""
        record = self._record(turn)
        record.played = min(max(record.played, samples), record.queued)

    def arrived(self, turn: int) -> None:
        """Nothing was sent since longer than the client's delay: all that was sent has been heard."""
        record = self._record(turn)
        record.arrived = record.played

    def has(self, turn: int) -> bool:
        """It is still remembered."""
        return turn in self._turns

    def answer(self, turn: int) -> str:
        """The turn's whole text so far."""
        return self._turns[turn].answer if turn in self._turns else ""

    def queued_samples(self, turn: int) -> int:
        return self._turns[turn].queued if turn in self._turns else 0

    def played_samples(self, turn: int) -> int:
        return self._turns[turn].played if turn in self._turns else 0

    def heard_samples(self, turn: int) -> int:
        """Samples that have reached the ear: what was sent less what is still on its way."""
        arrived = self._turns[turn].arrived if turn in self._turns else 0
        return max(arrived, self.played_samples(turn) - self.client_delay)

    def heard_ms(self, turn: int) -> int:
        """The same in milliseconds."""
        return self.heard_samples(turn) * 1000 // SPEAKING_RATE

    def heard(self, turn: int) -> str:
        """The text that was heard: a prefix of the answer that ends with a whole word.

        Inside a piece, words take time in proportion to their letters.
        """
        return self.said_by(turn, self.heard_samples(turn))

    def said_by(self, turn: int, samples: int) -> str:
        """The text that so many samples of the turn's audio say, cut as `heard` is."""
        record = self._turns.get(turn)
        if record is None:
            return ""
        if record.queued and samples >= record.queued:
            return record.answer
        left = samples
        count = 0
        for piece in record.pieces:
            if left < piece.samples:
                count += _words_within(piece.words, left / piece.samples)
                break
            count += len(piece.words)
            left -= piece.samples
        return _first_words(record.answer, count)

    def _record(self, turn: int) -> _Record:
        if turn not in self._turns:
            self._turns[turn] = _Record()
            while len(self._turns) > KEPT_TURNS:
                del self._turns[min(self._turns)]
        return self._turns[turn]


def _words_within(words: tuple[str, ...], share: float) -> int:
    """How many whole words fit into this share of the time they take together."""
    total = sum(len(word) + 1 for word in words)
    end = count = 0
    for word in words:
        end += len(word) + 1
        if end > share * total:
            break
        count += 1
    return count


def _first_words(text: str, count: int) -> str:
    end = 0
    for index, found in enumerate(_WORD.finditer(text)):
        if index >= count:
            break
        end = found.end()
    return text[:end]
