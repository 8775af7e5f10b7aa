"""Finds by name what stands above `pipelines`: further commands, and the page a browser opens.

The parts below never import the parts above; those announce themselves as plugins of the installed
package (pyproject.toml), and so can anybody else's package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from ..runtime.plugins import PLUGINS

COMMAND, PAGE = "command", "page"
TALK = "talk"
"""The page that `visavis serve` shows."""

Command = Callable[[Sequence[str]], int]
"""Takes the arguments after its name, returns the exit status."""

Page = tuple[Path, Mapping[str, str]]
"""A folder of static files and the response headers they are written for."""


def command_names() -> list[str]:
    """Commands that other parts bring, in alphabetical order."""
    return PLUGINS.names(COMMAND)


def command(name: str) -> Command:
    """The command of this name, imported now. Raises `ConfigError` when it can't be."""
    return cast(Command, PLUGINS.get(COMMAND, name))  # a plugin carries no type


def page() -> Page:
    """The page to serve, imported now. Raises `ConfigError` when it can't be."""
    return cast(Page, PLUGINS.get(PAGE, TALK)())  # a plugin carries no type
