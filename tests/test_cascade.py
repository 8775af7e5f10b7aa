"""The cascade pipeline put together: a language model and the functions of this process."""

from __future__ import annotations

import asyncio

import pytest
from endpoint import call as function_call
from endpoint import serving, text

from visavis import Agent, Other, Said
from visavis.runtime.clock import MonotonicClock
from visavis.runtime.errors import ConfigError
from visavis.runtime.tools import BUILTIN


def test_the_built_in_functions_are_offered_where_the_setting_says_so() -> None:
    async def main() -> None:
        remember = function_call("remember", '{"name": "key", "value": "under the mat"}')
        recall = function_call("recall", '{"name": "key"}', call_id="call_2")
        answers = (remember, text("All right."), recall, text("Under the mat."))
        async with asyncio.timeout(120), serving(*answers) as endpoint:
            wanted = {"language_model.url": endpoint.url, "tools.language_model": "true"}
            kinds: list[object] = []
            async with Agent(wanted, pipeline="cascade") as agent, agent.call() as call:
                for question, answer in (
                    ("My key is under the mat.", "All right."),
                    ("Where is my key?", "Under the mat."),
                ):
                    call.type(question)
                    async for event in call:
                        if isinstance(event, Said) and event.text:
                            assert event.text == answer
                            break
                        if isinstance(event, Other) and "item" in event.message:
                            kinds.append(event.message["type"])
        offered = [tool["function"]["name"] for tool in endpoint.asked[0]["tools"]]
        assert offered == list(BUILTIN)
        outputs = [m["content"] for m in endpoint.asked[3]["messages"] if m["role"] == "tool"]
        assert outputs == ["I will remember your key: under the mat.", "Your key is under the mat."]
        assert "response.output_item.done" in kinds

    asyncio.run(main())


def test_functions_end_where_the_setting_says_so() -> None:
    async def main() -> None:
        again = function_call("get_time")
        async with asyncio.timeout(120), serving(again, again, text("Enough.")) as endpoint:
            wanted = {
                "language_model.url": endpoint.url,
                "tools.language_model": "true",
                "tools.max_rounds": "2",
            }
            async with Agent(wanted, pipeline="cascade") as agent, agent.call() as call:
                call.type("What time is it?")
                async for event in call:
                    if isinstance(event, Said) and event.text:
                        assert event.text == "Enough."
                        break
        assert ["tools" in asked for asked in endpoint.asked] == [True, True, False]

    asyncio.run(main())


def test_without_functions_none_are_named() -> None:
    async def main() -> None:
        async with asyncio.timeout(120), serving(text("Hello.")) as endpoint:
            wanted = {"language_model.url": endpoint.url}
            async with Agent(wanted, pipeline="cascade") as agent, agent.call() as call:
                call.type("Hello")
                async for event in call:
                    if isinstance(event, Said):
                        break
        assert "tools" not in endpoint.asked[0]

    asyncio.run(main())


def test_the_embedded_model_takes_functions_of_its_own_names_only() -> None:
    agent = Agent()

    @agent.tool
    def get_time() -> str:
        """The time on the moon."""
        return "noon"

    agent.build(agent.settings, MonotonicClock())

    @agent.tool
    def weather() -> str:
        """The weather."""
        return "sunny"

    with pytest.raises(ConfigError, match="'fused' calls only get_time, get_date, remember"):
        agent.build(agent.settings, MonotonicClock())
