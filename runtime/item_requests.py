"""What a client puts into the conversation: items, recorded messages, pictures."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from . import messages
from .effects import Effect, InsertItem, LookAt
from .errors import BadInput
from .events import ItemAudioBegun, ItemCreated
from .item_input import EncodedPicture, NewItem
from .items import ROOT
from .listening import Listening
from .narrator import Narrator
from .session_state import words_in

MAX_TYPED = 32
"""Typed items that may wait for one answer."""
MAX_PICTURES = 8
"""Pictures of messages that may wait to be looked at."""
LOOK_S = 5.0
"""Seconds one picture may take to be looked at."""


@dataclass(slots=True)
class Looking:
    """A picture of a message that the model is to see."""

    picture: EncodedPicture
    pts: int
    since: float


class ItemRequests(Listening):
    """The list the client sees, and the context behind it."""

    def _begin(self) -> None:
        self._looking: deque[Looking] = deque()
        self._pictures_shown = 0

    @property
    def is_looking(self) -> bool:
        """Pictures of messages come first: the camera waits."""
        return bool(self._looking)

    def _item_created(self, event: ItemCreated, now: float) -> list[Effect]:
        try:
            self._check_new(event)
        except BadInput as error:
            return [Narrator.bad(error, event.event_id)]
        new = event.new
        item_id = event.item_id or self.narrator.new_id("item")
        item = new.item if new is not None else messages.typed_item(item_id, event.text)
        before = self.narrator.items.last
        effects = self.narrator.created(item_id, item, event.previous_item_id)
        if self.abilities.history:
            after = event.previous_item_id or before
            effects.append(InsertItem({"id": item_id, **item}, None if after == ROOT else after))
        text = new.text if new is not None else event.text
        if item.get("type") == "message" and item.get("role") == "user":
            if text:
                self._keep_typed(item_id, text, event.previous_item_id)
            for picture in new.pictures if new is not None else ():
                effects += self._show(picture, now)
        elif item.get("type") == "function_call_output":
            self._hand(text=words_in(text))
            if not self.abilities.history:
                self._recitals.append(text)
        return effects

    def _item_audio_begun(self, event: ItemAudioBegun) -> list[Effect]:
        """What is heard from now on is a recorded message; nothing of it is a turn."""
        try:
            if event.item_id in self.narrator.items:
                raise BadInput(
                    f"there is an item {event.item_id!r} already: choose another id",
                    code="item_create_duplicate_item_id",
                    param="item.id",
                )
            if not self.narrator.items.is_end(event.previous_item_id):
                raise BadInput(
                    "what is heard comes last: leave previous_item_id out",
                    code="unsupported_position",
                    param="previous_item_id",
                )
            if self._utterance is not None or (
                not self.rules.listens and self.gate.pts > self._buffer_pts
            ):
                raise BadInput(
                    "the input audio buffer is not empty: commit or clear it first",
                    code="input_audio_buffer_not_empty",
                    param="item.content",
                )
        except BadInput as error:
            return [Narrator.bad(error, event.event_id)]
        self._item_audio = event.item_id
        self._buffer_pts = self.gate.pts
        self._rules = replace(self._rules, listens=False, creates=False, interrupts=False)
        return []

    @property
    def is_taking_item_audio(self) -> bool:
        """A recorded message is being heard."""
        return self._item_audio is not None

    def _check_new(self, event: ItemCreated) -> None:
        """Raises `BadInput` for an item that can't be had."""
        if event.item_id is not None and event.item_id in self.narrator.items:
            raise BadInput(
                f"there is an item {event.item_id!r} already: choose another id",
                code="item_create_duplicate_item_id",
                param="item.id",
            )
        items, previous = self.narrator.items, event.previous_item_id
        is_end = items.is_end(previous)
        if len(self._typed) >= MAX_TYPED:
            raise BadInput(
                f"{MAX_TYPED} typed items wait for an answer: send response.create",
                code="too_many_items",
            )
        new = event.new
        if new is None:
            return
        self.check_possible(new, "item")
        if len(self._looking) + len(new.pictures) > MAX_PICTURES:
            raise BadInput(
                f"{MAX_PICTURES} pictures wait to be looked at: send fewer at a time",
                code="too_many_items",
                param="item.content",
            )
        if new.kind == "function_call_output":
            call_id = str(new.item["call_id"])
            if not items.has_call(call_id):
                raise BadInput(
                    f"no function was called with call_id {call_id!r}",
                    code="invalid_function_call_output",
                    param="item.call_id",
                )
            if items.has_output(call_id) or call_id in self._calls:
                raise BadInput(
                    f"the call {call_id!r} has its output already, or gets it here",
                    code="invalid_function_call_output",
                    param="item.call_id",
                )
        if not is_end and not self.abilities.history and not self._is_waiting_place(previous):
            raise BadInput(
                "this model's context grows at its end: leave previous_item_id out",
                code="unsupported_position",
                param="previous_item_id",
            )

    def _is_waiting_place(self, previous: str | None) -> bool:
        """Everything from there on still waits for an answer."""
        items = self.narrator.items
        return len(items) - items.place(previous) <= len(self._typed) and items.last in self._typed

    def check_possible(self, new: NewItem, where: str) -> None:
        """Raises `BadInput` for what this model takes no notice of."""
        if len(new.pictures) > self.abilities.pictures:
            raise BadInput(
                f"{where}.content has {len(new.pictures)} pictures: this model looks at "
                f"{self.abilities.pictures} at a time",
                code="unsupported_content",
                param=f"{where}.content",
            )
        if self.abilities.history or new.role == "user":
            return
        if new.kind == "function_call_output" and self.abilities.calls:
            return
        what = f"a {new.role} message" if new.role else f"a {new.kind}"
        raise BadInput(
            f"{where} is {what}: this model takes in only what the user says, types and shows",
            code="unsupported_item",
            param=where,
        )

    def _keep_typed(self, item_id: str, text: str, previous: str | None) -> None:
        """Waiting texts are asked in the order of their items."""
        self._typed[item_id] = text
        if previous is not None and len(self._typed) > 1:
            places = self.narrator.items
            order = sorted(
                self._typed, key=lambda name: places.place(name) if name in places else 0
            )
            self._typed = {name: self._typed[name] for name in order}

    # Pictures

    def _show(self, picture: EncodedPicture, now: float) -> list[Effect]:
        self._pictures_shown += 1
        self._looking.append(Looking(picture, -self._pictures_shown, now))
        return self._look_next(now) if len(self._looking) == 1 else []

    def _look_next(self, now: float) -> list[Effect]:
        if not self._looking:
            return []
        looking = self._looking[0]
        looking.since = now
        return [LookAt(looking.picture, looking.pts)]

    def _was_seen(self, pts: int, now: float) -> list[Effect]:
        """A picture of a message is in the context; the next one's turn."""
        if not self._looking or self._looking[0].pts != pts:
            return []
        self._looking.popleft()
        return self._look_next(now)

    def _was_not_seen(self, why: str, now: float) -> list[Effect]:
        """The picture in hand can't be looked at."""
        if not self._looking:
            return []
        self._looking.popleft()
        told = self.narrator.error(
            f"the picture can't be looked at: {why}", "invalid_image", param="item.content"
        )
        return [told, *self._look_next(now)]
