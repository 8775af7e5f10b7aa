"""The order of an engine's work, on a virtual clock under thousands of random loads."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest

from visavis.models.scheduler import (
    AUDIO_S,
    FREE_S,
    LEAD,
    PACE,
    Choice,
    Costs,
    Job,
    Kind,
    ahead_s,
    choose,
    token_deadline,
)

STEP = {
    Kind.CANCEL: "obey",
    Kind.FIRST: "begin",
    Kind.DECODE: "next",
    Kind.AUDIO: "hear",
    Kind.SHADOW: "begin",
    Kind.VIDEO: "look",
}


def costs(**alone: float) -> Costs:
    """Each step costs so many seconds per slot: batches do not pay."""
    found = Costs()
    for step, seconds in alone.items():
        found.measured(step, seconds, 8, 8 * seconds)
    return found


def job(kind: Kind, deadline: float, slot: int = 0, step: str | None = None) -> Job:
    return Job(step or STEP[kind], slot, kind, deadline)


def test_nothing_to_do_is_nothing() -> None:
    assert choose([], 0.0, Costs()) is None


def test_cancels_go_before_everything() -> None:
    jobs = [job(Kind.FIRST, -1.0), job(Kind.VIDEO, -9.0), job(Kind.CANCEL, 99.0, 3)]
    assert choose(jobs, 0.0, Costs()) == Choice("obey", (3,))


def test_the_earliest_deadline_goes_first_where_all_can_be_on_time() -> None:
    some = costs(begin=0.001, hear=0.001, look=0.001)
    jobs = [job(Kind.FIRST, 0.010), job(Kind.AUDIO, 0.009), job(Kind.VIDEO, 0.008)]
    assert choose(jobs, 0.0, some) == Choice("look", (0,))
    assert choose(jobs, 0.0085, some) == Choice("begin", (0,))


def test_a_picture_waits_where_it_would_make_audio_late() -> None:
    some = costs(look=0.020, hear=0.001)
    jobs = [job(Kind.VIDEO, -1.0, 1), job(Kind.AUDIO, 0.020, 2)]
    assert choose(jobs, 0.0, some) == Choice("hear", (2,))
    assert choose([jobs[0], job(Kind.AUDIO, 0.022, 2)], 0.0, some) == Choice("look", (1,))


def test_importance_decides_where_not_all_can_be_on_time() -> None:
    late = [job(kind, -1.0 - kind) for kind in list(Kind)[1:]]
    some = costs(begin=0.001, next=0.001, hear=0.001, look=0.001)
    order: list[Kind] = []
    while late:
        choice = choose(late, 0.0, some)
        assert choice is not None
        served = next(one for one in late if one.step == choice.step)
        order.append(served.kind)
        late.remove(served)
    assert order == list(Kind)[1:]


def test_batches_are_made_where_they_pay() -> None:
    device = Costs()
    device.measured("begin", 0.0010, 8, 0.0012)
    jobs = [job(Kind.FIRST, 0.01, 1), job(Kind.SHADOW, 0.02, 2), job(Kind.FIRST, 0.005, 3)]
    assert choose(jobs, 0.0, device) == Choice("begin", (3, 1, 2))
    assert choose(jobs, 0.0, costs(begin=0.001)) == Choice("begin", (3,))
    assert choose(jobs, 0.0, costs(begin=FREE_S / 2)) == Choice("begin", (3, 1, 2))


def test_a_batch_is_no_larger_than_what_is_above_it_can_bear() -> None:
    device = Costs()
    device.measured("look", 0.002, 8, 0.009)
    device.measured("hear", 0.001, 8, 0.001)
    pictures = [job(Kind.VIDEO, 0.001, slot) for slot in range(8)]
    few = choose([*pictures, job(Kind.AUDIO, 0.006, 9)], 0.0, device)
    assert few == Choice("look", (0, 1, 2, 3))
    assert choose(pictures, 0.0, device) == Choice("look", tuple(range(8)))


def test_costs_follow_what_is_measured_and_not_one_hiccup() -> None:
    some = costs(hear=0.001)
    some.learn("hear", 1, 10.0)
    assert some.of("hear", 1) < 0.0012
    for _ in range(200):
        some.learn("hear", 2, 0.004)
    assert some.of("hear", 1) == pytest.approx(0.002, rel=0.01)
    some.learn("other", 1, 1.0)
    assert some.of("other", 1) == 0.0


def test_an_answer_well_ahead_of_its_listener_is_left_alone() -> None:
    assert ahead_s(5.0, LEAD, 5.0) == 0.0
    assert ahead_s(5.0, LEAD + 4, 5.0) == 4 / PACE
    assert ahead_s(5.0, LEAD + 4, 6.1) == 0.0
    times = [token_deadline(5.0, said) for said in range(60)]
    assert times == sorted(times)
    assert times[4] < 5.1 < 5.0 + 40 / PACE < times[59]


# A whole engine on a virtual clock ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """A slot that wants a step every `period` seconds, due `within` seconds."""

    kind: Kind
    slot: int
    period: float
    within: float
    phase: float


@dataclass(frozen=True, slots=True)
class Served:
    job: Job
    came: float
    began: float
    done: float


def run(sources: list[Source], some: Costs, seconds: float) -> list[Served]:
    """Every job of every source, as the scheduler served them."""
    arrivals = sorted(
        (
            (source.phase + n * source.period, source)
            for source in sources
            for n in range(int(seconds / source.period))
        ),
        key=lambda pair: pair[0],
    )
    waiting: list[tuple[float, Job]] = []
    served: list[Served] = []
    now, at = 0.0, 0
    while at < len(arrivals) or waiting:
        while at < len(arrivals) and arrivals[at][0] <= now:
            came, source = arrivals[at]
            one = job(source.kind, came + source.within, source.slot)
            waiting.append((came, one))
            at += 1
        choice = choose([one for _, one in waiting], now, some)
        if choice is None:
            now = arrivals[at][0]
            continue
        assert len(set(choice.slots)) == len(choice.slots)
        done = now + some.of(choice.step, len(choice.slots))
        for slot in choice.slots:
            pair = min(
                (p for p in waiting if p[1].step == choice.step and p[1].slot == slot),
                key=lambda p: p[1].deadline,
            )
            waiting.remove(pair)
            served.append(Served(pair[1], pair[0], now, done))
        now = done
    return served


def random_costs(dice: random.Random) -> Costs:
    found = Costs()
    found.measured("obey", 2e-5, 8, 1.6e-4)
    for step, most in (("begin", 0.0016), ("next", 0.0012), ("hear", 0.0008), ("look", 0.0016)):
        alone = dice.uniform(0.1, 1.0) * most
        found.measured(step, alone, 8, alone * dice.choice([1.1, 3.0, 8.0]))
    return found


def random_sources(dice: random.Random, slots: int) -> list[Source]:
    found: list[Source] = []
    for slot in range(slots):
        kinds = [
            (Kind.CANCEL, dice.uniform(0.2, 1.0), 0.0),
            (Kind.FIRST, dice.uniform(0.1, 0.6), 0.004),
            (Kind.DECODE, dice.uniform(0.03, 0.2), 0.05),
            (Kind.AUDIO, 0.032, AUDIO_S),
            (Kind.SHADOW, dice.uniform(0.1, 0.5), 0.004),
            (Kind.VIDEO, dice.uniform(0.05, 0.3), 0.25),
        ]
        found += [
            Source(kind, slot, period, within, dice.uniform(0, period))
            for kind, period, within in kinds
        ]
    return found


def share(sources: list[Source], some: Costs) -> float:
    """Of the device's time that these need, each alone."""
    return sum(some.of(STEP[one.kind], 1) / one.period for one in sources)


@pytest.mark.parametrize("seed", range(20))
def test_a_load_that_fits_is_served_whole_and_audio_is_never_late(seed: int) -> None:
    """A hundred loads for each seed: whatever fits is served in time, or a little after."""
    dice = random.Random(seed)
    for _ in range(100):
        some = random_costs(dice)
        sources = random_sources(dice, dice.randint(1, 4))
        while share(sources, some) > 0.7:
            sources = [replace(one, period=one.period * 1.5) for one in sources]
        served = run(sources, some, 0.25)
        assert len(served) == sum(int(0.25 / one.period) for one in sources)
        longest = max(some.of(step, 4) for step in STEP.values())
        for one in served:
            match one.job.kind:
                case Kind.CANCEL:
                    assert one.began - one.came <= longest + 1e-9
                case Kind.AUDIO | Kind.VIDEO | Kind.DECODE:
                    assert one.done <= one.job.deadline + 1e-9
                case _:
                    assert one.done - one.came < 0.05


@pytest.mark.parametrize("seed", range(20))
def test_audio_is_never_late_because_of_video(seed: int) -> None:
    """Pictures ten times over what fits: the rest is served as if there were none."""
    dice = random.Random(1000 + seed)
    for _ in range(25):
        some = random_costs(dice)
        sources = [one for one in random_sources(dice, 3) if one.kind is not Kind.VIDEO]
        while share(sources, some) > 0.6:
            sources = [replace(one, period=one.period * 1.5) for one in sources]
        flood = [Source(Kind.VIDEO, slot, 0.0015, 0.25, 0.0003 * slot) for slot in range(3)]
        served = run([*sources, *flood], some, 0.12)
        for one in served:
            if one.job.kind is Kind.AUDIO:
                assert one.done <= one.job.deadline + 1e-9


def test_nobody_of_a_kind_starves_however_much_there_is_of_it() -> None:
    """Three times more decoding than fits: everybody gets the same share of it."""
    some = costs(next=0.001)
    sources = [Source(Kind.DECODE, slot, 0.004, 0.05, 0.0001 * slot) for slot in range(12)]
    served = run(sources, some, 1.0)
    first = [one.job.slot for one in served if one.done < 1.0]
    counts = [first.count(slot) for slot in range(12)]
    assert max(counts) - min(counts) <= 2
