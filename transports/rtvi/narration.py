"""Server events of a session, told as RTVI tells them.

Keeps what RTVI wants to know and our events do not repeat: which sentences of the answer were
announced, whether it is being spoken, what was understood of the person so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec

from . import messages
from .sentences import Sentences

MAX_PARTIALS = 8
"""Utterances whose words may still come in."""
MAX_SENTENCES = 256
"""Of one answer that are told of again once they were spoken."""

_SECONDS = {"fusion": "ttfb", "commit": "processing"}
"""Latencies of our ledger that RTVI's metrics have a place for."""


@dataclass(slots=True)
class _Answer:
    """What the client was told of the answer in progress."""

    sentences: Sentences = field(default_factory=Sentences)
    is_thinking: bool = True
    is_voiced: bool = False
    is_speaking: bool = False
    announced: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Segment and words of what will be spoken, at most `MAX_SENTENCES`."""
    unvoiced: list[str] = field(default_factory=list[str])
    """Sentences announced before the voice began."""


class Narration:
    """One client's story. `tell` returns the texts to send now, in order."""

    def __init__(
        self, timestamp: Callable[[], str], called: Callable[[str, str], None] | None = None
    ) -> None:
        """`timestamp` gives the time of day in ISO 8601; `called` is told id and name of every
        function call."""
        self._timestamp = timestamp
        self._called: Callable[[str, str], None] = called or (lambda call_id, name: None)
        self._answer: _Answer | None = None
        self._segments = 0
        self._partials: dict[str, str] = {}
        self._calls: dict[str, str] = {}
        """Of the response under way: cancelled with it."""
        self._trouble: str | None = None

    def tell(self, event: Mapping[str, object]) -> list[str]:
        """`event`: a server event of the Realtime API, or one of ours. Errors that answer a
        client's message are not for this; see `RtviDialect`."""
        kind = _text(event, "type")
        trouble, self._trouble = self._trouble, None
        match kind:
            case "error":
                problem = _object(event, "error")
                why = _text(problem, "message")
                if problem.get("type") == "server_error":
                    self._trouble = why
                return [messages.error(why)]
            case "visavis.session.ended":
                told = [messages.server_message(_without_id(event))]
                if trouble is not None:
                    told.append(messages.error(_text(event, "why"), fatal=True))
                return [*self._hush(), *told, messages.signalling("peerLeft")]
            case "visavis.renegotiate":
                return [messages.signalling("renegotiate")]
            case "visavis.transcript.partial":
                return self._partial(_text(event, "item_id"), _text(event, "text"))
            case "visavis.ledger":
                return [*_metrics(event), messages.server_message(_without_id(event))]
            case _ if kind.startswith("visavis."):
                return [messages.server_message(_without_id(event))]
            case _ if kind.startswith("input_audio_buffer."):
                return _speech(kind)
            case _ if kind.startswith("conversation.item."):
                return self._item(kind, event)
            case _ if kind.startswith(("response.", "output_audio_buffer.")):
                return self._answering(kind, event)
            case _:
                return []

    # The person

    def _item(self, kind: str, event: Mapping[str, object]) -> list[str]:
        item_id = _text(event, "item_id")
        match kind.removeprefix("conversation.item."):
            case "input_audio_transcription.delta":
                words = self._partials.get(item_id, "")
                delta = _text(event, "delta")
                # Our own partials are whole: a delta that begins again repeats them.
                return self._partial(item_id, delta if delta.startswith(words) else words + delta)
            case "input_audio_transcription.completed":
                self._partials.pop(item_id, None)
                words = _text(event, "transcript")
                if not words.strip():
                    return []
                at = self._timestamp()
                return [
                    messages.user_transcription(words, final=True, timestamp=at),
                    messages.text("user-llm-text", words),
                ]
            case "input_audio_transcription.failed":
                self._partials.pop(item_id, None)
                return [messages.error(_text(_object(event, "error"), "message"))]
            case "added":
                words = _typed(_object(event, "item"))
                return [messages.text("user-llm-text", words)] if words else []
            case _:
                return []

    def _partial(self, item_id: str, words: str) -> list[str]:
        if not words or self._partials.get(item_id) == words:
            return []
        self._partials[item_id] = words
        while len(self._partials) > MAX_PARTIALS:
            del self._partials[next(iter(self._partials))]
        at = self._timestamp()
        return [messages.user_transcription(words, final=False, timestamp=at)]

    # The answer

    def _answering(self, kind: str, event: Mapping[str, object]) -> list[str]:
        if kind == "response.created":
            told = self._hush()
            self._answer = _Answer()
            return [*told, messages.encode("bot-llm-started")]
        answer = self._answer
        if answer is None:
            return []
        match kind:
            case "response.output_audio_transcript.delta":
                return self._words(answer, _text(event, "delta"), is_spoken=True)
            case "response.output_text.delta":
                return self._words(answer, _text(event, "delta"), is_spoken=False)
            case "response.output_audio_transcript.done":
                return self._sentences(answer, answer.sentences.end(), is_spoken=True)
            case "response.output_text.done":
                return self._sentences(answer, answer.sentences.end(), is_spoken=False)
            case "response.output_item.added":
                return self._call_began(_object(event, "item"))
            case "response.output_item.done":
                return self._call_whole(_object(event, "item"))
            case "response.done":
                return self._answered(answer, _object(event, "response"))
            case "output_audio_buffer.started":
                return self._speaks(answer)
            case "output_audio_buffer.stopped":
                return self._spoke(answer, was_heard=True)
            case "output_audio_buffer.cleared":
                return self._spoke(answer, was_heard=False)
            case _:
                return []

    def _words(self, answer: _Answer, words: str, *, is_spoken: bool) -> list[str]:
        if not words:
            return []
        whole = answer.sentences.take(words)
        return [
            messages.text("bot-llm-text", words),
            *self._sentences(answer, whole, is_spoken=is_spoken),
        ]

    def _sentences(self, answer: _Answer, whole: list[str], *, is_spoken: bool) -> list[str]:
        told: list[str] = []
        for sentence in whole:
            self._segments += 1
            status = "new" if is_spoken else "unspoken"
            told.append(messages.bot_output(sentence, self._segments, status))
            if is_spoken and len(answer.announced) < MAX_SENTENCES:
                answer.announced.append((self._segments, sentence))
                if answer.is_voiced:
                    told.append(messages.text("bot-tts-text", sentence))
                else:
                    answer.unvoiced.append(sentence)
        return told

    def _speaks(self, answer: _Answer) -> list[str]:
        if answer.is_speaking:
            return []
        answer.is_voiced = answer.is_speaking = True
        waiting, answer.unvoiced = answer.unvoiced, []
        return [
            messages.encode("bot-tts-started"),
            messages.encode("bot-started-speaking"),
            *(messages.text("bot-tts-text", sentence) for sentence in waiting),
        ]

    def _answered(self, answer: _Answer, response: Mapping[str, object]) -> list[str]:
        told: list[str] = []
        if answer.is_thinking:
            answer.is_thinking = False
            told.append(messages.encode("bot-llm-stopped"))
        if answer.is_voiced:
            answer.is_voiced = False
            told.append(messages.encode("bot-tts-stopped"))
        if response.get("status") != "completed":
            for call_id, name in self._calls.items():
                told.append(messages.call_stopped(name, call_id, cancelled=True))
        self._calls.clear()
        return told

    def _spoke(self, answer: _Answer, *, was_heard: bool) -> list[str]:
        if not answer.is_speaking:
            return []
        answer.is_speaking = False
        told: list[str] = []
        if answer.is_voiced:
            answer.is_voiced = False
            told.append(messages.encode("bot-tts-stopped"))
        if was_heard:
            told += [
                messages.bot_output(sentence, segment, "completed")
                for segment, sentence in answer.announced
            ]
        answer.announced.clear()
        return [*told, messages.encode("bot-stopped-speaking")]

    def _hush(self) -> list[str]:
        """The answer there was is over, however it ended."""
        answer, self._answer = self._answer, None
        if answer is None:
            return []
        return [*self._answered(answer, {}), *self._spoke(answer, was_heard=False)]

    # Function calls

    def _call_began(self, item: Mapping[str, object]) -> list[str]:
        if item.get("type") != "function_call":
            return []
        return [messages.call_started(_text(item, "name"))]

    def _call_whole(self, item: Mapping[str, object]) -> list[str]:
        if item.get("type") != "function_call" or item.get("status") == "incomplete":
            return []
        name, call_id = _text(item, "name"), _text(item, "call_id")
        self._called(call_id, name)
        self._calls[call_id] = name
        raw = _text(item, "arguments")
        try:
            arguments: object = msgspec.json.decode(raw or "{}")
        except msgspec.DecodeError:  # the model's text, which the client may still read
            arguments = raw
        return [messages.call_in_progress(name, call_id, arguments)]


def _speech(kind: str) -> list[str]:
    match kind.removeprefix("input_audio_buffer."):
        case "speech_started":
            return [messages.encode("user-started-speaking")]
        case "speech_stopped":
            return [messages.encode("user-stopped-speaking")]
        case _:
            return []


def _typed(item: Mapping[str, object]) -> str:
    """The words of a typed message; empty for every other item."""
    content = item.get("content")
    if item.get("role") != "user" or not isinstance(content, list):
        return ""
    parts = [
        cast("Mapping[str, object]", part)
        for part in cast("list[object]", content)
        if isinstance(part, Mapping)
    ]
    return "\n".join(_text(part, "text") for part in parts if part.get("type") == "input_text")


def _metrics(event: Mapping[str, object]) -> list[str]:
    """RTVI counts in seconds, by processor."""
    data: dict[str, list[dict[str, object]]] = {}
    for name, milliseconds in _object(event, "ms").items():
        place = _SECONDS.get(name)
        if place is not None and isinstance(milliseconds, int | float):
            data.setdefault(place, []).append(
                {"processor": f"visavis.{name}", "value": milliseconds / 1000}
            )
    return [messages.encode("metrics", data)] if data else []


def _without_id(event: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in event.items() if name != "event_id"}


def _text(event: Mapping[str, object], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


def _object(event: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = event.get(name)
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
