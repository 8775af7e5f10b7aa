"""Tells the client what happens to the conversation, in the order the protocol wants. Decides nothing.

Keeps the items and gives them ids. What is told of a response is in `response_teller.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from . import messages
from .audio_path import AudioPath
from .effects import Effect, Emit
from .errors import BadInput
from .frames import HEARING_RATE
from .items import KEPT_ITEMS, Item, Items, Kept
from .response_options import ResponseOptions
from .response_teller import ResponseTeller

REPLAY_BYTES = 65_536
"""Items told in one message of a replay, unless one alone is larger: data channels take 256 KiB."""


class Narrator:
    """One conversation's messages. Every method returns the messages to send now."""

    def __init__(self, session_id: str, path: AudioPath = AudioPath.TRACK) -> None:
        self.tag = session_id.removeprefix("sess_")
        self.conversation_id = f"conv_{self.tag}"
        self.items = Items()
        self.is_transcribing = True
        """The client wants to be told what was understood."""
        self._path = path
        self._count = 0
        self._state = "listening"

    def state(self, name: str) -> list[Effect]:
        """Only when it changed."""
        if name == self._state:
            return []
        self._state = name
        return [Emit(messages.state(name))]

    def new_id(self, kind: str) -> str:
        """An id nobody has yet."""
        while True:
            self._count += 1
            made = f"{kind}_{self.tag}_{self._count}"
            if made not in self.items:  # a client may have chosen it
                return made

    # What the person says

    def onset(self, start_pts: int, *, is_told: bool = True) -> tuple[str, list[Effect]]:
        """Speech began; returns the id of the item it will be. Not told where the client itself
        finds the turns."""
        item_id = self.new_id("item")
        told: list[Effect] = self.state("hearing")
        if is_told:
            told.insert(0, Emit(messages.speech_started(item_id, _ms(start_pts))))
        return item_id, told

    def partial(self, item_id: str, text: str) -> list[Effect]:
        return [Emit(messages.transcript_partial(item_id, text))]

    def stopped(self, item_id: str, end_pts: int) -> list[Effect]:
        return [Emit(messages.speech_stopped(item_id, _ms(end_pts)))]

    def committed(self, item_id: str, turn: int | None = None) -> list[Effect]:
        """What was heard is an item now; its transcript comes when it is known."""
        item = messages.spoken_item(item_id, None)
        previous = self.items.last
        self.items.add(item_id, Kept(item, turn))
        told = [
            messages.audio_committed(item_id, previous),
            messages.item_added(item, previous),
            messages.item_done(item, previous),
        ]
        return [Emit(message) for message in told]

    def delta(self, item_id: str, text: str) -> list[Effect]:
        """More of the transcript, where the client wants it."""
        if not text or not self.is_transcribing:
            return []
        return [Emit(messages.transcription_delta(item_id, text))]

    def transcribed(self, item_id: str, transcript: str, seconds: float) -> list[Effect]:
        """The whole transcript is known."""
        self.items.replace(item_id, messages.spoken_item(item_id, transcript))
        if not self.is_transcribing:
            return []
        return [Emit(messages.transcription_completed(item_id, transcript, seconds))]

    def not_transcribed(self, item_id: str, why: str) -> list[Effect]:
        """There will be no transcript."""
        if not self.is_transcribing:
            return []
        return [Emit(messages.transcription_failed(item_id, why))]

    def utterance(
        self,
        item_id: str,
        start_pts: int,
        end_pts: int,
        transcript: str | None,
        *,
        turn: int | None = None,
    ) -> list[Effect]:
        """The utterance is a turn: stopped, committed, an item, its transcript."""
        told = self.stopped(item_id, end_pts) + self.committed(item_id, turn)
        if transcript is not None:
            seconds = (end_pts - start_pts) / HEARING_RATE
            told += self.delta(item_id, transcript)
            told += self.transcribed(item_id, transcript, seconds)
        return told

    def ignored(
        self, item_id: str, end_pts: int, why: str, *, is_told: bool = True
    ) -> list[Effect]:
        """The utterance was nothing to answer."""
        return [
            *(self.stopped(item_id, end_pts) if is_told else []),
            Emit(messages.utterance_ignored(item_id, why)),
            *self.state("listening"),
        ]

    # Items

    def typed(self, item_id: str | None, text: str, turn: int | None = None) -> list[Effect]:
        """The user's text entered the conversation."""
        item_id = item_id or self.new_id("item")
        return self.created(item_id, messages.typed_item(item_id, text), turn=turn)

    def created(
        self,
        item_id: str,
        item: Mapping[str, object],
        previous_item_id: str | None = None,
        *,
        turn: int | None = None,
    ) -> list[Effect]:
        """An item entered the conversation. Raises `BadInput` for a place that is not there."""
        whole: Item = {"id": item_id, **item}
        before = self.items.add(item_id, Kept(whole, turn), previous_item_id)
        return [
            Emit(messages.item_added(whole, before)),
            Emit(messages.item_done(whole, before)),
        ]

    def has_item(self, item_id: str) -> bool:
        return item_id in self.items

    def item(self, item_id: str, event_id: str | None) -> list[Effect]:
        """The item as it is now, or an error the client knows."""
        kept = self.items.get(item_id)
        if kept is None:
            return [self.no_item(item_id, "item_retrieve_invalid_item_id", event_id)]
        return [Emit(messages.item_retrieved(kept.item))]

    def replay(self) -> list[Effect]:
        """The conversation so far, for a client that knows nothing of it any more. That there was
        a picture is told, not the picture."""
        parts: list[list[Item]] = [[]]
        size = 0
        for whole in self.items:
            item = _without_pictures(whole)
            taken = len(msgspec.json.encode(item))
            if parts[-1] and size + taken > REPLAY_BYTES:
                parts.append([])
                size = 0
            parts[-1].append(item)
            size += taken
        last = len(parts) - 1
        return [
            Emit(messages.conversation_items(part, self._state, is_last=index == last))
            for index, part in enumerate(parts)
        ]

    def deleted(self, item_id: str) -> list[Effect]:
        """It is gone."""
        self.items.remove(item_id)
        return [Emit(messages.item_deleted(item_id))]

    def truncated(self, item_id: str, audio_end_ms: int, heard: str) -> list[Effect]:
        """The item keeps only what was heard."""
        kept = self.items.get(item_id)
        if kept is not None:
            status = str(kept.item["status"])
            self.items.replace(item_id, messages.answer_item(item_id, heard.strip(), status))
        return [Emit(messages.item_truncated(item_id, audio_end_ms))]

    # Answers

    def response(self, turn: int, options: ResponseOptions) -> ResponseTeller:
        """Who tells of a new response."""
        is_aside = options.is_out_of_band
        return ResponseTeller(
            turn,
            options,
            items=None if is_aside else self.items,
            conversation_id=None if is_aside else self.conversation_id,
            new_id=self.new_id,
            path=self._path,
        )

    # Errors

    @staticmethod
    def error(
        message: str,
        code: str,
        *,
        param: str | None = None,
        event_id: str | None = None,
        kind: str = "invalid_request_error",
    ) -> Emit:
        return Emit(messages.error(message, kind=kind, code=code, param=param, event_id=event_id))

    @staticmethod
    def bad(error: BadInput, event_id: str | None) -> Emit:
        """What a client sent can't be used."""
        told = messages.error(str(error), code=error.code, param=error.param, event_id=event_id)
        return Emit(told)

    @staticmethod
    def no_item(item_id: str, code: str, event_id: str | None) -> Emit:
        return Emit(
            messages.error(
                f"there is no item {item_id!r} in this conversation "
                f"(the newest {KEPT_ITEMS} are kept)",
                code=code,
                param="item_id",
                event_id=event_id,
            )
        )


def _without_pictures(item: Item) -> Item:
    content = item.get("content")
    if not isinstance(content, list):
        return item
    # Items are made by us: their content is a list of objects.
    parts = cast(list[Mapping[str, object]], content)
    shown = [{k: v for k, v in part.items() if k != "image_url"} for part in parts]
    return {**item, "content": shown}


def _ms(pts: int) -> int:
    return max(0, pts) * 1000 // HEARING_RATE
