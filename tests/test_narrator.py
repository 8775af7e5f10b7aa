"""Messages once, in order, about items that exist."""

from __future__ import annotations

from runtime_fakes import told

from visavis.runtime.effects import Effect
from visavis.runtime.narrator import KEPT_ITEMS, Narrator


def first(effects: list[Effect]) -> object:
    return told(effects)[0]["type"]


def test_a_state_is_told_when_it_changes() -> None:
    narrator = Narrator("sess_1")
    assert narrator.state("listening") == []
    assert len(narrator.state("hearing")) == 1
    assert narrator.state("hearing") == []


def test_each_message_of_an_answer_is_sent_once() -> None:
    narrator = Narrator("sess_1")
    assert narrator.words("x") == []
    assert narrator.cut("turn_detected", "", 0) == []
    narrator.answer_began(None)
    assert len(narrator.playout_began()) == 2
    assert narrator.playout_began() == []
    assert len(narrator.words_done()) == 1
    assert narrator.words("late") == []
    assert len(narrator.answer_done("completed")) == 4
    assert narrator.answer_done("completed") == []
    assert len(narrator.playout_over()) == 1
    assert narrator.playout_over() == []


def test_an_unheard_answer_is_not_truncated() -> None:
    narrator = Narrator("sess_1")
    narrator.answer_began(None)
    kinds = [message["type"] for message in told([*narrator.cut("client_cancelled", "", 0)])]
    assert "conversation.item.truncated" not in kinds
    assert kinds[-1] == "response.done"


def test_items_follow_each_other_and_old_ones_are_forgotten() -> None:
    narrator = Narrator("sess_1")
    one = told([*narrator.typed("a", "x")])[0]
    two = told([*narrator.typed(None, "y")])[0]
    assert (one["previous_item_id"], two["previous_item_id"]) == (None, "a")
    assert first([*narrator.item("a", None)]) == "conversation.item.retrieved"
    for _ in range(KEPT_ITEMS):
        narrator.typed(None, "z")
    assert not narrator.has_item("a")
    assert first([*narrator.item("a", None)]) == "error"


def test_a_deleted_item_is_gone() -> None:
    narrator = Narrator("sess_1")
    narrator.typed("a", "x")
    narrator.typed("b", "y")
    assert first([*narrator.truncate("b", 3, None)]) == "conversation.item.truncated"
    assert first([*narrator.delete("b", None)]) == "conversation.item.deleted"
    assert first([*narrator.delete("b", None)]) == "error"
    assert told([*narrator.typed("c", "z")])[0]["previous_item_id"] == "a"
