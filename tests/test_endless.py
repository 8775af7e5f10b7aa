"""Minutes of endless conversation on virtual time: memory stays, replay is exact, and what would
break either is found out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from models_fakes import Call, WritingStepper

from visavis.latency_bench.endless import Endless, Lasted, live_through
from visavis.latency_bench.endless_engine import Agenda
from visavis.latency_bench.endless_talk import PacedPlayout, Sounds, Still
from visavis.latency_bench.event_log import EventLog
from visavis.models.stepper import Pictures
from visavis.runtime.clock import VirtualClock
from visavis.runtime.effects import Effect
from visavis.runtime.items import Items
from visavis.runtime.replay import Happening

_VOICE = (np.random.default_rng(1).standard_normal(12_000) * 3000).astype(np.int16)
SOUNDS = Sounds([_VOICE], [_VOICE[:1200]])
SHOWN = [[np.full((48, 64, 3), level, np.uint8)] for level in (40, 200)]


class Forgetful(WritingStepper):
    """A stepper that writes nothing down: what it wrote would be growth."""

    def _note(self, *call: object) -> None:
        del call

    def look(self, slots: Sequence[int], pictures: Pictures) -> list[bool]:
        return [True] * len(slots)


class Hoarding(Forgetful):
    """One object more for each answer."""

    def __init__(self) -> None:
        super().__init__(4)
        self.hoard: list[Call] = []

    def commit(self, slot: int) -> None:
        self.hoard.append((slot, [[object()] for _ in range(20)]))


def lived(
    folder: Path, stepper: WritingStepper, *, turns: int = 24, sessions: int = 1, warm_up: int = 12
) -> Lasted:
    hours = (turns + warm_up) * 8 / 3600
    asked = Endless(hours=hours, sessions=sessions, cycle_s=8.0, warm_up=warm_up, every=1)
    return live_through(asked, stepper, SOUNDS, SHOWN, folder)


def test_every_event_of_several_conversations_replays_the_same(tmp_path: Path) -> None:
    lasted = lived(tmp_path, Forgetful(4), turns=10, sessions=2, warm_up=0)
    assert lasted.is_exact and not lasted.ended
    assert sum(one.happenings for one in lasted.replayed) == lasted.happenings > 4000
    assert lasted.turns >= 10
    counts = lasted.samples[-1].counts
    assert (counts["slots"], counts["waiting"]) == (2, 0)


def test_bounded_lists_that_are_full_are_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visavis.runtime.items.KEPT_ITEMS", 8)
    lasted = lived(tmp_path, Forgetful(4))
    assert lasted.samples[-1].counts["items"] == 8
    assert lasted.growth.is_flat, lasted.growth


def test_one_thing_kept_for_each_answer_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visavis.runtime.items.KEPT_ITEMS", 8)
    lasted = lived(tmp_path, Hoarding())
    assert not lasted.growth.is_flat and not lasted.is_good
    assert lasted.growth.objects > 10 * lasted.growth.turns


def test_a_session_that_remembers_what_is_not_in_its_log_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids that count on from one conversation to the next are no function of the log."""
    count = 0
    original = Items.add

    def add(self: Items, item_id: str, *rest: object, **named: object) -> str | None:
        nonlocal count
        count += 1
        before = original(self, item_id, *rest, **named)  # type: ignore[arg-type]
        return f"{before}_{count}"

    monkeypatch.setattr(Items, "add", add)
    lasted = lived(tmp_path, Forgetful(4), turns=8, warm_up=0)
    assert not lasted.is_exact and not lasted.is_good
    assert lasted.replayed[0].what


def test_the_agenda_keeps_the_order_of_time() -> None:
    agenda, done = Agenda(VirtualClock()), list[str]()
    agenda.at(2.0, lambda: done.append("second"))
    agenda.at(1.0, lambda: agenda.at(0.5, lambda: done.append("first, though late")))
    agenda.at(3.0, lambda: done.append("not yet"))
    agenda.run(2.5)
    assert done == ["first, though late", "second"]
    assert (agenda.clock.now(), len(agenda)) == (2.5, 1)


def test_the_playout_keeps_pace_and_stops_when_it_is_flushed() -> None:
    agenda = Agenda(VirtualClock())
    sent: list[tuple[int, int, bool]] = []
    playout = PacedPlayout(agenda, lambda turn, n, done, _: sent.append((turn, n, done)))
    playout.play(1, np.zeros(2400, np.int16), True)
    agenda.run(1.0)
    assert sent == [(1, 960, False), (1, 1920, False), (1, 2400, True)]
    playout.play(2, np.zeros(9600, np.int16), True)
    agenda.run(1.05)
    assert playout.flush() == sent[-1][1] < 9600
    count = len(sent)
    agenda.run(2.0)
    assert len(sent) == count


def test_a_picture_is_scaled_without_a_library() -> None:
    picture = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)
    assert Still(picture).rgb(8, 6).shape == (6, 8, 3)
    assert (Still(picture).rgb(64, 48) == picture).all()


def test_a_log_holds_nothing_in_memory_once_flushed(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log.gz")
    nothing: list[Effect] = []
    log.add(Happening(0.0, None), nothing)
    log.flush()
    assert log.path.stat().st_size >= 0 and log.count == 1
    log.close()
