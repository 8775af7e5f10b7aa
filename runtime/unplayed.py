"""Audio of an answer that was queued and not played yet, so that it can be played on after a stop.

Plain code over pieces of PCM at SPEAKING_RATE; copies nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from .events import VoiceReady
from .frames import SPEAKING_RATE

MAX_S = 300
"""Audio kept at most: as much as a line to a peer takes."""


@dataclass(slots=True)
class Unplayed:
    """The pieces of one answer from somewhere in its middle to its end so far."""

    start: int = 0
    """Samples of the answer before the first piece."""
    end: int = 0
    """Samples of the answer in all."""
    is_whole: bool = True
    """False once more than `MAX_S` seconds waited: then the answer can't be played on."""
    _pieces: deque[VoiceReady] = field(default_factory=deque[VoiceReady])

    def add(self, piece: VoiceReady) -> None:
        """More of the answer, in order."""
        self._pieces.append(piece)
        self.end += len(piece.pcm)
        if self.end - self.start > MAX_S * SPEAKING_RATE:
            self.is_whole = False
            self._pieces.clear()
            self.start = self.end

    def played(self, samples: int) -> None:
        """So many samples of the answer were sent in all: pieces before are needed no more."""
        while self._pieces and self.start + len(self._pieces[0].pcm) <= samples:
            self.start += len(self._pieces.popleft().pcm)

    def after(self, samples: int) -> list[VoiceReady]:
        """What follows the first `samples` of the answer, each sample once; pieces that have begun
        lose their words, for those were told of. Raises `ValueError` for what is kept no more."""
        if samples < self.start:
            raise ValueError(f"samples from {samples} on are wanted and kept from {self.start} on")
        rest: list[VoiceReady] = []
        at = self.start
        for piece in self._pieces:
            begun = max(0, samples - at)
            at += len(piece.pcm)
            if begun == 0:
                rest.append(piece)
            elif at > samples:
                rest.append(replace(piece, pcm=piece.pcm[begun:], text=""))
        return rest
