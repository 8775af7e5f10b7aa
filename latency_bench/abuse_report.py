"""The arithmetic of `bench abuse` and how it is shown: ratios, what they are worth, and what was refused."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from .abuse import Abuse, AbuseOutcome, Kind, Sample, Window, measure
from .figures import Figures, nearest_rank
from .report import facts_table, figures_table, show

DRAWS = 500
"""Of windows, with replacement, for the interval of a ratio."""
Pick = Callable[[Sample], float]
"""Which of a sample's times is meant."""


def whole(sample: Sample) -> float:
    """Until it was answered."""
    return sample.ms


def own(sample: Sample) -> float:
    """Without waiting for a core."""
    return sample.own_ms


def p99_ratio(windows: Sequence[Window], over: Sequence[Window], pick: Pick = whole) -> float:
    """p99 of some windows over p99 of others; NaN without samples."""
    above, below = _p99(windows, pick), _p99(over, pick)
    return above / below if below else math.nan


def ratio_interval(
    windows: Sequence[Window], over: Sequence[Window], pick: Pick = whole, seed: int = 1
) -> tuple[float, float]:
    """Where 95 of 100 such runs would find the ratio: windows are drawn again and again, because the
    samples of one window are alike (percentile bootstrap)."""
    dice = random.Random(seed)
    if not windows or not over:
        return math.nan, math.nan
    drawn = sorted(
        p99_ratio(dice.choices(windows, k=len(windows)), dice.choices(over, k=len(over)), pick)
        for _ in range(DRAWS)
    )
    return nearest_rank(drawn, 0.025), nearest_rank(drawn, 0.975)


def of_kind(outcome: AbuseOutcome, kind: Kind) -> list[Window]:
    """Its windows in the order they were measured."""
    return [window for window in outcome.windows if window.kind is kind]


def figures(windows: Sequence[Window], pick: Pick = whole) -> Figures:
    """Of all samples."""
    return Figures.of(pick(sample) for window in windows for sample in window.samples)


def answers(windows: Sequence[Window]) -> dict[str, int]:
    """HTTP statuses of the malformed offers."""
    found: Counter[str] = Counter()
    for window in windows:
        if window.bout is not None:
            found.update(window.bout.answers)
    return dict(sorted(found.items()))


def summary(abuse: Abuse, outcome: AbuseOutcome) -> dict[str, object]:
    """The result as it is written."""
    quiet = of_kind(outcome, Kind.QUIET)
    beside: dict[str, object] = {}
    for name, kind in (("one_address", Kind.ONE), ("many_addresses", Kind.MANY)):
        windows = of_kind(outcome, kind)
        bouts = [window.bout for window in windows if window.bout is not None]
        beside[name] = {
            **_compared("", windows, quiet, whole),
            **_compared("own_", windows, quiet, own),
            "server_ms_per_s": _rounded(_load(windows)),
            "offers": answers(windows),
            "messages": sum(bout.sent for bout in bouts),
            "hung_up": sum(bout.reconnects for bout in bouts),
        }
    return {
        "bench": "abuse",
        "pipeline": abuse.pipeline,
        "sessions": abuse.sessions,
        "settings": {
            "count": abuse.count,
            "window_s": abuse.window_s,
            "rounds": abuse.rounds,
            "seed": abuse.seed,
            "addresses": abuse.addresses,
        },
        "quiet": {
            "ms": figures(quiet).summary(),
            "own_ms": figures(quiet, own).summary(),
            "server_ms_per_s": _rounded(_load(quiet)),
            "p99_ratio_of_halves": _rounded(p99_ratio(quiet[::2], quiet[1::2])),
            "own_p99_ratio_of_halves": _rounded(p99_ratio(quiet[::2], quiet[1::2], own)),
        },
        **beside,
        "cost_us": outcome.cost_us,
        "server": {
            name: {"before": outcome.before.get(name, 0.0), "after": value}
            for name, value in sorted(outcome.after.items())
            if name.startswith(("visavis_sessions", "visavis_refused", "visavis_loop"))
        },
    }


def run_abuse(abuse: Abuse, path: Path | None) -> None:
    """Measure and show."""
    outcome = asyncio.run(measure(abuse))
    rows = {str(kind): figures(of_kind(outcome, kind)) for kind in Kind}
    rows |= {f"{kind}, own": figures(of_kind(outcome, kind), own) for kind in Kind}
    quiet = of_kind(outcome, Kind.QUIET)
    facts = {"p99 of quiet windows, even / odd": f"{p99_ratio(quiet[::2], quiet[1::2]):.2f}"}
    for kind in (Kind.ONE, Kind.MANY):
        windows = of_kind(outcome, kind)
        for name, pick in (("", whole), (", own", own)):
            low, high = ratio_interval(windows, quiet, pick)
            facts[f"p99 {kind} / quiet{name}"] = (
                f"{p99_ratio(windows, quiet, pick):.2f} (95 %: {low:.2f} to {high:.2f})"
            )
        facts[f"malformed offers {kind}, by answer"] = ", ".join(
            f"{status}: {count}" for status, count in answers(windows).items()
        )
    for name, cost_us in outcome.cost_us.items():
        facts[f"server's computing time for {name}"] = f"{cost_us:.0f} µs"
    facts["conversations before and after"] = (
        f"{outcome.before.get('visavis_sessions', 0):.0f}, "
        f"{outcome.after.get('visavis_sessions', 0):.0f}"
    )
    title = f"{abuse.pipeline}: round trip of {abuse.sessions} conversations over WebSocket"
    show([figures_table(title, rows), facts_table(facts)], summary(abuse, outcome), path)


def _compared(
    prefix: str, windows: Sequence[Window], quiet: Sequence[Window], pick: Pick
) -> dict[str, object]:
    interval = ratio_interval(windows, quiet, pick)
    return {
        f"{prefix}ms": figures(windows, pick).summary(),
        f"{prefix}p99_ratio": _rounded(p99_ratio(windows, quiet, pick)),
        f"{prefix}p99_ratio_95": [_rounded(value) for value in interval],
    }


def _p99(windows: Sequence[Window], pick: Pick) -> float:
    ordered = sorted(pick(sample) for window in windows for sample in window.samples)
    return nearest_rank(ordered, 0.99)


def _load(windows: Sequence[Window]) -> float:
    """The server's computing time in a second."""
    seconds = sum(window.seconds for window in windows)
    return sum(window.server.computed_ms for window in windows) / seconds if seconds else math.nan


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)
