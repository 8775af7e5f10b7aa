"""A model of one's own behind a whole pipeline: its calls run, and what they return is heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
from tool_fakes import Caller

from visavis import Agent, Call, Other, Said
from visavis.pipelines.stepper_pipeline import build
from visavis.runtime.clock import MonotonicClock
from visavis.runtime.errors import ConfigError
from visavis.runtime.settings import load
from visavis.runtime.tools import NOT_HERE

CALLS = {
    "remember my key": ("remember", '{"name": "key", "value": "a red circle"}'),
    "what is my key": ("recall", '{"name": "key"}'),
    "what time is it": ("get_time", "{}"),
}


def go(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(120):
            await test()

    asyncio.run(main())


def agent(**settings: object) -> Agent:
    return Agent({"engine.slots": "1", **settings}, stepper=lambda settings: Caller(CALLS))


async def said(call: Call) -> tuple[str, list[dict[str, object]]]:
    """The next answer, and the items that were told up to it."""
    items: list[dict[str, object]] = []
    async for event in call:
        if isinstance(event, Said) and event.text:
            return event.text, items
        if isinstance(event, Other) and event.message["type"] == "conversation.item.added":
            items.append(cast(dict[str, object], event.message["item"]))
    raise AssertionError("the call ended")


def test_calls_are_items_and_their_outputs_are_heard() -> None:
    async def test() -> None:
        async with agent() as subject:
            async with subject.call() as call:
                call.type("remember my key")
                answer, items = await said(call)
                assert answer == "I will remember your key: a red circle."
                kinds = [item["type"] for item in items]
                assert kinds == ["message", "function_call", "function_call_output", "message"]
                assert json.loads(str(items[1]["arguments"]))["value"] == "a red circle"
                assert items[2]["output"] == answer
                call.type("what is my key")
                assert (await said(call))[0] == "Your key is a red circle."
            async with subject.call() as call:  # the memory went with the conversation
                call.type("what is my key")
                assert (await said(call))[0] == "You have not told me about your key."

    go(test)


def test_without_the_setting_the_model_says_that_it_cant() -> None:
    async def test() -> None:
        async with agent(**{"tools.embedded": "false"}) as subject, subject.call() as call:
            call.type("what time is it")
            assert (await said(call))[0] == NOT_HERE

    go(test)


def test_a_clients_function_of_the_name_is_the_clients_to_run() -> None:
    done = "response.function_call_arguments.done"
    tool = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}

    async def test() -> None:
        async with agent() as subject, subject.call() as call:
            call.send({"type": "session.update", "session": {"type": "realtime", "tools": [tool]}})
            call.type("what time is it")
            async for event in call:
                if not isinstance(event, Other):
                    continue
                if event.message["type"] == done:
                    output = {"call_id": event.message["call_id"], "output": "It is tea time."}
                    item = {"type": "function_call_output", **output}
                    call.send({"type": "conversation.item.create", "item": item})
                if event.message["type"] == "response.done":
                    break
            call.send({"type": "response.create"})
            assert (await said(call))[0] == "It is tea time."

    go(test)


def test_a_stepper_of_ones_own_needs_this_process() -> None:
    settings = load(overrides=["engine.process=own"])
    with pytest.raises(ConfigError, match="stepper"):
        build(settings, MonotonicClock(), lambda settings: Caller(CALLS))
