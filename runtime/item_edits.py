"""What a client does to items that are there: delete them, shorten what was said.

A model that can't forget a single thing says so: an edit is carried out or answered by an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from .effects import CancelTurn, Effect, EraseItem, FlushPlayout, ReviseTurn
from .errors import BadInput
from .events import ItemDeleted, ItemTruncated
from .frames import SPEAKING_RATE
from .item_requests import ItemRequests
from .items import Kept
from .narrator import Narrator


class ItemEdits(ItemRequests):
    """Deleting and truncating."""

    def _item_deleted(self, event: ItemDeleted, now: float) -> list[Effect]:
        item_id = event.item_id
        kept = self.narrator.items.get(item_id)
        if kept is None:
            return [Narrator.no_item(item_id, "item_delete_invalid_item_id", event.event_id)]
        live = self._live
        if live is not None and kept.is_answer and kept.turn == live.turn and not live.is_done:
            return [
                Narrator.error(
                    f"{item_id!r} is being said: cancel the response first",
                    "item_delete_in_progress",
                    param="item_id",
                    event_id=event.event_id,
                )
            ]
        try:
            effects = self._take_out(item_id, kept, now)
        except BadInput as error:
            return [Narrator.bad(error, event.event_id)]
        return [*self.narrator.deleted(item_id), *effects]

    def _take_out(self, item_id: str, kept: Kept, now: float) -> list[Effect]:
        """The context forgets an item. Raises `BadInput` where it can't."""
        able = self.abilities
        if item_id in self._typed and not (able.pictures and _shows_picture(kept)):
            del self._typed[item_id]
            return [EraseItem(item_id)] if able.history else []
        if any(spoken.item_id == item_id for spoken in self._unanswered):
            if len(self._unanswered) > 1 or self._utterance is not None or self._live is not None:
                raise _cant_edit(item_id, "it is answered together with what was said around it")
            self._unanswered.clear()
            return self._forget("deleted", now)
        if able.history:
            if kept.turn is not None and kept.item.get("type") == "function_call":
                raise _cant_edit(item_id, "a function call is part of the answer that made it")
            return [EraseItem(item_id)]
        if able.revises:
            turn = kept.turn
            return [] if turn is None else [ReviseTurn(turn, "" if kept.is_answer else None)]
        raise _cant_edit(item_id, "this model can't forget a single thing that it took in or said")

    def _item_truncated(self, event: ItemTruncated, now: float) -> list[Effect]:
        """The client knows best what was heard."""
        kept = self.narrator.items.get(event.item_id)
        if kept is None:
            return [
                Narrator.no_item(event.item_id, "item_truncate_invalid_item_id", event.event_id)
            ]
        turn, samples = kept.turn, event.audio_end_ms * SPEAKING_RATE // 1000
        try:
            if not kept.is_answer or turn is None or kept.item.get("type") != "message":
                raise BadInput(
                    f"{event.item_id!r} is no spoken answer: only these can be truncated",
                    param="item_id",
                )
            if event.content_index != 0:
                raise BadInput(
                    f"content_index is {event.content_index}: the audio is at 0",
                    param="content_index",
                )
            queued = self.playback.queued_samples(turn)
            if self.playback.has(turn) and samples > queued:
                raise BadInput(
                    f"audio_end_ms is {event.audio_end_ms}: the audio has only "
                    f"{queued * 1000 // SPEAKING_RATE} ms",
                    param="audio_end_ms",
                )
        except BadInput as error:
            return [Narrator.bad(error, event.event_id)]
        heard = self.playback.said_by(turn, samples)
        is_whole = self.playback.has(turn) and samples >= queued
        was_cut = kept.item.get("status") == "incomplete"
        is_newest = turn == self._begun
        is_late = self._cut_late is not None and self._cut_late.turn == turn
        if not (is_newest or is_late or is_whole or was_cut or self.abilities.revises):
            # What was cut keeps what was reckoned as heard; the newest answer can still be cut.
            why = "this model can't shorten what it said before its newest answer"
            return [Narrator.bad(_cant_edit(event.item_id, why), event.event_id)]
        told = self.narrator.truncated(event.item_id, event.audio_end_ms, heard)
        live = self._live
        if live is not None and live.turn == turn and live.is_done:
            # Said, and now stopped by the client.
            self._drop_live(now)
            flush: list[Effect] = [FlushPlayout(turn)] if self._is_track else []
            teller = live.teller
            over = teller.playout_over() if teller is not None else []
            return [
                CancelTurn(turn, heard),
                *flush,
                *told,
                *over,
                *self._report(live),
                *self.narrator.state("listening"),
            ]
        if live is not None and live.turn == turn:
            # It goes on; when it is cut, this is what was heard of it.
            self.playback.played(turn, samples)
            return told
        if is_late:
            self._cut_late = None
            return [CancelTurn(turn, heard), *told]
        if self.abilities.revises:
            return [ReviseTurn(turn, heard), *told]
        if is_newest and not (is_whole or was_cut):
            return [CancelTurn(turn, heard), *told]
        return told


def _shows_picture(kept: Kept) -> bool:
    parts = kept.item.get("content")
    # Items are made by us: their content is a list of objects.
    content = cast(list[Mapping[str, object]], parts) if isinstance(parts, list) else []
    return any(part.get("type") == "input_image" for part in content)


def _cant_edit(item_id: str, why: str) -> BadInput:
    return BadInput(
        f"{item_id!r} stays as it is: {why}", code="unsupported_item_edit", param="item_id"
    )
