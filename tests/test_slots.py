"""Slots: taken, refused, freed, and what is delivered to whom."""

from __future__ import annotations

import pytest

from visavis.models.slots import CLUMSY, SlotTable
from visavis.runtime.errors import EngineFull
from visavis.runtime.events import Event, Head, HeadReady, StageFailed, TokensReady, VoiceActivity
from visavis.runtime.protocols import Delivery, Slot


class Box:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, deliveries: list[Delivery]) -> None:
        self.events += [delivery.event for delivery in deliveries]


def given(*events: Event) -> list[Delivery]:
    return [Delivery(event, {}) for event in events]


def test_a_full_table_refuses_with_a_hint() -> None:
    table = SlotTable(1, retry_after_s=7.0)
    slot = table.open(Box())
    with pytest.raises(EngineFull, match="all 1 conversations .* come again in 7 s") as full:
        table.open(Box())
    assert full.value.retry_after_s == 7.0
    table.close(slot)
    assert table.open(Box()) == Slot(slot.index, slot.generation + 1)


def test_a_result_of_an_older_generation_reaches_nobody() -> None:
    table, one, two = SlotTable(1), Box(), Box()
    old = table.open(one)
    assert table.close(old)
    assert not table.close(old)
    new = table.open(two)
    table.deliver(old, given(VoiceActivity(512, 0.1)))
    assert (one.events, two.events, table.undelivered) == ([], [], 1)
    assert table.holds(new) and not table.holds(old)


def test_only_turns_under_way_are_delivered() -> None:
    table, box = SlotTable(1), Box()
    slot = table.open(box)
    head, token = HeadReady(3, Head.ANSWER, 1.0), TokensReady(3, " yes", False)
    table.deliver(slot, given(head))
    assert box.events == []
    table.admit_turn(slot, 3)
    table.deliver(slot, given(head, token, TokensReady(2, " old", True)))
    assert box.events == [head, token]
    table.drop_turn(slot, 3)
    table.deliver(slot, given(token, VoiceActivity(512, 0.1)))
    assert box.events == [head, token, VoiceActivity(512, 0.1)]


def test_an_answer_and_one_shadow_are_remembered_and_no_more() -> None:
    table, box = SlotTable(1), Box()
    slot = table.open(box)
    for turn in range(1, 6):
        table.admit_turn(slot, turn)
    events = [TokensReady(turn, " x", False) for turn in range(1, 6)]
    table.deliver(slot, given(*events))
    assert box.events == events[3:]


def test_everyone_is_told_of_the_end() -> None:
    table, one, two = SlotTable(3), Box(), Box()
    table.open(one)
    table.open(two)
    assert len(table) == 2
    table.fail_all("engine", "the device is gone")
    failure = StageFailed("engine", "the device is gone", is_fatal=True)
    assert (one.events, two.events) == ([failure], [failure])


class Owner:
    def __init__(self, is_clumsy: bool = False) -> None:
        self.is_clumsy = is_clumsy
        self.count = 0

    def take(self, deliveries: list[Delivery]) -> None:
        if self.is_clumsy:
            raise RuntimeError("dropped it")
        self.count += len(deliveries)


def test_an_owner_that_is_gone_does_not_keep_its_slot() -> None:
    table = SlotTable(2)
    stays, goes = Owner(), Owner()
    table.open(stays.take)
    slot = table.open(goes.take)
    assert table.gone() == []
    del goes
    assert table.gone() == [slot]
    table.deliver(slot, given(VoiceActivity(512, 0.1)))
    assert (table.undelivered, table.vanished) == (1, 1)


def test_who_fails_again_and_again_to_take_results_counts_as_gone() -> None:
    table, owner = SlotTable(1), Owner(is_clumsy=True)
    slot = table.open(owner.take)
    event = given(VoiceActivity(512, 0.1))
    for _ in range(CLUMSY - 1):
        table.deliver(slot, event)
    assert table.gone() == []
    owner.is_clumsy = False
    table.deliver(slot, event)
    owner.is_clumsy = True
    for _ in range(CLUMSY):
        table.deliver(slot, event)
    assert table.gone() == [slot]
