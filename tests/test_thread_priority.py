"""The engine's thread goes before others where the system allows it, and says what it got."""

from __future__ import annotations

import os
import threading

import pytest

from visavis.models.thread_priority import NICE, REALTIME, Priority, raise_priority

Call = tuple[object, ...]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What the system is asked; nothing of it happens."""
    asked: list[Call] = []

    def policy(*args: object) -> None:
        asked.append(("policy", *args))

    def nice(*args: object) -> None:
        asked.append(("nice", *args))

    monkeypatch.setattr(os, "sched_setscheduler", policy)
    monkeypatch.setattr(os, "setpriority", nice)
    return asked


def refuse(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in names:
        monkeypatch.setattr(os, name, refused)


def test_a_normal_priority_asks_for_nothing(calls: list[Call]) -> None:
    assert raise_priority(Priority.NORMAL) is Priority.NORMAL
    assert calls == []


def test_a_high_priority_is_of_this_thread_alone(calls: list[Call]) -> None:
    found: list[Priority] = []
    thread = threading.Thread(target=lambda: found.append(raise_priority(Priority.HIGH)))
    thread.start()
    thread.join()
    assert found == [Priority.HIGH]
    assert calls == [("nice", os.PRIO_PROCESS, thread.native_id, NICE)]


def test_real_time_is_not_inherited(calls: list[Call]) -> None:
    assert raise_priority(Priority.REALTIME) is Priority.REALTIME
    ((_, thread, policy, param),) = calls
    assert thread == threading.get_native_id()
    assert policy == os.SCHED_RR | os.SCHED_RESET_ON_FORK
    assert isinstance(param, os.sched_param) and param.sched_priority == REALTIME


def test_what_is_not_allowed_is_the_next_lower(
    calls: list[Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "sched_setscheduler")
    assert raise_priority(Priority.REALTIME) is Priority.HIGH
    refuse(monkeypatch, "setpriority")
    assert raise_priority(Priority.REALTIME) is Priority.NORMAL
    assert raise_priority(Priority.HIGH) is Priority.NORMAL
