"""Who comes after whom."""

from __future__ import annotations

import pytest

from visavis.runtime.errors import BadInput
from visavis.runtime.items import KEPT_ITEMS, Items, Kept


def picture(letters: int) -> Kept:
    return kept(content=[{"type": "input_image", "image_url": "x" * letters}])


def test_large_items_leave_sooner_and_the_newest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.runtime.items.KEPT_LETTERS", 100)
    items = Items()
    for name in ("a", "b", "c"):
        items.add(name, picture(30))
    assert "a" not in items and "b" in items
    items.replace("b", {"content": []})
    items.add("d", picture(30))
    assert "b" in items and len(items) == 3
    items.remove("c")
    items.add("e", picture(30))
    assert len(items) == 3
    items.add("f", picture(1000))
    assert len(items) == 1 and items.last == "f"
    items.remove("f")
    items.add("g", picture(30))
    items.add("h", picture(30))
    assert len(items) == 2


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
