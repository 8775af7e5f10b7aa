"""The evaluation as one HTML file: tables and plots, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --faint: #8892a0; --line: #dde2e9; --bar: #2f6fdb;
  --second: #d9822b; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --faint: #8e98a6; --line: #333b47;
  --bar: #6ea0f5; --second: #e9a35b; --paper: #14181f; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
p, figcaption { color: var(--faint); max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
td.heat { min-width: 1.6rem; text-align: center; }
figure { margin: 1rem 0; } svg { max-width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
details { margin: 1rem 0; } li { font: 13px/1.5 ui-monospace, monospace; }
"""

Point = tuple[float, float]


def percent(value: float) -> str:
    """A share as people read it."""
    return f"{100 * value:.1f} %"


def bars(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Shares with their 95 % intervals, one bar each."""
    step, left, wide = 22, 220, 420
    parts = [f'<svg viewBox="0 0 {left + wide + 130} {step * len(rows) + 8}" role="img">']
    for index, (name, value) in enumerate(rows):
        y = index * step + 4
        low, high = value["interval_95"]
        x = left + wide * float(value["right"])
        parts.append(
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{left}" y="{y + 2}" width="{wide * value["right"]:.1f}" height="14" rx="2" '
            'fill="var(--bar)"/>'
            f'<line x1="{left + wide * low:.1f}" x2="{left + wide * high:.1f}" y1="{y + 9}" '
            f'y2="{y + 9}" stroke="var(--ink)"/>'
            f'<text x="{max(x, left + wide * high) + 8:.1f}" y="{y + 13}">'
            f"{percent(value['right'])} of {value['samples']}</text>"
        )
    return "".join([*parts, "</svg>"])


def plot(
    lines: Sequence[tuple[str, str, Sequence[Point]]],
    x_label: str,
    y_label: str,
    x_end: float,
    *,
    has_diagonal: bool = False,
) -> str:
    """Lines over 0…x_end and 0…1: (name, colour, points)."""
    left, top, wide, tall = 60, 12, 460, 260

    def place(point: Point) -> str:
        x, y = min(point[0] / x_end, 1.0), min(max(point[1], 0.0), 1.0)
        return f"{left + wide * x:.1f},{top + tall * (1 - y):.1f}"

    parts = [f'<svg viewBox="0 0 {left + wide + 20} {top + tall + 48}" role="img">']
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = top + tall * (1 - tick)
        parts.append(
            f'<line x1="{left}" x2="{left + wide}" y1="{y}" y2="{y}" stroke="var(--line)"/>'
            f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{tick:g}</text>'
            f'<text x="{left + wide * tick}" y="{top + tall + 16}" text-anchor="middle">'
            f"{tick * x_end:g}</text>"
        )
    if has_diagonal:
        parts.append(
            f'<polyline points="{place((0, 0))} {place((x_end, 1))}" fill="none" '
            'stroke="var(--faint)" stroke-dasharray="4 4"/>'
        )
    for at, (name, color, points) in enumerate(lines):
        path = " ".join(place(point) for point in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
            + "".join(
                f'<circle cx="{place(p).split(",")[0]}" cy="{place(p).split(",")[1]}" r="3" '
                f'fill="{color}"/>'
                for p in points
            )
            + f'<text x="{left + wide - 8}" y="{top + 18 + 16 * at}" text-anchor="end" '
            f'style="fill:{color}">{escape(name)}</text>'
        )
    parts.append(
        f'<text x="{left + wide / 2}" y="{top + tall + 38}" text-anchor="middle">{x_label}</text>'
        f'<text transform="translate(14 {top + tall / 2}) rotate(-90)" text-anchor="middle">'
        f"{y_label}</text></svg>"
    )
    return "".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table."""
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{cells}</tr>{lines}</table>"


def heat(matrix: Mapping[str, Mapping[str, int]]) -> str:
    """What was there (rows) against what was named (columns), as shares of the row."""
    names = list(matrix) + sorted({n for row in matrix.values() for n in row} - set(matrix))
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *names))
    lines: list[str] = []
    for wanted, row in matrix.items():
        total = sum(row.values())
        cells = "".join(
            f'<td class="heat" style="background:color-mix(in srgb, var(--bar) '
            f'{100 * row.get(name, 0) / total:.0f}%, transparent)">{row.get(name, "")}</td>'
            for name in names
        )
        lines.append(f"<tr><td>{escape(wanted)}</td>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _figure(title: str, told: str, *drawn: str) -> str:
    return f"<h2>{escape(title)}</h2><p>{escape(told)}</p><figure>{''.join(drawn)}</figure>"


def sound_figures(report: Mapping[str, Any]) -> list[str]:
    """Sounds besides speech: what was noticed over each line, and what was taken for one."""
    figures: list[str] = []
    for line, found in report["lines"].items():
        rows = [
            (f"{kind}: {what}", value)
            for kind, values in found["kinds"].items()
            for what, value in values.items()
        ]
        figures.append(
            _figure(
                f"Sounds besides speech: {line}",
                "Recall, precision, recordings of one to five sounds counted right, high and low. "
                "Rows of the table: what was there. Columns: what it was named.",
                bars([*rows, ("loud and soft", found["level"])]),
                heat(found["confusion"]),
            )
        )
    alarms = [
        [name, f"{value['minutes']:g}", ", ".join(f"{n} {k}" for k, n in value["named"].items())]
        for name, value in report["false_alarms"].items()
    ]
    told = "Sounds named in recordings that hold none, without the turn-taking that drops some."
    return [*figures, _figure("Taken for a sound", told, table(("", "minutes", "named"), alarms))]


def page(report: Mapping[str, Any]) -> str:
    """The whole report of `visavis eval`."""
    tests: dict[str, Any] = report["tests"]
    parts = [
        _figure(
            "Right answers",
            "Pictures and recordings are renderings it has not met. Lines are 95 % intervals.",
            bars(list(tests.items())),
        )
    ]
    for name, test in tests.items():
        parts.append(
            _figure(
                f"By family: {name}", report["about"][name], bars(list(test["families"].items()))
            )
        )
    spoken = {name: test for name, test in tests.items() if test["word_errors_by_voice"]}
    if spoken:
        rows = [
            [f"{name}: {kind}", percent(value["word_error_rate"]), str(value["words"])]
            for name, test in spoken.items()
            for kind, value in (
                ("all", test),
                *test["word_errors_by_snr"].items(),
                *test["word_errors_by_voice"].items(),
            )
        ]
        parts.append(
            _figure(
                "Word errors",
                "Of transcripts, by signal-to-noise ratio and by voice.",
                table(("", "word error rate", "words"), rows),
            )
        )
    lines = [
        (
            f"{name}: error {percent(test['expected_calibration_error'])}",
            color,
            [(sure, right) for sure, right, _ in test["calibration"]],
        )
        for (name, test), color in zip(
            tests.items(), ("var(--bar)", "var(--second)", "#2a9d6f", "#a35bd0", "#c2415d"),
            strict=False,
        )
    ]  # fmt: skip
    parts.append(
        _figure(
            "Calibration",
            "How often answers were right against how sure the model was of all their words.",
            plot(lines, "certainty", "right", 1.0, has_diagonal=True),
        )
    )
    for family, matrix in report["confusion"].items():
        if matrix:
            parts.append(
                _figure(
                    f"Confusion: {family}",
                    "Rows: what was there. Columns: what it said.",
                    heat(matrix),
                )
            )
    if (ends := report.get("turn_end")) and ends["pauses"]:
        curves = [
            (label, color, [(delay, cut) for _, cut, delay in ends[key]])
            for label, key, color in (
                ("with the model's judgement", "judged", "var(--bar)"),
                ("silence alone", "silence_alone", "var(--second)"),
            )
        ]
        parts.append(
            _figure(
                "End of turn",
                f"{ends['pauses']} pauses inside questions and {ends['ends']} ends of questions.",
                plot(curves, "mean delay, ms", "pauses cut into", 800.0),
            )
        )
    if "exits" in report:
        exits = [(f"{depth} layers", value) for depth, value in report["exits"].items()]
        parts.append(
            _figure(
                "By depth",
                "Typed questions answered by one exit alone. In use the exits only draft: "
                f"{percent(report['draft_acceptance'])} of drafted words were what the full depth says.",
                bars(exits),
            )
        )
    if "ablations" in report:
        parts.append(
            _figure(
                "What the parts are worth",
                "The same spoken questions, with parts taken away.",
                bars(list(report["ablations"].items())),
            )
        )
    if "memory" in report:
        parts.append(
            _figure(
                "Long ago",
                "Asked for what was shown first, after eight more pictures with a question about each.",
                bars([("remembered", report["memory"])]),
            )
        )
    if "sounds" in report:
        parts += sound_figures(report["sounds"])
    if "gating" in report:
        gate = report["gating"]
        parts.append(
            _figure(
                "Leaving out unchanged pictures",
                f"{gate['pictures_encoded_with_gate']} pictures were encoded instead of "
                f"{gate['pictures_encoded_without']}; answers were the same as without the gate:",
                bars([("same answer", gate["same_answer"])]),
            )
        )
    for name, test in tests.items():
        items = "".join(f"<li>{escape(mistake)}</li>" for mistake in test["mistakes"])
        parts.append(
            f"<details><summary>Mistakes: {escape(name)}</summary><ul>{items}</ul></details>"
        )
    title = f"{report['model']}: evaluation"
    trained = ", ".join(
        f"{stage} {told['steps']} steps in {told['minutes']} min"
        for stage, told in report["training"].items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1><p>Trained: {escape(trained)}. "
        f"Reproduce: <code>{escape(report['command'])}</code></p>{''.join(parts)}</html>\n"
    )
