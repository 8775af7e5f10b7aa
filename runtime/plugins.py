"""Named parts that can be added from outside: pipelines, voices and whatever else has a registry.

A package offers parts through entry points of the group `visavis.plugins`, named `kind:name`
(for example `pipeline:mine = "my_package:build"`); code in the same process calls `register`.
An entry point is loaded only when its name is asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from .errors import ConfigError

GROUP = "visavis.plugins"

Factory = Callable[..., object]
"""What makes the part. Its arguments are the business of the kind; the caller checks the result."""


class Plugins:
    """Factories by kind and name."""

    def __init__(self, found: Callable[[], list[EntryPoint]] | None = None) -> None:
        """`found` lists entry points; by default those of the installed packages."""
        self._found = found or (lambda: list(entry_points(group=GROUP)))
        self._factories: dict[tuple[str, str], Factory] = {}

    def register(self, kind: str, name: str, factory: Factory) -> None:
        """Make `name` known. Raises `ConfigError` when the name is taken by another factory."""
        known = self._factories.setdefault((kind, name), factory)
        if known is not factory:
            raise ConfigError(f"there is a {kind} named {name!r} already: choose another name")

    def names(self, kind: str) -> list[str]:
        """Every known name of a kind, sorted; registered ones and those of entry points."""
        names = {name for known, name in self._factories if known == kind}
        for point in self._found():
            found_kind, _, name = point.name.partition(":")
            if found_kind == kind and name:
                names.add(name)
        return sorted(names)

    def get(self, kind: str, name: str) -> Factory:
        """The factory. Raises `ConfigError` listing the known names when there is none."""
        if (kind, name) in self._factories:
            return self._factories[kind, name]
        for point in self._found():
            if point.name != f"{kind}:{name}":
                continue
            try:
                factory = point.load()
            except Exception as error:
                raise ConfigError(
                    f"{kind} {name!r} of the plugin {point.value} can't be loaded: {error}"
                ) from error
            if not callable(factory):
                raise ConfigError(f"{kind} {name!r} of the plugin {point.value} is not callable")
            self._factories[kind, name] = factory
            return self._factories[kind, name]
        names = self.names(kind)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"there is no {kind} named {name!r}: known are {', '.join(names) or 'none'}{hint}"
        )


PLUGINS = Plugins()
"""The process's registry."""

register = PLUGINS.register
