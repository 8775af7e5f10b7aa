"""A language model with tools, over real HTTP from a server on loopback."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from endpoint import Endpoint, call, serving, text

from visavis.pipelines.brains import FunctionCall, Question
from visavis.pipelines.chat_completions import EndpointError
from visavis.pipelines.chat_history import INAUDIBLE
from visavis.pipelines.language_model import LanguageModel
from visavis.pipelines.toolbox import Toolbox
from visavis.runtime.settings import LanguageModelSettings


def toolbox() -> Toolbox:
    tools = Toolbox()

    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    tools.add_function(weather)
    return tools


def ask(*answers: Any, question: Question | None = None, **settings: Any) -> tuple[str, Endpoint]:
    """(what it says, the server) once the turn is committed."""
    asked = question or Question("How is the weather in Rome?")
    asked.committed.set()

    async def main() -> tuple[str, Endpoint]:
        async with serving(*answers) as endpoint:
            model = LanguageModel(LanguageModelSettings(url=endpoint.url, **settings), toolbox())
            try:
                return "".join([str(piece) async for piece in model.answer(asked)]), endpoint
            finally:
                await model.close()

    return asyncio.run(main())


def test_it_is_told_what_was_said_before() -> None:
    history = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."})
    question = Question("", history, "Speak French.")
    said, endpoint = ask(text("Oui."), question=question, instructions="Be brief.")
    assert said == "Oui."
    assert endpoint.asked[0]["messages"] == [
        {"role": "system", "content": "Be brief.\n\nSpeak French."},
        *history,
        {"role": "user", "content": INAUDIBLE},
    ]


def test_it_calls_functions_and_goes_on_with_what_they_return() -> None:
    question = Question("How is the weather in Rome?")
    said, endpoint = ask(
        [*text("Let me see."), *call("weather", '{"city": "Rome"}')],
        text("It is sunny."),
        question=question,
    )
    assert said == "Let me see. It is sunny."
    first, second = endpoint.asked
    assert first["tools"][0]["function"]["name"] == "weather"
    assert first["tools"][0]["function"]["description"] == "The weather in a city."
    called, result = second["messages"][-2:]
    assert called["tool_calls"][0]["function"] == {
        "name": "weather",
        "arguments": '{"city": "Rome"}',
    }
    assert result == {"role": "tool", "tool_call_id": "call_1", "content": "sunny in Rome"}
    assert question.notes == [called, result]


def test_several_functions_run_at_once_and_a_failure_is_the_models_to_mend() -> None:
    calls = [*call("weather", "{}"), *call("nothing", call_id="call_2", index=1)]
    said, endpoint = ask(calls, text("I can't tell."))
    assert said.strip() == "I can't tell."
    results = [json.loads(m["content"]) for m in endpoint.asked[1]["messages"][-2:]]
    assert "missing required field" in results[0]["error"]
    assert "there is no function 'nothing'" in results[1]["error"]


def test_it_may_not_call_functions_for_ever() -> None:
    again = call("weather", '{"city": "Rome"}')
    said, endpoint = ask(again, again, text("Enough."), max_tool_rounds=2)
    assert said.strip() == "Enough."
    assert ["tools" in asked for asked in endpoint.asked] == [True, True, False]
    with pytest.raises(EndpointError, match="2 times in a row"):
        ask(again, again, max_tool_rounds=1)


def test_nothing_is_run_for_a_question_that_is_not_finished() -> None:
    async def main() -> None:
        async with serving(call("weather", '{"city": "Rome"}'), text("Sunny.")) as endpoint:
            model = LanguageModel(LanguageModelSettings(url=endpoint.url), toolbox())
            question = Question("How is the weather")
            answer = model.answer(question)
            waiting = asyncio.ensure_future(anext(answer))
            await endpoint.answered.wait()
            await asyncio.sleep(0.1)
            assert not waiting.done() and not question.notes
            question.committed.set()
            assert await waiting == " "
            assert len(question.notes) == 2
            await answer.aclose()
            await model.close()

    asyncio.run(main())


def test_an_interrupted_call_leaves_a_note() -> None:
    async def main() -> None:
        tools, began = Toolbox(), asyncio.Event()

        async def forever() -> None:
            """Never ends."""
            began.set()
            await asyncio.sleep(3600)

        tools.add_function(forever)
        async with serving(call("forever")) as endpoint:
            model = LanguageModel(LanguageModelSettings(url=endpoint.url), tools)
            question = Question("go")
            question.committed.set()
            answer = model.answer(question)
            waiting = asyncio.ensure_future(anext(answer))
            await began.wait()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert [note["role"] for note in question.notes] == ["assistant", "tool"]
            assert "the person interrupted" in str(question.notes[1]["content"])
            await model.close()

    asyncio.run(main())


def test_functions_of_the_clients_are_given_on() -> None:
    async def main() -> None:
        calls = [*call("weather", '{"city": "Rome"}'), *call("dance", call_id="call_2", index=1)]
        async with serving([*text("Look."), *calls]) as endpoint:
            model = LanguageModel(LanguageModelSettings(url=endpoint.url), toolbox())
            tool = {"type": "function", "function": {"name": "dance"}}
            question = Question("Dance!", tools=(tool,), tool_choice="required")
            question.committed.set()
            pieces = [piece async for piece in model.answer(question)]
            await model.close()
        assert pieces == ["Look.", FunctionCall("call_2", "dance", "{}")]
        names = [asked["function"]["name"] for asked in endpoint.asked[0]["tools"]]
        assert names == ["weather", "dance"] and endpoint.asked[0]["tool_choice"] == "required"
        # Ours was run; what the client's gives comes from the client.
        assert [note["role"] for note in question.notes] == ["assistant", "tool"]
        assert question.notes[1]["tool_call_id"] == "call_1"

    asyncio.run(main())


def test_nothing_new_is_not_said_twice() -> None:
    history = ({"role": "user", "content": "Hi"},)
    _, endpoint = ask(text("Hello."), question=Question(None, history), instructions="")
    assert endpoint.asked[0]["messages"] == list(history)
