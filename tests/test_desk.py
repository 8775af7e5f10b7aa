"""What waits to be told, and that one conversation's failure is no other's."""

from __future__ import annotations

from collections.abc import Sequence

from visavis.models.desk import Desk, sentence
from visavis.models.hearing import HearingGate, HearingSettings
from visavis.models.orders import EngineMetrics
from visavis.models.overload import Ladder, LadderSettings, Rung
from visavis.models.place import Place
from visavis.models.stepper import SlotFailed
from visavis.models.windows import WindowCutter
from visavis.runtime.clock import VirtualClock
from visavis.runtime.events import LoadChanged, StageFailed, VoiceActivity
from visavis.runtime.protocols import Delivery, Slot


class Office:
    """A desk with some places."""

    def __init__(self, places: int = 3) -> None:
        self.clock, self.metrics = VirtualClock(1.0), EngineMetrics()
        self.posts: list[dict[Slot, list[Delivery]]] = []
        ladder = Ladder(LadderSettings(), 1.0)
        self.desk = Desk(self.clock, self.metrics, ladder, self.posts.append)
        self.places = [
            Place(Slot(index, 1), WindowCutter(10), HearingGate(HearingSettings()))
            for index in range(places)
        ]
        for place in self.places:
            self.desk.places[place.slot] = self.desk.active[place.slot.index] = place

    def told(self, index: int) -> list[object]:
        self.desk.deliver()
        return [d.event for post in self.posts for d in post.get(Slot(index, 1), [])]


def heard(pts: int) -> VoiceActivity:
    return VoiceActivity(pts, 0.5)


def test_results_wait_together_and_one_can_be_put_before_others() -> None:
    office = Office()
    one, two, _ = office.places
    office.desk.tell(one, heard(1), {})
    at = office.desk.untold(one)
    office.desk.tell(one, heard(3), {})
    office.desk.tell(one, heard(2), {"arrived": 0.5}, at=at)
    office.desk.tell(two, heard(9), {})
    assert office.posts == []
    assert office.told(0) == [heard(1), heard(2), heard(3)]
    assert office.told(1) == [heard(9)]
    assert len(office.posts) == 1, "nothing more waited"
    assert office.desk.untold(one) == 0


def test_the_oldest_result_says_since_when() -> None:
    office = Office()
    office.clock.advance(2.0)
    office.desk.tell(office.places[0], heard(1), {})
    office.clock.advance(1.0)
    office.desk.tell(office.places[1], heard(1), {})
    assert office.desk.since == 3.0


def test_the_slot_that_fails_ends_and_the_others_are_served_once() -> None:
    office = Office()
    served: list[int] = []

    def serve(some: Sequence[Place]) -> list[str]:
        done: list[str] = []
        for place in some:
            if place.slot.index == 1:
                raise SlotFailed(done) from ValueError("torn")
            served.append(place.slot.index)
            done.append(f"result {place.slot.index}")
        return done

    found = office.desk.for_each("look", office.places, serve)
    assert [(place.slot.index, result) for place, result in found] == [
        (0, "result 0"),
        (2, "result 2"),
    ]
    assert served == [0, 2]
    assert office.told(1) == [StageFailed("model", "ValueError: torn", is_fatal=True)]
    assert [place.slot.index for place in office.desk.alive(office.places)] == [0, 2]
    assert 1 not in office.desk.active
    assert office.metrics.failures == 1


def test_what_is_done_for_one_place_ends_that_one_only() -> None:
    office = Office(2)

    def fail() -> None:
        raise KeyError("gone")

    office.desk.guard(office.places[0], fail)
    office.desk.guard(office.places[1], lambda: None)
    assert len(office.desk.places) == 1
    assert office.told(1) == []


def test_without_memory_nobody_new_is_taken_and_everybody_is_told() -> None:
    office = Office(2)
    office.desk.fail(office.places[0], MemoryError("out of memory"))
    assert office.desk.ladder.rung is Rung.REFUSE
    (load,) = office.told(1)
    assert isinstance(load, LoadChanged) and load.level == Rung.REFUSE
    assert (office.metrics.exhausted, office.metrics.rung) == (1, Rung.REFUSE)


def test_an_error_is_told_as_a_sentence() -> None:
    assert sentence(ValueError("torn")) == "ValueError: torn"
