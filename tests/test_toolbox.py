"""Tools run within limits; whatever happens becomes words for the model."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping

import pytest

from visavis.pipelines.toolbox import MAX_OUTPUT, FunctionTool, Tool, Toolbox
from visavis.runtime.errors import ConfigError


def run(toolbox: Toolbox, name: str, arguments: str = "{}") -> str:
    async def main() -> str:
        try:
            return await toolbox.run(name, arguments)
        finally:
            toolbox.close()

    return asyncio.run(main())


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


async def later(what: str) -> Mapping[str, str]:
    """Says it later."""
    await asyncio.sleep(0)
    return {"said": what}


def test_plain_and_async_functions_run() -> None:
    toolbox = Toolbox()
    tool = toolbox.add_function(add)
    toolbox.add_function(later, name="say-it")
    assert (tool.name, tool.description) == ("add", "Adds two numbers.")
    assert len(toolbox) == 2 and "say-it" in toolbox and next(t.name for t in toolbox) == "add"
    assert run(toolbox, "add", '{"a": 1, "b": 2}') == "3"
    assert json.loads(run(toolbox, "say-it", '{"what": "x"}')) == {"said": "x"}


def test_a_plain_function_does_not_hold_the_event_loop_up() -> None:
    names: list[str] = []

    def block() -> str:
        """Blocks."""
        names.append(threading.current_thread().name)
        return "done"

    toolbox = Toolbox()
    toolbox.add_function(block)
    assert run(toolbox, "block") == "done"
    assert names[0].startswith("tool")


def test_a_tool_may_be_a_class() -> None:
    class Clock:
        name = "clock"
        description = "Tells the time."
        parameters: Mapping[str, object] = {"type": "object", "properties": {}}

        async def __call__(self, arguments: str) -> object:
            return "noon"

    clock: Tool = Clock()
    toolbox = Toolbox()
    toolbox.add(clock)
    assert run(toolbox, "clock") == "noon"


def test_failures_become_words() -> None:
    def fail() -> None:
        """Fails."""
        raise ValueError("no luck")

    async def hang() -> None:
        """Hangs."""
        await asyncio.sleep(3600)

    toolbox, hasty = Toolbox(), Toolbox(limit_s=0.05)
    for function in (fail, add):
        toolbox.add_function(function)
    hasty.add_function(hang)
    assert "took more than 0.05 s" in json.loads(run(hasty, "hang"))["error"]
    for name, arguments, told in (
        ("fail", "{}", "fail failed: ValueError: no luck"),
        ("add", '{"a": "x"}', "the arguments can't be used"),
        ("subtract", "{}", "there is no function 'subtract': there are fail, add"),
    ):
        assert told in json.loads(run(toolbox, name, arguments))["error"]


def test_long_results_are_cut_and_odd_ones_shown() -> None:
    def long() -> str:
        """Long."""
        return "x" * 100_000

    def odd() -> object:
        """Odd."""
        return complex(1, 2)

    toolbox = Toolbox()
    toolbox.add_function(long)
    toolbox.add_function(odd)
    assert len(run(toolbox, "long")) == MAX_OUTPUT + len(" (cut off)")
    assert run(toolbox, "odd") == "(1+2j)"


def test_what_a_model_cant_call_is_refused() -> None:
    toolbox = Toolbox()
    toolbox.add_function(add)
    with pytest.raises(ConfigError, match="already"):
        toolbox.add_function(add)
    with pytest.raises(ConfigError, match="no docstring"):
        FunctionTool(lambda: None, name="quiet")
    with pytest.raises(ConfigError, match="letters, digits"):
        FunctionTool(add, name="add numbers")
