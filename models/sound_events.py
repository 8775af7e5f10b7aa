"""Where a sound begins and ends: one conversation's frames cut into events, as they come.

Levels decide, nothing else: a sound stands out over the floor and over the fading of what was
before. What it is, is asked when it is over.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .sound_features import (
    BLOCK,
    COLUMN,
    HOP,
    QUIET_DB,
    Doubles,
    Floats,
    describe,
    median,
    summarise,
)

OPENS_DB = 7.0
"""Over the floor: a sound begins."""
HOLDS_DB = 4.0
"""Over the floor: it goes on."""
FADES_DB = 15.0
"""Below its loudest: it is over, though the room still rings."""
AGAIN_DB = 8.0
"""Up from the least since its loudest, and as far down before: another sound begins."""
LEAST_DB = -57.0
"""Softer is never a sound."""
STIRS_DB = 6.0
"""Up from the least since a sound was over: what still rang is no sound of its own."""
OVER = 3
"""Frames (48 ms) that it must be over for."""
LONGEST = 250
"""Frames (4 s) after which it is no sound but how it is here."""
BEFORE = 40
"""Frames (640 ms) in which is looked for what was before."""
RECENT = 16
"""Frames (256 ms) in which the loudest before it is looked for."""
LEAD = 3
"""Frames whose envelope before an event belongs to its summary."""
AT_ONCE = 16
"""Frames described together: a step of the engine's thread stays short."""
_HOP_BLOCKS = HOP // BLOCK
_EDGE = 4  # blocks of a rise or a fall
_SILENCE = 10 ** (QUIET_DB / 10)
_FALLS, _RISES, _RISES_OPEN = 0.3, 0.06, 0.02


@dataclass(frozen=True, slots=True)
class Event:
    """A sound that is over: its pts, how loud it was at most (dB of full scale), its pitch as its
    strongest tone and as a voice's, in semitones, how much its envelope moves from block to block,
    and its summary."""

    start_pts: int
    end_pts: int
    level_db: float
    tone: float
    voice: float
    ripple_db: float
    summary: Floats


@dataclass(slots=True)
class _Open:
    first: int
    """Number of its first frame."""
    floor_db: float
    before_db: float
    busy: float
    levels: list[float] = field(default_factory=list[float])
    waiting: list[Floats] = field(default_factory=list[Floats])
    """Frames that are not described yet: many at once cost less."""
    described: list[Floats] = field(default_factory=list[Floats])
    loudest: float = QUIET_DB
    least: float = 0.0
    """Since the loudest."""
    least_at: int = 0
    over: int = 0
    """Frames since it seems to be over."""

    def add(self, frame: Floats, level: float) -> None:
        """Its next frame."""
        self.levels.append(level)
        self.waiting.append(frame)
        if len(self.waiting) == AT_ONCE:
            self.describe()
        if level > self.loudest:
            self.loudest = self.least = level
            self.least_at = len(self.levels)
        elif level < self.least:
            self.least, self.least_at = level, len(self.levels)

    def describe(self) -> None:
        """What waits."""
        if self.waiting:
            self.described.append(describe(np.stack(self.waiting)))
            self.waiting.clear()


class EventCutter:
    """One conversation. `feed` a frame at a time, in order."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A new conversation."""
        self._count = 0
        self._floor = 0.0
        self._power = 0.0  # of the hop before
        self._open: _Open | None = None
        self._rests = math.inf  # the least level since the last sound, while its ringing fades
        self._levels: deque[float] = deque(maxlen=RECENT)
        self._busy: deque[bool] = deque(maxlen=BEFORE)
        self._blocks: deque[float] = deque(maxlen=(LONGEST + BEFORE) * _HOP_BLOCKS)

    @property
    def is_settling(self) -> bool:
        """A sound seems to be over and it is not said yet."""
        return self._open is not None and self._open.over > 0

    def feed(self, frame: Floats, powers: Sequence[float], end_pts: int) -> Event | None:
        """The next frame, with the mean squares of the blocks of its newest HOP samples, which end
        at `end_pts`; the event that it ended, if any."""
        self._blocks.extend(map(_db, powers))
        power = sum(powers) / _HOP_BLOCKS
        level = _db((power + self._power) / 2)
        self._power = power
        if self._count == 0:
            self._floor = level
        self._count += 1
        ended: Event | None = None
        if self._open is not None:
            ended = self._follow(self._open, frame, level, end_pts)
        if self._open is None and self._stands_out(level):
            self._open = _Open(
                self._count - 1,
                self._floor,
                # Its own rise, in the frame before, is not what was before.
                max(list(self._levels)[:-1], default=QUIET_DB),
                sum(self._busy) / BEFORE,
            )
            self._open.add(frame, level)
        is_open = self._open is not None
        self._levels.append(level)
        self._busy.append(is_open)
        if level < self._floor:
            self._floor += _FALLS * (level - self._floor)
        else:
            self._floor += _RISES_OPEN if is_open else _RISES
        return ended

    def _stands_out(self, level: float) -> bool:
        if level < self._floor + HOLDS_DB:
            self._rests = math.inf
        opens = max(self._floor + OPENS_DB, LEAST_DB)
        if self._rests < math.inf:
            opens = max(opens, self._rests + STIRS_DB)
            self._rests = min(self._rests, level)
        return level > opens

    def _follow(self, sound: _Open, frame: Floats, level: float, end_pts: int) -> Event | None:
        limit = max(self._floor + HOLDS_DB, sound.loudest - FADES_DB, LEAST_DB - 3)
        if sound.loudest - sound.least > AGAIN_DB and level > sound.least + AGAIN_DB:
            return self._end(sound, sound.least_at, limit, end_pts)
        sound.add(frame, level)
        sound.over = sound.over + 1 if level < limit else 0
        if sound.over >= OVER:
            return self._end(sound, len(sound.levels) - OVER, limit, end_pts)
        if len(sound.levels) > LONGEST:
            self._floor, self._open, self._rests = level, None, math.inf
        return None

    def _end(self, sound: _Open, kept: int, limit: float, end_pts: int) -> Event:
        """It was its first `kept` frames, less those at their end that are below `limit`."""
        self._open = None
        self._rests = sound.levels[kept - 1]
        while kept > 1 and sound.levels[kept - 1] < limit:
            kept -= 1
        sound.describe()
        described = np.concatenate(sound.described)[:kept]
        levels = np.array(sound.levels[:kept])
        ago = self._count - sound.first  # frames since its first, the one that came now counted
        newest = len(self._blocks)
        start = max(0, newest - (ago + LEAD) * _HOP_BLOCKS)
        stop = newest - (ago - kept) * _HOP_BLOCKS
        blocks = np.array(self._blocks)[start:stop]
        core = levels >= levels.max() - 10
        start_pts = end_pts - ago * HOP
        return Event(
            max(0, start_pts),
            start_pts + kept * HOP,
            float(blocks.max()),
            median(described[core, COLUMN.pitch]),
            median(described[core, COLUMN.voice]),
            _ripple(blocks[LEAD * _HOP_BLOCKS :]),
            summarise(described, levels, blocks, sound.before_db, sound.busy, sound.floor_db),
        )


def _ripple(blocks: Doubles) -> float:
    inner = blocks[_EDGE : len(blocks) - _EDGE]
    return float(np.abs(np.diff(inner)).mean()) if len(inner) > _EDGE else 0.0


def _db(power: float) -> float:
    return 10 * math.log10(power + _SILENCE)
