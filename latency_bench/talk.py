"""`visavis bench talk`: scripted people talk to a server over real WebRTC on loopback.

The server and every person are processes of their own. Times a person can notice (FTO, stop
latency, cut-ins) are taken on the person's clock; times inside the server come from the ledger it
sends with every turn, and from its metrics.

With `is_virtual` the same people talk to the same session, model and voice activity detection on a
virtual clock in this process, where computing and the network take no time (`virtual.py`): many turns
in little time, for what the turn-taking decides and how long it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from rich.progress import Progress as Bar

from ..runtime.settings import load
from .figures import Figures, share_interval
from .observed import Observed
from .person import Failure, Plan, Progress, Record
from .processes import BenchFailed, Server, cpu_seconds, metrics, person, serve
from .report import facts_table, figures_table, show
from .script import Kind, script

STAGES = (
    "modal_audio", "modal_audio_queue", "modal_picture", "modal_picture_queue", "head", "head_wait",
    "fusion", "commit",
)  # fmt: skip
TURN_S = 30.0
"""A turn that takes longer than this has gone wrong."""


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure."""

    pipeline: str = "fused"
    turns: int = 20
    sessions: int = 1
    has_camera: bool = True
    seed: int = 1
    only: tuple[Kind, ...] = ()
    """Kinds of turns; all when empty."""
    url: str | None = None
    """A server that runs already; None starts one."""
    overrides: tuple[str, ...] = ()
    """Settings of the server that is started, `path=value`."""
    is_virtual: bool = False
    """On virtual time, without a server."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured."""

    records: list[Record]
    metrics: dict[str, float]
    cpu_cores: float | None
    """CPU time of the server over the time people talked to it."""


async def measure(talk: Talk, progress: Callable[[int], None] = lambda done: None) -> Outcome:
    """Run it all. `progress` is told whenever a person has done one more turn."""
    if talk.url is not None:
        return await _with(Server(talk.url), talk, progress)
    arguments = ["--pipeline", talk.pipeline]
    for override in talk.overrides:
        arguments += ["--set", override]
    async with serve(arguments) as server:
        return await _with(server, talk, progress)


async def _with(server: Server, talk: Talk, progress: Callable[[int], None]) -> Outcome:
    all_done = asyncio.Barrier(talk.sessions + 1)
    may_leave = asyncio.Event()
    records: list[Record] = []
    is_judged = talk.pipeline != "echo"

    async def one(number: int) -> None:
        turns = script(
            talk.turns,
            seed=talk.seed + number,
            has_camera=talk.has_camera,
            is_judged=is_judged,
            only=talk.only,
        )
        plan = Plan(server.url, turns, talk.has_camera, talk.seed + number)
        async with person(plan) as process:
            assert process.stdout is not None and process.stdin is not None
            async with asyncio.timeout(60 + TURN_S * len(turns)):
                while not isinstance(told := _read(await process.stdout.readline()), Record):
                    progress(1)
            records.append(told)
            await all_done.wait()
            await may_leave.wait()
            process.stdin.write(b"\n")

    loop = asyncio.get_running_loop()
    began, cpu_before = loop.time(), await asyncio.to_thread(cpu_seconds, server.pid)
    try:
        async with asyncio.TaskGroup() as people:
            for number in range(talk.sessions):
                people.create_task(one(number), name=f"person {number}")
            waiting = people.create_task(all_done.wait(), name="all done")
            await waiting
            found = await metrics(server.url)
            seconds = loop.time() - began
            cpu = await asyncio.to_thread(cpu_seconds, server.pid)
            may_leave.set()
    except* (BenchFailed, TimeoutError) as errors:
        first = errors.exceptions[0]
        raise BenchFailed(str(first) or "a person did not come to the end of its turns") from first
    cores = None if cpu is None or cpu_before is None else (cpu - cpu_before) / seconds
    return Outcome(records=records, metrics=found, cpu_cores=cores)


def _read(line: bytes) -> Progress | Record:
    if not line:
        raise BenchFailed("a person's process ended in the middle, see above")
    told = msgspec.json.decode(line, type=Progress | Record | Failure)
    if isinstance(told, Failure):
        raise BenchFailed(told.why)
    return told


def figures(outcome: Outcome, *, is_virtual: bool = False) -> dict[str, Figures]:
    """Every latency, in milliseconds."""
    turns = [turn for record in outcome.records for turn in record.turns]
    ledgers = [ledger for record in outcome.records for ledger in record.ledgers]
    # Computing takes no time on a virtual clock: there is nothing to be learned of it.
    found = {
        stage: Figures.of(ledger[stage] for ledger in ledgers if stage in ledger)
        for stage in (() if is_virtual else STAGES)
    }
    for name, kind in (("FTO plain", Kind.PLAIN), ("FTO with pauses", Kind.PAUSED)):
        found[name] = Figures.of(t.fto_ms for t in turns if t.kind is kind and t.fto_ms is not None)
    found["FTO"] = Figures.of(t.fto_ms for t in turns if t.fto_ms is not None)
    found["resume"] = Figures.of(t.resume_ms for t in turns if t.resume_ms is not None)
    found["stop"] = Figures.of(t.stop_ms for t in turns if t.stop_ms is not None)
    return found


def shares(outcome: Outcome) -> dict[str, tuple[int, int]]:
    """What can go wrong or right, as (times, of how many)."""
    turns = [turn for record in outcome.records for turn in record.turns]

    def count(
        counted: Callable[[Observed], bool | None], *kinds: Kind, among: Sequence[Observed] = turns
    ) -> tuple[int, int]:
        chosen = [turn for turn in among if turn.kind in kinds]
        return sum(bool(counted(turn)) for turn in chosen), len(chosen)

    asked = (Kind.PLAIN, Kind.PAUSED, Kind.BARGE_IN)
    valid = [turn for turn in turns if not turn.is_void]
    judged = [turn for turn in valid if turn.is_right is not None]
    return {
        "cut-ins, questions with pauses": count(lambda t: t.is_cut_in, Kind.PAUSED),
        "cut-ins, other questions": count(lambda t: t.is_cut_in, Kind.PLAIN),
        "false stops, noises": count(lambda t: t.is_false_stop, Kind.NOISE, among=valid),
        "false stops, back-channels": count(
            lambda t: t.is_false_stop, Kind.BACK_CHANNEL, among=valid
        ),
        "sound stopped and resumed": count(
            lambda t: t.resume_ms is not None, Kind.NOISE, Kind.BACK_CHANNEL, among=valid
        ),
        "missed stops": count(lambda t: t.is_missed_stop, Kind.BARGE_IN, among=valid),
        "unanswered": count(lambda t: not t.is_answered, *asked, among=valid),
        "right answers": count(lambda t: t.is_right, *asked, among=judged),
        "void turns": count(lambda t: t.is_void, Kind.BARGE_IN, Kind.NOISE, Kind.BACK_CHANNEL),
    }


def run_talk(talk: Talk, path: Path | None) -> None:
    """Measure and show."""
    with Bar(transient=True) as bar:
        task = bar.add_task("talking", total=talk.turns * talk.sessions)
        outcome = _outcome(talk, lambda done: bar.advance(task, done))
    found, counted = figures(outcome, is_virtual=talk.is_virtual), shares(outcome)
    where = ", on virtual time" if talk.is_virtual else ""
    title = f"{talk.pipeline}, {talk.sessions} at once, {talk.turns} turns each{where}"
    facts = {
        name: _shown(hits, of) for name, (hits, of) in counted.items() if of or name != "void turns"
    }
    facts |= _server_facts(outcome)
    problems = [problem for record in outcome.records for problem in record.problems]
    if problems:
        facts["problems told"] = f"{len(problems)}: {problems[0]}"
    result: dict[str, object] = {
        "bench": "talk",
        "pipeline": talk.pipeline,
        "sessions": talk.sessions,
        "turns": talk.turns,
        "settings": {
            "camera": talk.has_camera,
            "seed": talk.seed,
            "only": list(talk.only),
            "set": list(talk.overrides),
            "virtual": talk.is_virtual,
        },
        "ms": {name: each.summary() for name, each in found.items()},
        "shares": {name: {"count": hits, "of": of} for name, (hits, of) in counted.items()},
        "server": _server_figures(outcome),
        "problems": problems[:5],
    }
    if wrong := _worth_a_look(outcome):
        result["worth_a_look"] = wrong
    rows = {name: each for name, each in found.items() if len(each)}
    show([figures_table(title, rows), facts_table(facts)], result, path)


def _outcome(talk: Talk, progress: Callable[[int], None]) -> Outcome:
    if not talk.is_virtual:
        return asyncio.run(measure(talk, progress))
    from .virtual import talk_virtually

    turns = script(talk.turns, seed=talk.seed, has_camera=talk.has_camera, only=talk.only)
    settings = load(None, {}, talk.overrides)
    record = talk_virtually(turns, settings, progress)
    return Outcome(records=[record], metrics={}, cpu_cores=None)


def _shown(hits: int, of: int) -> str:
    if of == 0:
        return "none tried"
    low, high = share_interval(hits, of)
    return f"{hits} of {of} ({hits / of:.0%}; 95 %: {low:.0%} to {high:.0%})"


def _server_figures(outcome: Outcome) -> dict[str, object]:
    """Loop lag, drops and what the jitter buffer added, as the server counts them."""
    counts: dict[str, int] = {}
    for record in outcome.records:
        for name, count in record.counts.items():
            if name not in ("ready_words", "ready_voice_ms"):
                counts[name] = counts.get(name, 0) + count
    found: dict[str, object] = {
        "loop_lag_ms": _labelled(outcome.metrics, "visavis_loop_lag_ms", "quantile"),
        "loop_stalls": outcome.metrics.get("visavis_loop_stalls_total", 0.0),
        "receive_delay_ms": _labelled(outcome.metrics, "visavis_receive_delay_ms", "quantile"),
        "media": _labelled(outcome.metrics, "visavis_media", "what"),
        "counts": counts,
    }
    if outcome.cpu_cores is not None:
        found["cpu_cores"] = round(outcome.cpu_cores, 3)
    return found


def _server_facts(outcome: Outcome) -> dict[str, str]:
    found = _server_figures(outcome)
    if not outcome.metrics:
        return {}
    lag = _labelled(outcome.metrics, "visavis_loop_lag_ms", "quantile")
    delay = _labelled(outcome.metrics, "visavis_receive_delay_ms", "quantile")
    media = _labelled(outcome.metrics, "visavis_media", "what")
    facts = {
        "server's loop lag, ms": f"p99 {lag.get('0.99', 0):.1f}, max {lag.get('1', 0):.1f}",
        "added by the jitter buffer, ms": ", ".join(
            f"{name} {delay[share]:.1f}"
            for name, share in (("p50", "0.5"), ("p95", "0.95"), ("max", "1"))
            if share in delay
        ),
        "dropped or lost": ", ".join(f"{what} {count:.0f}" for what, count in media.items()),
        "server's CPU, cores": f"{found.get('cpu_cores', '–')}",
    }
    return {name: value for name, value in facts.items() if value}


def _labelled(found: Mapping[str, float], name: str, label: str) -> dict[str, float]:
    """The values of one metric by one label."""
    begin = f'{name}{{{label}="'
    return {
        key.removeprefix(begin).removesuffix('"}'): value
        for key, value in found.items()
        if key.startswith(begin)
    }


def _worth_a_look(outcome: Outcome) -> list[dict[str, object]]:
    """The first few turns that went wrong, in words."""
    wrong: list[dict[str, object]] = [
        {
            "kind": turn.kind.value,
            "said": turn.question,
            "understood": turn.understood,
            "answer": turn.answer,
            "cut_in": turn.is_cut_in,
            "false_stop": turn.is_false_stop,
            "missed_stop": turn.is_missed_stop,
        }
        for record in outcome.records
        for turn in record.turns
        if turn.is_right is False or turn.is_cut_in or turn.is_false_stop or turn.is_missed_stop
    ]
    return wrong[:10]
