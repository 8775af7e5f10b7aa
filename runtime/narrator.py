"""Tells the client what happens, in the order the protocol wants. Decides nothing.

Keeps the list of items the client was told about (bounded) and which of the answer's messages it
has seen, so that each is sent once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import messages
from .effects import Emit
from .frames import HEARING_RATE

KEPT_ITEMS = 256
"""Items that can still be retrieved; older ones are forgotten."""


@dataclass(slots=True)
class _Answer:
    """What the client has been told of the answer in progress."""

    response_id: str
    item_id: str
    previous_item_id: str | None
    metadata: Mapping[str, object] | None
    text: str = ""
    is_text_done: bool = False
    is_playing: bool = False
    is_done: bool = False


class Narrator:
    """One conversation's messages. Every method returns the messages to send now."""

    def __init__(self, session_id: str) -> None:
        self.tag = session_id.removeprefix("sess_")
        self.conversation_id = f"conv_{self.tag}"
        self._items: dict[str, messages.Item] = {}
        self._last_item: str | None = None
        self._count = 0
        self._state = "listening"
        self._answer: _Answer | None = None

    def state(self, name: str) -> list[Emit]:
        """Only when it changed."""
        if name == self._state:
            return []
        self._state = name
        return [Emit(messages.state(name))]

    # What the person says

    def onset(self, start_pts: int) -> tuple[str, list[Emit]]:
        """Speech began; returns the id of the item it will be."""
        item_id = self._new_id("item")
        return item_id, [
            Emit(messages.speech_started(item_id, _ms(start_pts))),
            *self.state("hearing"),
        ]

    def partial(self, item_id: str, text: str) -> list[Emit]:
        return [Emit(messages.transcript_partial(item_id, text))]

    def utterance(
        self, item_id: str, start_pts: int, end_pts: int, transcript: str | None
    ) -> list[Emit]:
        """The utterance is a turn: stopped, committed, an item, its transcript."""
        previous = self._last_item
        item = messages.spoken_item(item_id, transcript)
        self._keep(item_id, item)
        told = [
            messages.speech_stopped(item_id, _ms(end_pts)),
            messages.audio_committed(item_id, previous),
            messages.item_added(item, previous),
            messages.item_done(item, previous),
        ]
        if transcript is not None:
            seconds = (end_pts - start_pts) / HEARING_RATE
            if transcript:
                told.append(messages.transcription_delta(item_id, transcript))
            told.append(messages.transcription_completed(item_id, transcript, seconds))
        return [Emit(message) for message in told]

    def ignored(self, item_id: str, end_pts: int, why: str) -> list[Emit]:
        """The utterance was nothing to answer."""
        return [
            Emit(messages.speech_stopped(item_id, _ms(end_pts))),
            Emit(messages.utterance_ignored(item_id, why)),
            *self.state("listening"),
        ]

    def typed(self, item_id: str | None, text: str) -> list[Emit]:
        """A typed item entered the conversation."""
        item_id = item_id or self._new_id("item")
        previous = self._last_item
        item = messages.typed_item(item_id, text)
        self._keep(item_id, item)
        return [Emit(messages.item_added(item, previous)), Emit(messages.item_done(item, previous))]

    # The answer

    @property
    def response_id(self) -> str:
        """Of the newest answer; empty before the first."""
        return self._answer.response_id if self._answer else ""

    def answer_began(self, metadata: Mapping[str, object] | None) -> list[Emit]:
        answer = _Answer(self._new_id("resp"), self._new_id("item"), self._last_item, metadata)
        self._answer = answer
        item = messages.answer_item(answer.item_id, None, "in_progress")
        self._keep(answer.item_id, item)
        body = messages.response(
            answer.response_id,
            status="in_progress",
            output=[],
            conversation_id=self.conversation_id,
            metadata=metadata,
        )
        told = [
            messages.response_created(body),
            messages.output_item_added(answer.response_id, item),
            messages.item_added(item, answer.previous_item_id),
            messages.content_part_added(answer.response_id, answer.item_id),
        ]
        return [Emit(message) for message in told]

    def playout_began(self) -> list[Emit]:
        """The first audio of the answer goes out."""
        answer = self._answer
        if answer is None or answer.is_playing or answer.is_done:
            return []
        answer.is_playing = True
        return [Emit(messages.playout_started(answer.response_id)), *self.state("speaking")]

    def words(self, text: str) -> list[Emit]:
        """More words of the answer."""
        answer = self._answer
        if answer is None or answer.is_text_done or not text:
            return []
        answer.text += text
        return [Emit(messages.transcript_delta(answer.response_id, answer.item_id, text))]

    def words_done(self) -> list[Emit]:
        answer = self._answer
        if answer is None or answer.is_text_done:
            return []
        answer.is_text_done = True
        return [
            Emit(messages.transcript_done(answer.response_id, answer.item_id, answer.text.strip()))
        ]

    def answer_done(
        self, status: str, reason: str | None = None, failure: str | None = None
    ) -> list[Emit]:
        """Closes the response once. `status`: completed | cancelled | failed; `reason` of a
        cancelled one: turn_detected | client_cancelled; `failure` says why it failed."""
        answer = self._answer
        if answer is None or answer.is_done:
            return []
        told = self.words_done()
        answer.is_done = True
        text = answer.text.strip()
        item = messages.answer_item(
            answer.item_id, text, "completed" if status == "completed" else "incomplete"
        )
        self._items[answer.item_id] = item
        details: dict[str, object] | None = None
        if status == "cancelled":
            details = {"type": "cancelled", "reason": reason or "client_cancelled"}
        elif status == "failed":
            details = {
                "type": "failed",
                "error": {"type": "server_error", "code": "answer_failed", "message": failure},
            }
        body = messages.response(
            answer.response_id,
            status=status,
            output=[item],
            conversation_id=self.conversation_id,
            metadata=answer.metadata,
            status_details=details,
            has_usage=True,
        )
        return told + [
            Emit(messages.content_part_done(answer.response_id, answer.item_id, text)),
            Emit(messages.output_item_done(answer.response_id, item)),
            Emit(messages.item_done(item, answer.previous_item_id)),
            Emit(messages.response_done(body)),
        ]

    def playout_over(self) -> list[Emit]:
        """Everything was played."""
        answer = self._answer
        if answer is None or not answer.is_playing:
            return []
        answer.is_playing = False
        return [Emit(messages.playout_stopped(answer.response_id))]

    def cut(self, reason: str, heard: str, heard_ms: int) -> list[Emit]:
        """The answer was stopped after `heard`; the item keeps only that."""
        return self._stop("cancelled", heard, heard_ms, reason=reason)

    def failed(self, why: str, heard: str, heard_ms: int) -> list[Emit]:
        """The answer can't go on."""
        return self._stop("failed", heard, heard_ms, failure=why)

    def _stop(
        self,
        status: str,
        heard: str,
        heard_ms: int,
        *,
        reason: str | None = None,
        failure: str | None = None,
    ) -> list[Emit]:
        answer = self._answer
        if answer is None:
            return []
        told: list[Emit] = []
        if answer.is_playing:
            answer.is_playing = False
            told += [
                Emit(messages.playout_cleared(answer.response_id)),
                Emit(messages.item_truncated(answer.item_id, heard_ms)),
            ]
        told += self.answer_done(status, reason, failure)
        self._items[answer.item_id] = messages.answer_item(
            answer.item_id, heard.strip(), "incomplete"
        )
        return told

    # Items

    def has_item(self, item_id: str) -> bool:
        return item_id in self._items

    def item(self, item_id: str, event_id: str | None) -> list[Emit]:
        """The item as it is now, or an error the client knows."""
        if item_id not in self._items:
            return [self._no_item(item_id, "item_retrieve_invalid_item_id", event_id)]
        return [Emit(messages.item_retrieved(self._items[item_id]))]

    def delete(self, item_id: str, event_id: str | None) -> list[Emit]:
        if self._items.pop(item_id, None) is None:
            return [self._no_item(item_id, "item_delete_invalid_item_id", event_id)]
        if self._last_item == item_id:
            self._last_item = next(reversed(self._items), None)
        return [Emit(messages.item_deleted(item_id))]

    def truncate(self, item_id: str, audio_end_ms: int, event_id: str | None) -> list[Emit]:
        if item_id not in self._items:
            return [self._no_item(item_id, "item_truncate_invalid_item_id", event_id)]
        return [Emit(messages.item_truncated(item_id, audio_end_ms))]

    @staticmethod
    def _no_item(item_id: str, code: str, event_id: str | None) -> Emit:
        return Emit(
            messages.error(
                f"there is no item {item_id!r} in this conversation "
                f"(the newest {KEPT_ITEMS} are kept)",
                code=code,
                param="item_id",
                event_id=event_id,
            )
        )

    def _new_id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self.tag}_{self._count}"

    def _keep(self, item_id: str, item: messages.Item) -> None:
        self._items[item_id] = item
        self._last_item = item_id
        while len(self._items) > KEPT_ITEMS:
            del self._items[next(iter(self._items))]


def _ms(pts: int) -> int:
    return pts * 1000 // HEARING_RATE
