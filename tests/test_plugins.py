"""Named parts from code and from entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from visavis.runtime.errors import ConfigError
from visavis.runtime.plugins import GROUP, Plugins


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_registered_and_offered_parts_are_found_by_name() -> None:
    plugins = Plugins(lambda: [entry("pipeline:sums", "math:fsum"), entry("voice:x", "math:sqrt")])
    plugins.register("pipeline", "echo", len)
    assert plugins.names("pipeline") == ["echo", "sums"]
    assert plugins.get("pipeline", "echo") is len
    assert plugins.get("pipeline", "sums")([1, 2]) == 3.0
    assert plugins.get("pipeline", "sums") is plugins.get("pipeline", "sums")


def test_an_unknown_name_lists_the_known_ones() -> None:
    plugins = Plugins(list)
    plugins.register("pipeline", "fused", len)
    with pytest.raises(ConfigError, match="known are fused; did you mean 'fused'"):
        plugins.get("pipeline", "fusd")
    with pytest.raises(ConfigError, match="known are none"):
        plugins.get("voice", "x")


def test_a_name_is_taken_once() -> None:
    plugins = Plugins(list)
    plugins.register("voice", "x", len)
    plugins.register("voice", "x", len)
    with pytest.raises(ConfigError, match="already"):
        plugins.register("voice", "x", max)


@pytest.mark.parametrize("value", ["no_such_module_here:f", "math:no_such", "math:pi"])
def test_a_broken_plugin_is_named(value: str) -> None:
    plugins = Plugins(lambda: [entry("voice:x", value)])
    with pytest.raises(ConfigError, match=value):
        plugins.get("voice", "x")
