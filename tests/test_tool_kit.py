"""What conversations can call: the agent's functions and the built-in ones, a memory for each."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from visavis.pipelines.tool_kit import ToolKit
from visavis.pipelines.toolbox import Toolbox
from visavis.runtime.errors import ConfigError
from visavis.runtime.settings import ToolSettings
from visavis.runtime.tools import BUILTIN, ToolRunner


def kit(shared: Toolbox | None = None, *, has_builtin: bool = True) -> ToolKit:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    return ToolKit(ToolSettings(), shared, has_builtin=has_builtin, now=lambda: noon)


def run(tools: ToolRunner, name: str, arguments: str = "{}") -> str:
    return asyncio.run(tools.run(name, arguments))


def test_every_conversation_has_a_memory_of_its_own() -> None:
    subject = kit()
    one, other = subject.conversation(), subject.conversation()
    given = '{"name": "key", "value": "a red circle"}'
    assert run(one, "remember", given) == "I will remember your key: a red circle."
    assert run(one, "recall", '{"name": "key"}') == "Your key is a red circle."
    assert run(other, "recall", '{"name": "key"}') == "You have not told me about your key."
    assert run(other, "get_time") == "It is twelve o'clock."


def test_a_model_is_told_what_they_take() -> None:
    told = {cast(Any, tool["function"])["name"]: tool["function"] for tool in kit().described}
    assert tuple(told) == BUILTIN
    remember = cast(Any, told["remember"])
    assert remember["parameters"]["required"] == ["name", "value"]
    assert remember["description"].startswith("Remember something")


def test_arguments_that_cant_be_used_are_a_failure_in_words() -> None:
    output = json.loads(run(kit().conversation(), "remember", '{"name": "key"}'))
    assert "missing required field" in output["error"]


def test_an_agents_function_takes_the_place_of_the_built_in_one() -> None:
    shared = Toolbox()

    async def get_time() -> str:
        """The time on the moon."""
        return "It is always noon."

    shared.add_function(get_time)
    subject = kit(shared)
    assert subject.names == frozenset(BUILTIN)
    assert run(subject.conversation(), "get_time") == "It is always noon."
    assert sum("moon" in str(tool) for tool in subject.described) == 1
    subject.close()


def test_without_the_built_in_ones_only_the_agents_are_there() -> None:
    subject = kit(has_builtin=False)
    assert subject.names == frozenset() and subject.described == ()
    assert "get_time" not in subject.conversation() and "get_time" in kit().conversation()
    assert "there is no function" in run(subject.conversation(), "get_time")


def test_the_zone_is_the_settings() -> None:
    there = ToolKit(ToolSettings(timezone="UTC"), has_builtin=True).conversation()
    assert run(there, "get_date").startswith("It is ")
    assert run(ToolKit(ToolSettings(), has_builtin=True).conversation(), "get_time")
    with pytest.raises(ConfigError, match=r"tools\.timezone is 'Mars/North'"):
        ToolKit(ToolSettings(timezone="Mars/North"), has_builtin=True)
