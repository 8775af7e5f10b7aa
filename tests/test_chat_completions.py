"""Streaming chat completions over real HTTP, from a server on loopback."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from endpoint import call, serving, text

from visavis.pipelines.brains import FunctionCall
from visavis.pipelines.chat_completions import ChatCompletions, EndpointError
from visavis.runtime.settings import LanguageModelSettings

ASKED = [{"role": "user", "content": "Hello?"}]


def ask(
    *answers: Any, tools: Any = (), **settings: Any
) -> tuple[list[str | FunctionCall], Any, str]:
    """(pieces, what the server was asked, the request's head)"""

    async def main() -> tuple[list[str | FunctionCall], Any, str]:
        async with serving(*answers) as endpoint:
            model = ChatCompletions(LanguageModelSettings(url=endpoint.url, **settings))
            try:
                pieces = [piece async for piece in model.answer(ASKED, tools)]
            finally:
                await model.close()
            return pieces, endpoint.asked[0], endpoint.headers[0]

    return asyncio.run(main())


def test_words_come_in_pieces() -> None:
    pieces, asked, head = ask(text("Hello", ", ", "you."), model="small", api_key="abc")
    assert pieces == ["Hello", ", ", "you."]
    assert asked["model"] == "small" and asked["stream"] is True and asked["messages"] == ASKED
    assert "tools" not in asked
    assert "POST /v1/chat/completions" in head and "bearer abc" in head.lower()


def test_without_a_key_none_is_sent() -> None:
    assert "authorization" not in ask(text("x"))[2].lower()


def test_a_function_call_is_given_whole() -> None:
    tool: dict[str, Any] = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    events = [*text("Let me see."), *call("weather", '{"ci', 'ty": "Rome"}')]
    events += call("time", call_id="call_2", index=1)
    pieces, asked, _ = ask(events, tools=[tool])
    assert pieces == [
        "Let me see.",
        FunctionCall("call_1", "weather", '{"city": "Rome"}'),
        FunctionCall("call_2", "time", "{}"),
    ]
    assert asked["tools"] == [tool] and asked["tool_choice"] == "auto"


def test_events_without_words_are_passed_over() -> None:
    odd: list[dict[str, Any]] = [
        {"choices": []},
        {"usage": {"total_tokens": 3}},
        {"choices": [{"delta": {"role": "a"}}]},
    ]
    assert ask([*odd, *text("Yes.")])[0] == ["Yes."]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (503, "answered 503: .*not today"),
        ([{"error": {"message": "out of memory"}}], "failed: .*out of memory"),
        ([[1]], "sent no object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ndata: {nope\n", "no JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ndata: ", "can't be reached"),
        (b"what?\r\n\r\n", "can't be reached"),
        (text("x" * 64_001), "more than 64000 characters"),
        ([event for n in range(17) for event in call("f", index=n)], "more than 16 functions"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1048600\r\n\r\n" + b"x" * 1_048_600,
            "a line of more than",
        ),
    ],
)
def test_trouble_is_named(answer: Any, told: str) -> None:
    with pytest.raises(EndpointError, match=told):
        ask(answer)


def test_nobody_at_the_address_is_named() -> None:
    async def main() -> None:
        async with serving() as endpoint:
            url = endpoint.url
        model = ChatCompletions(LanguageModelSettings(url=url))
        with pytest.raises(EndpointError, match=r"can't be reached .*check language_model.url"):
            _ = [piece async for piece in model.answer(ASKED)]
        await model.close()

    asyncio.run(main())


def test_who_stops_listening_closes_the_connection() -> None:
    async def main() -> None:
        async with serving([*text("One"), "hang"]) as endpoint:
            model = ChatCompletions(LanguageModelSettings(url=endpoint.url))
            async with aclosing(model.answer(ASKED)) as pieces:
                async for piece in pieces:
                    assert piece == "One"
                    break
            await model.close()
            # The server is in the middle of its answer: it notices when it next reads or writes.
            assert endpoint.asked

    asyncio.run(main())


def test_an_answer_that_stops_coming_is_an_error() -> None:
    with pytest.raises(EndpointError, match="ReadTimeout"):
        ask([*text("One"), "hang"], timeout_s=0.2)


def test_the_key_is_never_shown() -> None:
    assert "abc" not in repr(LanguageModelSettings(api_key="abc"))
