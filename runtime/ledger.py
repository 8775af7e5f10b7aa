"""The latency ledger: every stage of a turn stamped, and what the stamps mean.

Stamps are seconds of the one monotonic clock. An engine or a voice stamps what it measured itself;
the session stamps its own decisions. Whatever is derived is defined here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from .events import Event, HeadReady, PictureSeen, TokensReady, TranscriptChanged, VoiceActivity

SPEECH_STARTED = "speech_started"
"""The onset was recognised."""
SPEECH_END = "speech_end"
"""The last voiced window of the person arrived."""
AUDIO_ARRIVED = "last_audio_arrived"
AUDIO_STARTED = "audio_compute_started"
AUDIO_READY = "audio_latents_ready"
PICTURE_ARRIVED = "picture_arrived"
PICTURE_STARTED = "picture_compute_started"
PICTURE_READY = "picture_latents_ready"
SHADOW_STARTED = "shadow_started"
"""The start of this answer was decided."""
SILENCE_REACHED = "silence_reached"
"""The silence was long enough to answer, had the model judged it by then."""
TURN_DECIDED = "turn_decided"
"""The answer was committed."""
HEAD_READY = "head_ready"
FIRST_TOKEN = "first_token"
LAST_TOKEN = "last_token"
FIRST_VOICE = "first_voice"
FIRST_PACKET = "first_packet_sent"
LAST_PACKET = "last_packet_sent"
BARGE_IN = "barge_in_speech"
"""The first voiced window that cut this answer off arrived."""
HELD = "held"
"""The sound of this answer was stopped, while it was not known yet whether it is cut."""
CUT = "cut"
"""The decision to cut it."""

_SHORT = {
    "arrived": "arrived",
    "dequeued": "started",
    "compute_started": "started",
    "latents_ready": "ready",
}
_AUDIO = {"arrived": AUDIO_ARRIVED, "started": AUDIO_STARTED, "ready": AUDIO_READY}
_PICTURE = {"arrived": PICTURE_ARRIVED, "started": PICTURE_STARTED, "ready": PICTURE_READY}
_LATENTS = frozenset({*_AUDIO.values(), *_PICTURE.values()})


def named_stamps(event: Event, stamps: Mapping[str, float]) -> dict[str, float]:
    """Stamps under their ledger names.

    An engine may write "arrived", "dequeued" (or "compute_started") and "latents_ready" and leave
    the modality to the event they came with; ledger names pass through.
    """
    match event:
        case PictureSeen():
            names = _PICTURE
        case VoiceActivity() | TranscriptChanged() | HeadReady() | TokensReady():
            names = _AUDIO
        case _:
            return dict(stamps)
    return {names[_SHORT[key]] if key in _SHORT else key: at for key, at in stamps.items()}


@dataclass(slots=True)
class Stamps:
    """The stage stamps of one turn: each stage once, the first time wins unless said otherwise."""

    at: dict[str, float] = field(default_factory=dict[str, float])

    def mark(self, stage: str, at: float) -> None:
        """The first time counts."""
        self.at.setdefault(stage, at)

    def renew(self, stage: str, at: float) -> None:
        """The last time counts."""
        self.at[stage] = at

    def take(self, stamps: Mapping[str, float]) -> None:
        """Stamps that came with an event of this turn: latents by their last time, else first."""
        for stage, at in stamps.items():
            if stage in _LATENTS:
                self.at[stage] = max(at, self.at.get(stage, at))
            else:
                self.at.setdefault(stage, at)

    def between(self, start: str, end: str) -> float | None:
        """Milliseconds from one stage to another; None while either is missing."""
        if start in self.at and end in self.at:
            return (self.at[end] - self.at[start]) * 1000
        return None


def modal_ms(stamps: Mapping[str, float]) -> dict[str, float]:
    """Latencies of one piece of media from the stamps of one delivery, in milliseconds.

    modal_audio, modal_picture: last packet of it arrived → its latents in the cache; *_queue and
    *_compute are its parts. Nothing for a delivery that does not say both ends: stamps of two
    pieces must not be mixed.
    """
    found: dict[str, float] = {}
    for name, names in (("modal_audio", _AUDIO), ("modal_picture", _PICTURE)):
        arrived, ready = stamps.get(names["arrived"]), stamps.get(names["ready"])
        if arrived is None or ready is None:
            continue
        found[name] = round((ready - arrived) * 1000, 3)
        started = stamps.get(names["started"])
        if started is not None:
            found[f"{name}_queue"] = round((started - arrived) * 1000, 3)
            found[f"{name}_compute"] = round((ready - started) * 1000, 3)
    return found


def latencies_ms(stamps: Stamps) -> dict[str, float]:
    """Every latency of a turn that its stamps define, in milliseconds.

    fusion     the last latents the turn needs are ready, or the start of this answer was decided
               if later → first answer token; queue wait included
    head       the same start → the model's first judgement
    head_wait  the silence was long enough → the turn was decided (the judgement was waited for)
    commit     turn decided → first packet of its voice sent; a shadow makes it short
    fto        last voiced window of the person arrived → first packet sent (no network included)
    stop       first voiced window of the person during the answer arrived → its sound was stopped
    confirm    the same → the answer was cut: it was a turn
    """
    found: dict[str, float | None] = {
        "head_wait": stamps.between(SILENCE_REACHED, TURN_DECIDED),
        "commit": stamps.between(TURN_DECIDED, FIRST_PACKET),
        "fto": stamps.between(SPEECH_END, FIRST_PACKET),
        "stop": None,
        "confirm": stamps.between(BARGE_IN, CUT),
    }
    if CUT in stamps.at:
        found["stop"] = stamps.between(BARGE_IN, HELD if HELD in stamps.at else CUT)
    starts = [
        stamps.at[stage]
        for stage in (AUDIO_READY, PICTURE_READY, SHADOW_STARTED)
        if stage in stamps.at
    ]
    if starts:
        for name, stage in (("head", HEAD_READY), ("fusion", FIRST_TOKEN)):
            if stage in stamps.at:
                found[name] = (stamps.at[stage] - max(starts)) * 1000
    return {name: round(ms, 3) for name, ms in found.items() if ms is not None}


_STEPS_PER_OCTAVE = 16
_SMALLEST_MS = 0.01
_BUCKETS = 16 * 24


class Histogram:
    """Milliseconds in buckets about 4 % wide: constant memory, however long it runs.

    Values are kept by size; a negative one (an overlap) counts as the smallest.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.largest = -math.inf
        self._buckets = [0] * _BUCKETS

    def add(self, ms: float) -> None:
        self.count += 1
        self.total += ms
        self.largest = max(self.largest, ms)
        self._buckets[_bucket(ms)] += 1

    def merge(self, other: Histogram) -> None:
        """Count the other's values too."""
        self.count += other.count
        self.total += other.total
        self.largest = max(self.largest, other.largest)
        for index, count in enumerate(other._buckets):
            self._buckets[index] += count

    def quantile(self, share: float) -> float:
        """The value below which this share lies, to about 4 %; NaN when empty."""
        if self.count == 0:
            return math.nan
        wanted, seen = share * self.count, 0
        for index, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                return min(_SMALLEST_MS * 2 ** ((index + 1) / _STEPS_PER_OCTAVE), self.largest)
        return self.largest

    def summary(self) -> dict[str, float]:
        """count, p50, p95, p99, max in milliseconds."""
        if self.count == 0:
            return {"count": 0}
        return {
            "count": self.count,
            "p50": round(self.quantile(0.50), 3),
            "p95": round(self.quantile(0.95), 3),
            "p99": round(self.quantile(0.99), 3),
            "max": round(self.largest, 3),
        }


def _bucket(ms: float) -> int:
    if ms <= _SMALLEST_MS:
        return 0
    return min(_BUCKETS - 1, int(math.log2(ms / _SMALLEST_MS) * _STEPS_PER_OCTAVE))


class LatencyTotals:
    """One histogram per latency, and counts, over a session or a process."""

    def __init__(self) -> None:
        self.histograms: dict[str, Histogram] = {}
        self.counts: dict[str, int] = {}

    def add(self, latencies: Mapping[str, float]) -> None:
        for name, ms in latencies.items():
            self.histograms.setdefault(name, Histogram()).add(ms)

    def count(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    def summary(self) -> dict[str, object]:
        """{"latency_ms": {name: {count, p50, p95, p99, max}}, "counts": {name: n}}"""
        return {
            "latency_ms": {name: h.summary() for name, h in sorted(self.histograms.items())},
            "counts": dict(sorted(self.counts.items())),
        }
