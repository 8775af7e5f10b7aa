"""LocalAgreement-2: what two successive passes say alike is settled. Plain code, one utterance.

After D. Macháček, R. Dabre, O. Bojar, "Turning Whisper into Real-Time Transcription System",
IJCNLP-AACL 2023 (arXiv:2307.14743), after Liu et al. 2020: a model that was made for whole
recordings looks at a growing window again and again; the longest common prefix of its last two
answers is taken for final, the rest stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...runtime.frames import HEARING_RATE

TOLERANCE = HEARING_RATE // 10
"""Word times waver by about so many samples from one pass to the next."""
OVERLAP_WORDS = 5
"""A pass may repeat so many settled words at its beginning."""
NEAR = HEARING_RATE
"""Such a repetition is looked for only this close to the end of what is settled."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of one pass, in samples of the conversation. `text` has its leading space, if its
    language writes one."""

    text: str
    start_pts: int
    end_pts: int
    probability: float


class LocalAgreement:
    """Takes the words of one pass after the other."""

    def __init__(self) -> None:
        self.settled: list[Word] = []
        """Grows at its end only."""
        self.tentative: list[Word] = []
        """What the newest pass says after it."""

    def update(self, words: Sequence[Word]) -> list[Word]:
        """A pass over the window; returns the words that settle with it."""
        fresh = self._unsettled(words)
        agreed = 0
        for old, new in zip(self.tentative, fresh, strict=False):
            if old.text != new.text:
                break
            agreed += 1
        self.settled += fresh[:agreed]
        self.tentative = fresh[agreed:]
        return fresh[:agreed]

    def settle(self, words: Sequence[Word] | None = None) -> list[Word]:
        """The window is closed: everything of its last pass settles (None: what is tentative)."""
        fresh = self.tentative if words is None else self._unsettled(words)
        self.settled += fresh
        self.tentative = []
        return fresh

    def _unsettled(self, words: Sequence[Word]) -> list[Word]:
        """`words` without those that are settled already."""
        if not self.settled:
            return list(words)
        end = self.settled[-1].end_pts
        fresh = [word for word in words if word.start_pts > end - TOLERANCE]
        if fresh and fresh[0].start_pts < end + NEAR:
            for count in range(min(OVERLAP_WORDS, len(self.settled), len(fresh)), 0, -1):
                tail = [word.text for word in self.settled[-count:]]
                if tail == [word.text for word in fresh[:count]]:
                    # "very very good": said twice if the second lies clearly behind the first.
                    if fresh[0].start_pts >= end:
                        continue
                    return fresh[count:]
        return fresh
