"""One conversation as the engine's thread sees it, and the jobs it has for the scheduler.

Plain data and plain functions: what a place needs next depends on what waits in it, on the time and
on how far the overload ladder is climbed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..runtime.events import PictureSeen, TranscriptChanged
from ..runtime.frames import HEARING_RATE, WINDOW, VideoFrame
from ..runtime.protocols import Slot
from ..runtime.sounds import Sound
from .hearing import HearingGate
from .orders import Start
from .overload import PICTURE_S, Rung
from .scheduler import (
    AUDIO_S,
    FIRST_S,
    JUDGE_S,
    SHADOW_TOKENS,
    SPELL_S,
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


SETTLES_S = 0.1
"""Seconds that pictures wait for while a sound seems to be over and it is not said yet."""
NOTED_S = 0.05
"""Seconds that they wait for once it is said: whether the model is told is decided elsewhere."""


NOTE_S = 1.0
"""Seconds that a word of a note has: always as many, so that it never goes before anything else."""

GROUP = 4
"""Positions of what is being said that wait for the deep layers until they are filled together:
their weights are read once instead of four times. When the person falls silent they wait no longer.
"""
PIECES_S = 0.005
"""Seconds by which an answer's pieces are due later than answers that have none: those go between."""
REST = 4
"""Positions that an answer's first pass may take in besides its own: hardly slower than none."""


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
    wants_draft: bool = False
    """Its next token takes two steps, and this is the first."""

    @property
    def step(self) -> str:
        """The next one for it."""
        return "draft" if self.wants_draft else "next"


@dataclass(slots=True)
class Unlaid:
    """An event whose latents are not in the cache yet: it is told when they are."""

    event: TranscriptChanged | PictureSeen
    stamps: dict[str, float]
    ready: str
    """Name of the stamp that is missing."""


@dataclass(slots=True)
class Routed:
    """What was computed of what came in, and what was not, since the last answer that was heard."""

    judged: int = 0
    """Windows of audio."""
    encoded: int = 0
    """Of those, the ones that the encoder heard."""
    pictures: int = 0
    unchanged: int = 0
    """Of those, the ones of which nothing went into the cache."""
    cost_s: float = 0.0
    """Time computing for this conversation, of whatever kind."""

    def looked(self, *, is_new: bool) -> None:
        """A picture was looked at."""
        self.pictures += 1
        self.unchanged += not is_new

    def take(self) -> dict[str, int]:
        """The counts, named as in docs/engine.md; they begin anew."""
        counts = {
            "silent_windows": max(0, self.judged - self.encoded),
            "heard_windows": self.encoded,
            "new_pictures": self.pictures - self.unchanged,
            "unchanged_pictures": self.unchanged,
            "compute_us": round(self.cost_s * 1e6),
        }
        self.judged = self.encoded = self.pictures = self.unchanged = 0
        self.cost_s = 0.0
        return counts


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
    sound_until: float = float("-inf")
    """Until then pictures wait: a sound that ended before them may go into the context first."""
    may_settle: bool = False
    """The newest window was not surely speech."""
    start: Start | None = None
    is_commit_wanted: bool = False
    """The answer that `start` wants is committed already."""
    answer: Begun | None = None
    text: str = ""
    unspelled: tuple[int, dict[str, float]] | None = None
    """Where it was heard and when its last window arrived, while there is more to `text` than was
    searched for."""
    unspelled_since: float = 0.0
    laid_at: float = 0.0
    """When nothing was owed any more."""
    latents: dict[str, float] = field(default_factory=dict[str, float])
    """When the newest latents of each modality were in the cache."""
    unlaid: list[Unlaid] = field(default_factory=list[Unlaid])
    owed: int = 0
    """Positions that came in and are not in the cache."""
    owed_since: float = 0.0
    owes_words: bool = False
    unfilled: int = 0
    """Positions in the cache that the deep layers have not seen."""
    unfilled_since: float = 0.0
    wants_note: bool = False
    """There is something in view that is not in words yet."""
    wasted: dict[str, int] = field(default_factory=dict[str, int])
    """What unheard answers cost since the last one that was heard."""
    routed: Routed = field(default_factory=Routed)

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
    def may_wait(self) -> bool:
        """What the deep layers have not seen is of somebody who is speaking, and no picture."""
        is_seen = any(isinstance(one.event, PictureSeen) for one in self.unlaid)
        return self.gate.is_voiced and not is_seen

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
    if place.unspelled is not None:
        yield Job("spell", index, Kind.AUDIO, place.unspelled_since + SPELL_S)
    if place.is_starting:
        return
    if place.owed:
        kind, within = (Kind.AUDIO, AUDIO_S) if place.owes_words else (Kind.VIDEO, VIDEO_S)
        yield Job("lay", index, kind, place.owed_since + within)
    if place.unfilled and (place.unfilled >= GROUP or not place.may_wait):
        yield Job("fill", index, Kind.VIDEO, place.unfilled_since + VIDEO_S)
    elif place.wants_note and not place.unfilled and rung is Rung.NORMAL:
        yield Job("note", index, Kind.VIDEO, now + NOTE_S)
    if place.picture is not None and held_s(place, now, rung) == 0.0:
        yield Job("look", index, Kind.VIDEO, place.picture[1] + VIDEO_S)


def _answer_jobs(place: Place, now: float, rung: Rung) -> Iterator[Job]:
    index, answer, start = place.slot.index, place.answer, place.start
    if answer is not None and answer.is_open:
        if answer.is_committed:
            if answer.said == 0:
                yield Job(answer.step, index, Kind.FIRST, answer.asked + FIRST_S)
            elif start is not None:  # it holds the next one up
                yield Job(answer.step, index, Kind.DECODE, now)
            elif ahead_s(answer.first_token, answer.said, now) == 0.0:
                due = token_deadline(answer.first_token, answer.said)
                yield Job(answer.step, index, Kind.DECODE, due)
        elif answer.said < SHADOW_TOKENS and rung < Rung.SHADOWS:
            due = token_deadline(answer.asked + FIRST_S, answer.said)
            yield Job(answer.step, index, Kind.SHADOW, due)
    elif start is not None:
        kind = Kind.FIRST if place.is_commit_wanted else Kind.SHADOW
        step = _first_step(place)
        within = FIRST_S + (PIECES_S if step in ("lay", "fill") else 0.0)
        yield Job(step, index, kind, start.asked + within)


def _first_step(place: Place) -> str:
    """The next step towards an answer that is wanted: what is much goes in piece by piece, so that
    others can come between; the rest goes in with the answer's first pass."""
    if place.has_tail:
        return "judge"
    if place.to_hear:
        return "hear"
    if place.owed > REST:
        return "lay"
    return "fill" if place.unfilled > REST else "begin"


def held_s(place: Place, now: float, rung: Rung) -> float:
    """Seconds for which the picture that waits is to be held back."""
    if place.picture is None:
        return 0.0
    longest = place.picture[1] + HOLD_S - now
    sound = min(place.sound_until - now, longest)
    if place.gate.may_be_over and not place.has_shadow:
        return max(0.0, longest)
    if place.is_look_due:
        return max(0.0, sound)
    return max(0.0, sound, place.looked + PICTURE_S[rung] - now)


def is_before(frame: VideoFrame, sound: Sound, window: Window) -> bool:
    """The picture is older than the end of the sound, which `window` showed: on the sender's clock
    where that is known, else by when they arrived."""
    if frame.audio_pts is not None:
        return frame.audio_pts < sound.end_pts
    return frame.arrived < window.arrived - (window.end - sound.end_pts) / HEARING_RATE


def wake_s(place: Place, now: float, rung: Rung) -> float | None:
    """Seconds until it has a job that it has not now; None when only something new can bring one."""
    times: list[float] = []
    if place.picture is not None and (held := held_s(place, now, rung)) > 0.0:
        times.append(held)
    answer = place.answer
    if answer is not None and answer.is_open and answer.is_committed and answer.said:
        times.append(ahead_s(answer.first_token, answer.said, now))
    return min(times, default=None)
