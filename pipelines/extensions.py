"""Finds by name what stands above `pipelines`: further commands, and the page a browser opens.

The parts below never import the parts above; those announce themselves as entry points of the
installed package (pyproject.toml), and so can anybody else's package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

from ..runtime.errors import ConfigError

COMMANDS = "visavis.commands"
PAGES = "visavis.pages"
PAGE = "talk"

Command = Callable[[Sequence[str]], int]
"""Takes the arguments after its name, returns the exit status."""


class Page(Protocol):
    """A module with a folder of static files and the response headers they are written for."""

    STATIC: Path
    HEADERS: Mapping[str, str]


def command_names() -> list[str]:
    """Commands other parts bring, in alphabetical order."""
    return sorted(entry_points(group=COMMANDS).names)


def command(name: str) -> Command:
    """The command of this name, imported now. Raises `ConfigError` when there is none."""
    return cast(Command, _find(COMMANDS, name).load())  # entry points carry no type


def page(name: str = PAGE) -> Page:
    """The page of this name, imported now. Raises `ConfigError` when there is none."""
    return cast(Page, _find(PAGES, name).load())  # entry points carry no type


def _find(group: str, name: str) -> EntryPoint:
    found = tuple(entry_points(group=group, name=name))
    if not found:
        raise ConfigError(
            f"no entry point {name!r} in {group}: the package is not installed as a whole; "
            "run: pip install --editable ."
        )
    return found[0]
