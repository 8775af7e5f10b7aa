"""How a measurement is shown: one table for a person, and as its last line one JSON object."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from .circumstances import circumstances
from .figures import Figures

COLUMNS = ("p50", "p95", "p99", "p99.9", "max")


def figures_table(
    title: str, rows: Mapping[str, Figures], unit: str = "ms", *, digits: int = 1
) -> Table:
    """Percentiles of each quantity beside its number of samples."""
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column(unit)
    for name in ("samples", *COLUMNS):
        table.add_column(name, justify="right")
    for name, figures in rows.items():
        summary = figures.summary()
        shown = [f"{summary[c]:.{digits}f}" if c in summary else "–" for c in COLUMNS]
        table.add_row(name, str(len(figures)), *shown)
    return table


def facts_table(facts: Mapping[str, str]) -> Table:
    """Single values and counts."""
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name, value)
    return table


def show(tables: Sequence[Table], result: Mapping[str, object], path: Path | None) -> None:
    """Print the tables and the line of JSON; write the JSON to `path`, if given."""
    console = Console(highlight=False)
    for table in tables:
        console.print(table)
    line = msgspec.json.encode({**result, **circumstances()})
    if path is not None:
        path.write_bytes(msgspec.json.format(line, indent=1) + b"\n")
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()
