"""The conversation's items in their order, as the client sees them. Bounded; the oldest go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from .errors import BadInput

Item = dict[str, object]

KEPT_ITEMS = 256
"""Items that can still be retrieved; older ones are forgotten."""
KEPT_LETTERS = 33_554_432
"""Letters of all of them together, where pictures count with their base64; the newest is kept whole."""
ROOT = "root"
"""As previous_item_id: before every other item."""


@dataclass(slots=True)
class Kept:
    """An item and what it comes from."""

    item: Item
    turn: int | None = None
    """The answer it is a part of, or that its words were asked with."""
    is_answer: bool = False


class Items:
    """Ids are unique; who comes after whom is what clients see as previous_item_id."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._order: list[str] = []
        self._letters: dict[str, int] = {}
        self._total = 0

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._kept

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Item]:
        """The items in the conversation's order."""
        return (self._kept[item_id].item for item_id in self._order)

    @property
    def last(self) -> str | None:
        """Id of the last item."""
        return self._order[-1] if self._order else None

    def get(self, item_id: str) -> Kept | None:
        return self._kept.get(item_id)

    def place(self, previous: str | None) -> int:
        """Where an item goes that is to follow `previous` (None: the last). Raises `BadInput`."""
        if previous is None:
            return len(self._order)
        if previous == ROOT:
            return 0
        if previous not in self._kept:
            raise BadInput(
                f"there is no item {previous!r} to come after: leave previous_item_id out to append",
                code="invalid_previous_item_id",
                param="previous_item_id",
            )
        return self._order.index(previous) + 1

    def is_end(self, previous: str | None) -> bool:
        """An item after `previous` would be the last one."""
        return self.place(previous) == len(self._order)

    def add(self, item_id: str, kept: Kept, previous: str | None = None) -> str | None:
        """Returns the id of the item before it, None for the first."""
        at = self.place(previous)
        self._order.insert(at, item_id)
        self._kept[item_id] = kept
        self._weigh(item_id, kept.item)
        before = self._order[at - 1] if at else None
        while len(self._order) > KEPT_ITEMS or (
            self._total > KEPT_LETTERS and self._order[0] != item_id
        ):
            self._drop(self._order.pop(0))
        return before

    def replace(self, item_id: str, item: Mapping[str, object]) -> None:
        """The item has changed; nothing when it is gone."""
        if (kept := self._kept.get(item_id)) is not None:
            kept.item = dict(item)
            self._weigh(item_id, kept.item)

    def remove(self, item_id: str) -> Kept | None:
        """Take it out; None when there was none."""
        kept = self._kept.get(item_id)
        if kept is not None:
            self._order.remove(item_id)
            self._drop(item_id)
        return kept

    def _drop(self, item_id: str) -> None:
        del self._kept[item_id]
        self._total -= self._letters.pop(item_id)

    def _weigh(self, item_id: str, item: Item) -> None:
        letters = _letters(item)
        self._total += letters - self._letters.get(item_id, 0)
        self._letters[item_id] = letters

    def has_call(self, call_id: str) -> bool:
        """A function was called under this id."""
        return any(
            kept.item.get("type") == "function_call" and kept.item.get("call_id") == call_id
            for kept in self._kept.values()
        )

    def has_output(self, call_id: str) -> bool:
        """The call has its output already."""
        return any(
            kept.item.get("type") == "function_call_output" and kept.item.get("call_id") == call_id
            for kept in self._kept.values()
        )


def _letters(item: Item) -> int:
    """Of its texts, and of those of its parts."""
    parts = item.get("content")
    # Items are made by us: their content is a list of objects.
    content = cast(list[Mapping[str, object]], parts) if isinstance(parts, list) else []
    texts = (value for one in (item, *content) for value in one.values())
    return sum(len(text) for text in texts if isinstance(text, str))
