"""A language model with tools, over real HTTP from a server on loopback."""

from __future__ import annotations

import asyncio
from typing import Any

from endpoint import Endpoint, call, serving, text

from visavis.pipelines.brains import FunctionCall, Question
from visavis.pipelines.chat_history import INAUDIBLE, calls_message
from visavis.pipelines.language_model import LanguageModel
from visavis.runtime.settings import LanguageModelSettings

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def ask(*answers: Any, question: Question | None = None, **settings: Any) -> tuple[str, Endpoint]:
    """(what it says, the server) once the turn is committed."""
    asked = question or Question("How is the weather in Rome?")
    asked.committed.set()

    async def main() -> tuple[str, Endpoint]:
        async with serving(*answers) as endpoint:
            model = LanguageModel(LanguageModelSettings(url=endpoint.url, **settings), [WEATHER])
            try:
                pieces = [piece async for piece in model.answer(asked)]
                return "".join(piece for piece in pieces if isinstance(piece, str)), endpoint
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


def test_it_is_told_what_it_may_call_and_gives_the_calls_on() -> None:
    async def main() -> None:
        calls = [*call("weather", '{"city": "Rome"}'), *call("dance", call_id="call_2", index=1)]
        async with serving([*text("Look."), *calls]) as endpoint:
            model = LanguageModel(LanguageModelSettings(url=endpoint.url), [WEATHER])
            tool = {"type": "function", "function": {"name": "dance"}}
            question = Question("Dance!", tools=(tool,), tool_choice="required")
            question.committed.set()
            pieces = [piece async for piece in model.answer(question)]
            await model.close()
        weather = FunctionCall("call_1", "weather", '{"city": "Rome"}')
        dance = FunctionCall("call_2", "dance", "{}")
        assert pieces == ["Look.", weather, dance]
        assert endpoint.asked[0]["tools"] == [WEATHER, tool]
        assert endpoint.asked[0]["tool_choice"] == "required"
        # What they return comes into the history when they have run.
        calls_told = [(c.id, c.name, c.arguments) for c in (weather, dance)]
        assert question.notes == [calls_message(calls_told)]

    asyncio.run(main())


def test_a_clients_function_takes_the_place_of_ours() -> None:
    theirs = {"type": "function", "function": {"name": "weather", "description": "Theirs."}}
    _, endpoint = ask(text("Hm."), question=Question("Hi", tools=(theirs,)))
    assert endpoint.asked[0]["tools"] == [theirs]


def test_where_none_may_be_called_none_is_named() -> None:
    _, endpoint = ask(text("Hm."), question=Question("Hi", tool_choice="none"))
    assert "tools" not in endpoint.asked[0] and "tool_choice" not in endpoint.asked[0]


def test_nothing_is_called_for_a_question_that_is_not_finished() -> None:
    async def main() -> None:
        async with serving(call("weather", '{"city": "Rome"}')) as endpoint:
            model = LanguageModel(LanguageModelSettings(url=endpoint.url), [WEATHER])
            question = Question("How is the weather")
            answer = model.answer(question)
            waiting = asyncio.ensure_future(anext(answer))
            await endpoint.answered.wait()
            await asyncio.sleep(0.1)
            assert not waiting.done() and not question.notes
            question.committed.set()
            assert isinstance(await waiting, FunctionCall) and len(question.notes) == 1
            await answer.aclose()
            await model.close()

    asyncio.run(main())


def test_nothing_new_is_not_said_twice() -> None:
    history = ({"role": "user", "content": "Hi"},)
    _, endpoint = ask(text("Hello."), question=Question(None, history), instructions="")
    assert endpoint.asked[0]["messages"] == list(history)
