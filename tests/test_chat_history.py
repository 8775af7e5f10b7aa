"""A conversation as a language model is told it: whole, in order, and never one it would refuse."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from visavis.pipelines.chat_history import (
    INAUDIBLE,
    MAX_ENTRIES,
    NO_RESULT,
    ChatHistory,
    Exchange,
    calls_message,
)


def item(item_id: str, role: str = "user", text: str = "") -> dict[str, Any]:
    content = [{"type": "input_text", "text": text or item_id}, {"type": "input_image"}]
    return {"id": item_id, "type": "message", "role": role, "content": content}


def output(call_id: str) -> dict[str, Any]:
    return {"id": f"o_{call_id}", "type": "function_call_output", "call_id": call_id, "output": "7"}


def contents(history: ChatHistory, limit: int = 64) -> list[object]:
    return [message["content"] for message in history.messages(limit)]


def test_turns_are_questions_and_what_was_heard() -> None:
    history = ChatHistory()
    one, two = Exchange("one?", answer=" One is long."), Exchange("", answer=" Pardon?")
    history.take(one)
    history.take(two)
    one.heard = "One"
    assert contents(history) == ["one?", "One", INAUDIBLE, "Pardon?"]
    two.heard = ""
    assert contents(history) == ["one?", "One", INAUDIBLE]
    history.drop(one)
    assert contents(history) == [INAUDIBLE]
    assert history.messages(64, but=two) == ()


def test_items_go_where_the_client_wants_them() -> None:
    history = ChatHistory()
    history.insert(item("b"), "nowhere")
    history.insert(item("a", "system"), None)
    history.insert(item("c"), "b")
    history.insert({"id": "x", "type": "unknown"}, "b")
    empty: dict[str, Any] = {"content": []}
    history.insert(item("empty") | empty, "b")
    assert contents(history) == ["a", "b", "c"]
    history.erase("b")
    history.erase("b")
    assert contents(history) == ["a", "c"]


def test_a_question_that_is_an_item_already_is_not_asked_twice() -> None:
    history = ChatHistory()
    history.insert(item("typed"), None)
    exchange = Exchange("typed", answer="Yes.")
    history.take(exchange)
    assert history.has_question(exchange)
    history.name(exchange, "typed", "answer")
    assert not history.has_question(exchange)
    history.insert(item("later"), "answer")
    assert contents(history) == ["typed", "Yes.", "later"]


def test_it_knows_what_was_put_in_last() -> None:
    history = ChatHistory()
    assert not history.ends_with("a")
    for name in ("a", "b"):
        history.insert(item(name), "nowhere")
    assert history.ends_with("b") and history.ends_with("a\nb") and not history.ends_with("a")
    exchange = Exchange("b", answer="Yes.")
    history.take(exchange)
    history.unask(exchange)
    assert contents(history) == ["a", "b", "Yes."] and not history.ends_with("b")


def test_a_call_is_followed_by_its_output_wherever_that_came() -> None:
    history = ChatHistory()
    exchange = Exchange("call", [calls_message([("1", "f", "{}"), ("2", "g", "{}")])], " Wait.")
    history.take(exchange)
    history.insert(item("more"), "nowhere")
    history.insert(output("2"), "nowhere")
    messages = history.messages(64)
    assert [m["role"] for m in messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "user",
    ]
    assert [m["content"] for m in messages[2:4]] == [NO_RESULT, "7"]


def test_a_call_of_the_clients_history_is_whole_too() -> None:
    history = ChatHistory()
    call = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
    history.insert(item("ask"), None)
    history.insert({"id": "c", **call}, "ask")
    history.insert(output("1"), "c")
    assert [m["role"] for m in history.messages(9)] == ["user", "assistant", "tool"]


def test_it_is_bounded() -> None:
    history = ChatHistory()
    for number in range(MAX_ENTRIES):
        history.take(Exchange(str(number), answer="yes"))
    assert len(history.messages(10**6)) == MAX_ENTRIES
    assert contents(history, 3) == [str(MAX_ENTRIES - 1), "yes"]


KINDS = st.sampled_from(["turn", "call", "user", "assistant", "output", "erase", "revise"])


@given(st.lists(st.tuples(KINDS, st.integers(0, 5)), max_size=30), st.integers(1, 12))
def test_no_endpoint_would_refuse_it(steps: list[tuple[str, int]], limit: int) -> None:
    history, exchanges = ChatHistory(), [Exchange("first")]
    for kind, number in steps:
        match kind:
            case "turn":
                exchanges.append(Exchange(str(number), answer="yes"))
                history.take(exchanges[-1])
            case "call":
                notes = [calls_message([(str(number), "f", "{}")])]
                exchanges.append(Exchange("call", notes))
                history.take(exchanges[-1])
            case "output":
                history.insert(output(str(number)), f"item_{number}")
            case "erase":
                history.erase(f"item_{number}")
            case "revise":
                exchanges[-1].heard = "y" * number
            case role:
                history.insert(item(f"item_{number}", role), None if number == 0 else "item_1")
    messages = history.messages(limit)
    assert len(messages) <= limit
    assert not messages or messages[0]["role"] == "user"
    for before, message in zip((None, *messages), messages, strict=False):
        if message["role"] == "tool":
            assert before is not None and (before["role"] == "tool" or "tool_calls" in before)
