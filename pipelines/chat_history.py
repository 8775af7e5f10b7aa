"""A conversation as chat completions' messages: turns, and the items a client puts in or takes out.

Plain code. What a turn was asked, what it called and what was heard of its answer is read when the
messages are wanted, so that a cut or a revision needs no rewriting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

Json = Mapping[str, object]

MAX_ENTRIES = 512
"""Questions, answers and items that are kept; the oldest go."""
INAUDIBLE = "(inaudible)"
"""What stands for words that were not understood."""
NO_RESULT = '{"error": "there is no result"}'
"""What stands for the output of a function that nobody gave."""


@dataclass(slots=True, eq=False)
class Exchange:
    """A turn: what was asked and what came of it. Its owner fills it in."""

    text: str = ""
    notes: list[Json] = field(default_factory=list[Json])
    """Function calls and their results, between question and answer."""
    answer: str = ""
    heard: str | None = None
    """What is kept of the answer, when it was cut or revised."""


@dataclass(slots=True, eq=False)
class _Entry:
    item_id: str | None = None
    question: Exchange | None = None
    answer: Exchange | None = None
    message: Json | None = None


class ChatHistory:
    """In the order of the conversation."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def take(self, exchange: Exchange) -> None:
        """A turn was taken: its question and its answer come last."""
        self._entries += [_Entry(question=exchange), _Entry(answer=exchange)]
        del self._entries[:-MAX_ENTRIES]

    def name(self, exchange: Exchange, asked: str | None, answer: str) -> None:
        """The ids of the items of a turn. Where the question is an item that was put in before, or
        nothing new, the turn has no question of its own."""
        is_known = asked is not None and self._place(asked) is not None
        for entry in list(self._entries):
            if entry.question is exchange:
                if is_known or (asked is None and not exchange.text):
                    self._entries.remove(entry)
                else:
                    entry.item_id = asked
            elif entry.answer is exchange:
                entry.item_id = answer

    def ends_with(self, text: str) -> bool:
        """The newest items are messages of the person that say this."""
        said: list[str] = []
        for entry in reversed(self._entries):
            if entry.message is None or entry.message["role"] != "user":
                break
            said.insert(0, str(entry.message["content"]))
            if "\n".join(said) == text:
                return True
        return False

    def unask(self, exchange: Exchange) -> None:
        """The turn has no question of its own: the items before it say what it answers."""
        self._entries = [entry for entry in self._entries if entry.question is not exchange]

    def has_question(self, exchange: Exchange) -> bool:
        """The turn has a question of its own."""
        return any(entry.question is exchange for entry in self._entries)

    def insert(self, item: Json, previous: str | None) -> None:
        """An item after that one; first when None, last where there is none of this id."""
        message = _message_of(item)
        if message is None:
            return
        place = -1 if previous is None else self._place(previous)
        entry = _Entry(item_id=str(item.get("id", "")) or None, message=message)
        at = len(self._entries) if place is None else place + 1
        self._entries.insert(at, entry)
        del self._entries[:-MAX_ENTRIES]

    def erase(self, item_id: str) -> None:
        """Nothing when it is not there."""
        self._entries = [entry for entry in self._entries if entry.item_id != item_id]

    def drop(self, exchange: Exchange) -> None:
        """Neither the question nor the answer was."""
        self._entries = [
            entry
            for entry in self._entries
            if entry.question is not exchange and entry.answer is not exchange
        ]

    def messages(self, limit: int, *, but: Exchange | None = None) -> tuple[Json, ...]:
        """The newest that fit, beginning with what the person said; without the turn `but`."""
        flat = list(_whole(self._flat(but)))[-limit:]
        while flat and flat[0].get("role") in ("tool", "assistant"):
            del flat[0]
        return tuple(flat)

    def _flat(self, but: Exchange | None) -> Iterator[Json]:
        for entry in self._entries:
            if entry.message is not None:
                yield entry.message
            elif entry.question is not None and entry.question is not but:
                yield {"role": "user", "content": entry.question.text or INAUDIBLE}
            elif entry.answer is not None and entry.answer is not but:
                yield from entry.answer.notes
                answer = entry.answer
                said = (answer.answer if answer.heard is None else answer.heard).strip()
                if said:
                    yield {"role": "assistant", "content": said}

    def _place(self, item_id: str) -> int | None:
        for place, entry in enumerate(self._entries):
            if entry.item_id == item_id:
                return place
        return None


def _whole(messages: Iterator[Json]) -> Iterator[Json]:
    """Endpoints refuse a call without its output, or an output anywhere but right after its call."""
    listed = list(messages)
    outputs = {m["tool_call_id"]: m for m in listed if m.get("role") == "tool"}
    for message in listed:
        if message.get("role") == "tool":
            continue
        yield message
        for call in cast(Sequence[Json], message.get("tool_calls") or ()):
            missing: Json = {"role": "tool", "tool_call_id": call["id"], "content": NO_RESULT}
            yield outputs.get(call["id"], missing)


def _message_of(item: Json) -> Json | None:
    """An item as the client sees it; None for one that says nothing to a model."""
    match item.get("type"):
        case "message":
            words = _words_of(item)
            return {"role": str(item.get("role", "user")), "content": words} if words else None
        case "function_call":
            call = (str(item["call_id"]), str(item["name"]), str(item["arguments"]))
            return calls_message([call])
        case "function_call_output":
            output = str(item.get("output", ""))
            return {"role": "tool", "tool_call_id": str(item["call_id"]), "content": output}
        case _:
            return None


def calls_message(calls: Sequence[tuple[str, str, str]]) -> Json:
    """What a model said that called functions: (id, name, arguments)."""
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for call_id, name, arguments in calls
        ],
    }


def _words_of(item: Json) -> str:
    """The texts and transcripts of a message's content."""
    parts = item.get("content")
    texts: list[str] = []
    for part in cast(list[object], parts) if isinstance(parts, list) else []:
        if isinstance(part, Mapping):
            fields = cast(Json, part)
            texts.append(str(fields.get("text") or fields.get("transcript") or ""))
    return "\n".join(text for text in texts if text).strip()
