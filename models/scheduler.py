"""Which step an engine makes next: earliest deadline first over measured costs, as a pure function.

Knows jobs, deadlines and what steps cost; no clock, no queue, no model. A job of less importance
goes first when its deadline is earlier, but never so that a more important one would be late
because of it: when not everything can be on time, importance decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Kind(IntEnum):
    """Work in order of importance."""

    CANCEL = 0
    """Orders: cuts, retractions, commits. Never wait for a step that could go later."""
    FIRST = 1
    """First tokens of committed turns."""
    DECODE = 2
    """More tokens of committed turns, before the listener runs out of them."""
    AUDIO = 3
    """What was said goes through the VAD, the encoder and into the cache."""
    SHADOW = 4
    """Answers nobody hears yet."""
    VIDEO = 5
    """Pictures through the encoder and into the cache."""


FIRST_S = 0.004
"""Seconds after it was asked for in which an answer's first token is due, heard or not."""
JUDGE_S = 0.016
"""Seconds in which a window is due at the VAD: half its length, so that a barge-in is noticed."""
AUDIO_S = 0.032
"""Seconds in which a window is due in the cache: its own length, or the queue would grow."""
SPELL_S = 0.1
"""Seconds in which the transcript is due: a person reads it."""
VIDEO_S = 0.25
"""Seconds in which a picture is due in the cache: pictures come four times a second at most."""
PHRASE = 12
"""Tokens of a first phrase with some beyond it: wanted at once, at `QUICK_S` each."""
QUICK_S = 0.005
PACE = 4.0
"""Tokens per second that a listener hears at most."""
LEAD = 40
"""Tokens by which an answer may be ahead of its listener (10 s); then it is not stepped."""
SHADOW_TOKENS = 12
"""Tokens decoded of an answer nobody hears yet: its first phrase and some more, for the first audio."""

FREE_S = 50e-6
"""A step that costs less than this is served for everybody at once: choosing costs as much."""
WORTH = 0.7
"""A batch pays where a slot costs less than this share of what it costs alone."""
FORGET = 0.05
"""Share by which a new measurement changes what a step is thought to cost."""
OUTLIER = 4.0
"""A measurement counts for this many times the cost at most: the machine had something else to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """One slot's next piece of work. Jobs of the same `step` can be served in one batch."""

    step: str
    slot: int
    kind: Kind
    deadline: float
    """Monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The step to make now, for these slots."""

    step: str
    slots: tuple[int, ...]


@dataclass(slots=True)
class _Line:
    """A step's cost as a straight line over the batch size, from warm-up, and how it went since."""

    fixed: float
    each: float
    largest: int
    scale: float = 1.0


@dataclass(slots=True)
class Costs:
    """Seconds that each kind of step takes, by batch size."""

    lines: dict[str, _Line] = field(default_factory=dict[str, _Line])

    def measured(self, step: str, alone: float, largest: int, together: float) -> None:
        """At warm-up: a batch of one took `alone` seconds, one of `largest` slots `together`."""
        each = max(0.0, together - alone) / (largest - 1) if largest > 1 else alone
        self.lines[step] = _Line(max(0.0, alone - each), each, largest)

    def learn(self, step: str, size: int, seconds: float) -> None:
        """While serving: a batch of `size` took this long."""
        line = self.lines.get(step)
        expected = 0.0 if line is None else line.fixed + line.each * size
        if line is not None and expected > 0.0:
            ratio = min(seconds / expected, OUTLIER * line.scale)
            line.scale += FORGET * (ratio - line.scale)

    def of(self, step: str, size: int) -> float:
        """Seconds; 0.0 for a step that was never measured."""
        line = self.lines.get(step)
        return 0.0 if line is None else (line.fixed + line.each * size) * line.scale

    def pays(self, step: str) -> bool:
        """Slots together take clearly less than one after the other."""
        line = self.lines.get(step)
        if line is None or line.largest < 2:
            return True
        alone = line.fixed + line.each
        return alone < FREE_S or line.fixed / line.largest + line.each < WORTH * alone


@dataclass(slots=True)
class _Group:
    """Jobs of one kind and step, the earliest deadline first."""

    kind: Kind
    step: str
    jobs: list[Job]

    @property
    def deadline(self) -> float:
        return self.jobs[0].deadline


def choose(jobs: Sequence[Job], now: float, costs: Costs) -> Choice | None:
    """The next step; None when there is nothing to do."""
    groups = _grouped(jobs)
    if not groups:
        return None
    if groups[0].kind is Kind.CANCEL:
        return Choice(groups[0].step, tuple(dict.fromkeys(job.slot for job in groups[0].jobs)))
    for group in sorted(groups, key=lambda one: (one.deadline, one.kind)):
        above = [one for one in groups if one.kind < group.kind]
        if _is_harmless(costs.of(group.step, 1), above, now, costs):
            return Choice(group.step, _batch(group, groups, above, now, costs))
    raise AssertionError("nothing is above the most important group")


def _grouped(jobs: Sequence[Job]) -> list[_Group]:
    """The most important first."""
    groups: dict[tuple[Kind, str], _Group] = {}
    for job in jobs:
        groups.setdefault((job.kind, job.step), _Group(job.kind, job.step, [])).jobs.append(job)
    for group in groups.values():
        group.jobs.sort(key=lambda job: (job.deadline, job.slot))
    return sorted(groups.values(), key=lambda group: (group.kind, group.deadline))


def _is_harmless(cost: float, above: Sequence[_Group], now: float, costs: Costs) -> bool:
    """After a step of this cost all that is more important can still be on time."""
    at = now + cost
    for group in sorted(above, key=lambda one: one.deadline):
        alone = not costs.pays(group.step)
        for count, job in enumerate(group.jobs, 1):
            if alone:
                at += costs.of(group.step, 1)
            elif count == 1:
                at += costs.of(group.step, len(group.jobs))
            if at > job.deadline:
                return False
    return True


def _batch(
    group: _Group, groups: Sequence[_Group], above: Sequence[_Group], now: float, costs: Costs
) -> tuple[int, ...]:
    """Who is served with the most urgent: everybody who waits for the same step where that pays and
    makes nobody above late."""
    if not costs.pays(group.step):
        return (group.jobs[0].slot,)
    same = [one for one in groups if one.step == group.step and one is not group]
    slots = list(dict.fromkeys(job.slot for one in (group, *same) for job in one.jobs))
    rest = [one for one in above if one.step != group.step]
    while len(slots) > 1 and not _is_harmless(costs.of(group.step, len(slots)), rest, now, costs):
        del slots[(len(slots) + 1) // 2 :]
    return tuple(slots)


def token_deadline(began: float, said: int) -> float:
    """When the token after `said` ones is due in an answer whose first came at `began`: the first
    phrase as fast as it can be, what follows as it is heard."""
    quick = min(said, PHRASE)
    return began + QUICK_S * quick + max(0, said - PHRASE) / PACE


def ahead_s(began: float, said: int, now: float) -> float:
    """Seconds for which an answer with `said` tokens need not be stepped; 0.0 when it is due."""
    return max(0.0, began + (said - LEAD) / PACE - now)
