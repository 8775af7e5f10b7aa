"""From the synthesiser's raw buffers to pieces of a phrase that can be played as they come.

Silence before and after the voice goes, pauses between phrases follow the punctuation, and each
piece says which words begin in it. Runs in the worker and imports no more than numpy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .resample import Resampler

Pcm = npt.NDArray[np.int16]

SILENCE = 300
"""A sample below this (of 32767) is no voice."""
LEAD_S = 0.003
"""Kept before the first voiced sample: the attack of a consonant."""
RELEASE_S = 0.010
"""Kept after the last one."""
END_S = 0.030
"""Silence at the end of an answer, so that its last sound is not cut by the last packet."""
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio at the output rate, and the words that begin in it."""

    pcm: Pcm
    words: str


def as_spoken(phrase: str, is_last: bool) -> str:
    """With the punctuation that gives the right melody: an unfinished sentence stays up."""
    stripped = phrase.rstrip()
    if stripped and stripped[-1].isalnum():
        return stripped + ("." if is_last else ",")
    return stripped


def pause_after_s(phrase: str, is_last: bool) -> float:
    """Silence between this phrase and the next, in seconds."""
    if is_last:
        return END_S
    end = phrase.rstrip().rstrip("\"')]")[-1:]
    if end in (".", "!", "?", "…"):
        return 0.18
    return 0.08 if end in (",", ";", ":") else 0.0


class PhraseAudio:
    """One phrase on its way out. `push` each raw buffer, then `finish` once."""

    def __init__(self, phrase: str, is_last: bool, rate_in: int, rate_out: int) -> None:
        self._resampler = Resampler(rate_in, rate_out)
        self._rate_in = rate_in
        self._rate_out = rate_out
        self._pause = round(pause_after_s(phrase, is_last) * rate_out)
        self._words = [(found.start(), found.group()) for found in _WORD.finditer(phrase)]
        self._begun: list[str] = []  # words that begin in the next piece
        self._is_voiced = False
        self._quiet = np.zeros(0, np.float32)  # after the last voiced sample so far
        self._position = 0  # raw samples so far

    def push(self, raw: Pcm, word_starts: Iterable[tuple[int, int]]) -> Iterator[Piece]:
        """`word_starts` are (raw sample since the phrase began, character in the phrase)."""
        done = 0
        for sample, character in word_starts:
            place = min(max(sample - self._position, done), len(raw))
            yield from self._push(raw[done:place])
            done = place
            while self._words and self._words[0][0] <= character:
                self._begun.append(self._words.pop(0)[1])
        yield from self._push(raw[done:])
        self._position += len(raw)

    def finish(self) -> Piece:
        """The end of the sound and the pause after it."""
        end = np.zeros(0, np.float32)
        if self._is_voiced:
            release = self._quiet[: round(RELEASE_S * self._rate_in)]
            end = np.concatenate([self._resampler.push(release), self._resampler.flush()])
        self._begun += [word for _, word in self._words]
        pcm = np.concatenate([_to_pcm(end), np.zeros(self._pause, np.int16)])
        return Piece(pcm, self._take_words())

    def _push(self, raw: Pcm) -> Iterator[Piece]:
        samples = np.concatenate([self._quiet, raw.astype(np.float32)])
        loud = np.flatnonzero(np.abs(samples) >= SILENCE)
        if not len(loud):
            self._quiet = samples
            return
        first, end = 0, int(loud[-1]) + 1
        if not self._is_voiced:
            self._is_voiced = True
            first = max(0, int(loud[0]) - round(LEAD_S * self._rate_in))
        self._quiet = samples[end:]
        pcm = _to_pcm(self._resampler.push(samples[first:end]))
        if len(pcm):
            yield Piece(pcm, self._take_words())

    def _take_words(self) -> str:
        words, self._begun = " ".join(self._begun), []
        return words


def _to_pcm(samples: npt.NDArray[np.float32]) -> Pcm:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
