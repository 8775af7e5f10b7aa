"""What a client may rely on, whatever happens: the order of the Realtime API's server events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from published_models import fields_of, published

from visavis.runtime.audio_path import AudioPath
from visavis.runtime.effects import Effect


@dataclass
class Response:
    """What was told of one response."""

    conversation: object
    items: dict[str, str] = field(default_factory=dict[str, str])
    """Output items: open | done."""
    parts: dict[str, str] = field(default_factory=dict[str, str])
    """Content parts, by item: open | done."""
    over: set[str] = field(default_factory=set[str])
    """`*.done` of deltas that were told."""
    is_done: bool = False


class Follower:
    """Follows one session's events as a careful client would."""

    def __init__(self, path: AudioPath) -> None:
        self.path = path
        self.items: set[str] = set()
        self.responses: dict[str, Response] = {}
        self.speaking: str | None = None
        self.committed: str | None = None
        self.transcribed: set[str] = set()

    def follow(self, effects: Iterable[Effect]) -> list[Mapping[str, object]]:
        """Raises where the order is broken."""
        messages = published(effects)
        for message in messages:
            self._follow(str(message["type"]), message)
        return messages

    @property
    def active(self) -> list[str]:
        """Responses of the conversation that are not done."""
        return [
            name
            for name, response in self.responses.items()
            if not response.is_done and response.conversation is not None
        ]

    def _follow(self, kind: str, message: Mapping[str, object]) -> None:
        if kind.startswith("response."):
            self._response(kind, message)
        elif kind.startswith("conversation.item."):
            self._item(kind, message)
        elif kind.startswith("output_audio_buffer."):
            assert self.path is AudioPath.TRACK
            assert message["response_id"] in self.responses
        elif kind == "input_audio_buffer.speech_started":
            self.speaking = str(message["item_id"])
            assert self.speaking not in self.items
        elif kind == "input_audio_buffer.speech_stopped":
            assert message["item_id"] == self.speaking
            self.speaking = None
        elif kind == "input_audio_buffer.committed":
            self.committed = str(message["item_id"])

    def _item(self, kind: str, message: Mapping[str, object]) -> None:
        event = kind.removeprefix("conversation.item.")
        if event in ("added", "done"):
            item = fields_of(message, "item")
            item_id = str(item["id"])
            previous = message["previous_item_id"]
            assert previous is None or previous in self.items or event == "done"
            if event == "added":
                assert item_id not in self.items, "an id is given once"
                self.items.add(item_id)
            else:
                assert item_id in self.items
                assert item["status"] != "in_progress"
        elif event == "deleted":
            self.items.remove(str(message["item_id"]))
        elif event.startswith("input_audio_transcription"):
            item_id = str(message["item_id"])
            assert item_id in self.items, "a transcript of an item that is not there"
            assert item_id not in self.transcribed, "a transcript is told once"
            if not event.endswith("delta"):
                self.transcribed.add(item_id)
        elif event == "truncated":
            assert message["item_id"] in self.items

    def _response(self, kind: str, message: Mapping[str, object]) -> None:
        event = kind.removeprefix("response.")
        if event == "created":
            body = fields_of(message, "response")
            if body["conversation_id"] is not None:
                assert not self.active, "two active responses in one conversation"
            assert body["id"] not in self.responses
            self.responses[str(body["id"])] = Response(body["conversation_id"])
            return
        if event == "done":
            body = fields_of(message, "response")
            response = self.responses[str(body["id"])]
            assert not response.is_done, "a response is done once"
            assert set(response.items.values()) <= {"done"}, "an item was left open"
            assert set(response.parts.values()) <= {"done"}, "a part was left open"
            assert len(cast(list[object], body["output"])) == len(response.items)
            usage = cast(Mapping[str, int], body["usage"])
            assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
            response.is_done = True
            return
        response = self.responses[str(message["response_id"])]
        assert not response.is_done, f"{kind} after response.done"
        if event.startswith("output_item"):
            item = fields_of(message, "item")
            item_id = str(item["id"])
            if event.endswith("added"):
                assert item_id not in response.items
                assert message["output_index"] == len(response.items)
                assert item["status"] == "in_progress"
                response.items[item_id] = "open"
            else:
                assert response.items[item_id] == "open"
                assert response.parts.get(item_id, "done") == "done"
                response.items[item_id] = "done"
            return
        item_id = str(message["item_id"])
        assert response.items[item_id] == "open"
        if event == "content_part.added":
            response.parts[item_id] = "open"
            return
        if event == "content_part.done":
            assert response.parts[item_id] == "open"
            response.parts[item_id] = "done"
            return
        stream, _, what = event.rpartition(".")
        if stream == "output_audio":
            assert self.path is AudioPath.MESSAGES
        if not stream.startswith("function_call"):
            assert response.parts[item_id] == "open"
        assert f"{item_id} {stream}" not in response.over, f"{kind} after its end"
        if what == "done":
            response.over.add(f"{item_id} {stream}")
