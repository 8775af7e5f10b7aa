"""One conversation as the engine's thread sees it, and the jobs it has for the scheduler.

Plain data and plain functions: what a place needs next depends on what waits in it, on the time and
on how far the overload ladder is climbed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..runtime.events import PictureSeen, TranscriptChanged
from ..runtime.frames import WINDOW, VideoFrame
from ..runtime.protocols import Slot
from .hearing import HearingGate
from .orders import Start
from .overload import PICTURE_S, Rung
from .scheduler import (
    AUDIO_S,
    FIRST_S,
    JUDGE_S,
    SHADOW_TOKENS,
    VIDEO_S,
    Job,
    Kind,
    ahead_s,
    token_deadline,
)
from .windows import Window, WindowCutter

HOLD_S = 0.15
"""Seconds a picture is held back at most because its person's question seems to be over: the answer
would have to wait for the picture."""


@dataclass(slots=True)
class Begun:
    """An answer begun. `is_open` while there are tokens to decode."""

    turn: int
    asked: float
    head_ready: float
    is_open: bool
    is_committed: bool = False
    said: int = 0
    """Tokens decoded."""
    first_token: float = 0.0
    cost_s: float = 0.0
    """Time computing for it."""


@dataclass(slots=True)
class Unlaid:
    """An event whose latents are not in the cache yet: it is told when they are."""

    event: TranscriptChanged | PictureSeen
    stamps: dict[str, float]
    ready: str
    """Name of the stamp that is missing."""


@dataclass(slots=True)
class Place:
    """One conversation."""

    slot: Slot
    cutter: WindowCutter
    gate: HearingGate
    to_hear: deque[tuple[Window, float]] = field(default_factory=deque[tuple[Window, float]])
    """For the encoder, and since when."""
    picture: tuple[VideoFrame, float] | None = None  # and when it was dequeued
    looked: float = float("-inf")
    """When a picture was looked at last."""
    is_look_due: bool = False
    """An utterance began since."""
    start: Start | None = None
    is_commit_wanted: bool = False
    """The answer that `start` wants is committed already."""
    answer: Begun | None = None
    text: str = ""
    latents: dict[str, float] = field(default_factory=dict[str, float])
    """When the newest latents of each modality were in the cache."""
    unlaid: list[Unlaid] = field(default_factory=list[Unlaid])
    owed: int = 0
    """Positions that came in and are not in the cache."""
    owed_since: float = 0.0
    owes_words: bool = False
    wasted: dict[str, int] = field(default_factory=dict[str, int])
    """What unheard answers cost since the last one that was heard."""

    @property
    def has_shadow(self) -> bool:
        """An answer nobody hears yet is wanted or begun."""
        answer = self.answer
        return self.start is not None or (answer is not None and not answer.is_committed)

    @property
    def is_answering(self) -> bool:
        """Tokens are to be decoded."""
        return self.answer is not None and self.answer.is_open

    @property
    def is_starting(self) -> bool:
        """An answer is wanted and the one before it is decoded to its end."""
        return self.start is not None and not self.is_answering

    @property
    def has_tail(self) -> bool:
        """Audio that the answer which is wanted is to be based on was not judged yet."""
        start = self.start
        if start is None or start.text is not None or not self.cutter:
            return False
        return start.tail_pts is None or self.cutter[0].end - WINDOW < start.tail_pts


def jobs(place: Place, now: float, rung: Rung) -> Iterator[Job]:
    """What can be done for it now."""
    index = place.slot.index
    yield from _answer_jobs(place, now, rung)
    if place.cutter and not (place.is_starting and place.has_tail):
        yield Job("judge", index, Kind.AUDIO, place.cutter[0].dequeued + JUDGE_S)
    if place.to_hear and not place.is_starting:
        yield Job("hear", index, Kind.AUDIO, place.to_hear[0][1] + AUDIO_S)
    if place.owed:
        kind, within = (Kind.AUDIO, AUDIO_S) if place.owes_words else (Kind.VIDEO, VIDEO_S)
        yield Job("lay", index, kind, place.owed_since + within)
    if place.picture is not None and held_s(place, now, rung) == 0.0:
        yield Job("look", index, Kind.VIDEO, place.picture[1] + VIDEO_S)


def _answer_jobs(place: Place, now: float, rung: Rung) -> Iterator[Job]:
    index, answer, start = place.slot.index, place.answer, place.start
    if answer is not None and answer.is_open:
        if answer.is_committed:
            if answer.said == 0:
                yield Job("next", index, Kind.FIRST, answer.asked + FIRST_S)
            elif start is not None:  # it holds the next one up
                yield Job("next", index, Kind.DECODE, now)
            elif ahead_s(answer.first_token, answer.said, now) == 0.0:
                due = token_deadline(answer.first_token, answer.said)
                yield Job("next", index, Kind.DECODE, due)
        elif answer.said < SHADOW_TOKENS and rung < Rung.SHADOWS:
            due = token_deadline(answer.asked + FIRST_S, answer.said)
            yield Job("next", index, Kind.SHADOW, due)
    elif start is not None:
        kind = Kind.FIRST if place.is_commit_wanted else Kind.SHADOW
        step = "judge" if place.has_tail else "hear" if place.to_hear else "begin"
        yield Job(step, index, kind, start.asked + FIRST_S)


def held_s(place: Place, now: float, rung: Rung) -> float:
    """Seconds for which the picture that waits is to be held back."""
    if place.picture is None:
        return 0.0
    if place.gate.may_be_over and not place.has_shadow:
        return max(0.0, place.picture[1] + HOLD_S - now)
    if place.is_look_due:
        return 0.0
    return max(0.0, place.looked + PICTURE_S[rung] - now)


def wake_s(place: Place, now: float, rung: Rung) -> float | None:
    """Seconds until it has a job that it has not now; None when only something new can bring one."""
    times: list[float] = []
    if place.picture is not None and (held := held_s(place, now, rung)) > 0.0:
        times.append(held)
    answer = place.answer
    if answer is not None and answer.is_open and answer.is_committed and answer.said:
        times.append(ahead_s(answer.first_token, answer.said, now))
    return min(times, default=None)
