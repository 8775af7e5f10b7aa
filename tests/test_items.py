"""Who comes after whom."""

from __future__ import annotations

import pytest

from visavis.runtime.errors import BadInput
from visavis.runtime.items import KEPT_ITEMS, Items, Kept


def kept(**item: object) -> Kept:
    return Kept(dict(item))


def test_items_have_an_order_and_know_who_is_before_them() -> None:
    items = Items()
    assert items.last is None
    assert items.add("a", kept()) is None
    assert items.add("c", kept()) == "a"
    assert items.add("b", kept(), "a") == "a"
    assert items.add("first", kept(), "root") is None
    assert items.last == "c"
    assert items.is_end(None) and items.is_end("c") and not items.is_end("a")
    items.remove("c")
    assert items.last == "b"
    assert items.remove("c") is None
    with pytest.raises(BadInput):
        items.place("c")


def test_only_the_newest_are_kept() -> None:
    items = Items()
    for index in range(KEPT_ITEMS + 3):
        items.add(f"i{index}", kept())
    assert len(items) == KEPT_ITEMS
    assert "i2" not in items and "i3" in items


def test_a_replaced_item_keeps_its_place() -> None:
    items = Items()
    items.add("a", kept(x=1))
    items.replace("a", {"x": 2})
    items.replace("gone", {"x": 3})
    found = items.get("a")
    assert found is not None and found.item == {"x": 2}
    assert items.get("gone") is None


def test_calls_and_their_outputs_are_found() -> None:
    items = Items()
    items.add("a", kept(type="function_call", call_id="c"))
    assert items.has_call("c") and not items.has_call("d")
    assert not items.has_output("c")
    items.add("b", kept(type="function_call_output", call_id="c"))
    assert items.has_output("c")
