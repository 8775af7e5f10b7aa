"""A client of the Realtime API in front of a session, every message judged by the SDK's models."""

from __future__ import annotations

from collections.abc import Mapping

from published_models import check, fields_of, published
from runtime_fakes import Talk, config_with

from visavis.runtime.abilities import Abilities
from visavis.runtime.audio_path import AudioPath
from visavis.runtime.client_messages import ClientMessages
from visavis.runtime.effects import Effect
from visavis.runtime.errors import BadInput
from visavis.runtime.realtime_config import as_message

ABLE = Abilities(pictures=4, history=True, instructions=True, tools=True, revises=True)


class Client:
    """A client's messages into a session, and every effect checked on the way back."""

    def __init__(
        self,
        path: AudioPath = AudioPath.MESSAGES,
        abilities: Abilities | None = None,
        own_tools: frozenset[str] = frozenset(),
        **update: object,
    ) -> None:
        able = abilities or Abilities()
        config = config_with(**update)
        self.talk = Talk(path=path, abilities=able, own_tools=own_tools, config=config)
        self.messages = ClientMessages(as_message(config), able, path)
        self.effects: list[Effect] = []

    def send(self, kind: str, **fields: object) -> list[Effect]:
        """One message; a refused one is answered as the runner does."""
        message = {"type": kind, "event_id": "evt", **fields}
        try:
            translated = self.messages.translate(message)
        except BadInput as error:
            effects: list[Effect] = [self.talk.session.narrator.bad(error, "evt")]
        else:
            effects = [e for event in translated.events for e in self.talk.give(event)]
            for reply in translated.replies:
                check(reply)
        published(effects)
        return effects

    def item(self, *content: Mapping[str, object], **fields: object) -> list[Effect]:
        item = {"type": "message", "role": "user", "content": list(content), **fields}
        return self.send("conversation.item.create", item=item)

    def text(self, text: str, **fields: object) -> list[Effect]:
        return self.item({"type": "input_text", "text": text}, **fields)

    def respond(self, **wish: object) -> list[Effect]:
        return self.send("response.create", response=wish)


def kinds(effects: list[Effect]) -> list[str]:
    return [str(message["type"]) for message in published(effects)]


def error_of(effects: list[Effect]) -> Mapping[str, object]:
    (message,) = [m for m in published(effects) if m["type"] == "error"]
    return fields_of(message, "error")


def response_of(effects: list[Effect], kind: str = "response.done") -> Mapping[str, object]:
    (message,) = [m for m in published(effects) if m["type"] == kind]
    return fields_of(message, "response")
