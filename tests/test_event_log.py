"""A conversation's log on disk is the conversation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from runtime_fakes import Talk

from visavis.latency_bench.event_log import EventLog, checksum, replay_log
from visavis.runtime.effects import Play
from visavis.runtime.replay import Happening, replay
from visavis.runtime.session import Session


def recorded(path: Path) -> Talk:
    talk = Talk()
    talk.answering()
    talk.speech(3)  # into the answer
    talk.pause(5)
    twin = Session("sess_test")
    log = EventLog(path)
    for happening, effects in zip(talk.log, replay(twin, talk.log), strict=True):
        log.add(happening, effects)
    log.close()
    log.close()
    return talk


def test_the_same_happenings_have_the_same_effects(tmp_path: Path) -> None:
    talk = recorded(tmp_path / "log.gz")
    again = replay_log(tmp_path / "log.gz", Session("sess_test"))
    assert again.first_difference is None
    assert (again.happenings, again.effects) == (len(talk.log), len(talk.effects))


def test_a_session_that_does_something_else_is_found_out(tmp_path: Path) -> None:
    talk = recorded(tmp_path / "log.gz")
    again = replay_log(tmp_path / "log.gz", Session("sess_other"))
    assert again.first_difference is not None
    assert again.what == type(talk.log[again.first_difference].event).__name__


def test_long_logs_are_written_in_pieces(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log.gz")
    for number in range(2500):
        log.add(Happening(number / 10, None), [])
    log.close()
    assert replay_log(tmp_path / "log.gz", Session("sess_test", now=0.0)).happenings == log.count


def test_every_sample_counts() -> None:
    long = np.zeros(48_000, np.int16)
    other = long.copy()
    other[24_000] = 1
    assert repr(Play(1, long, "", True)) == repr(Play(1, other, "", True))
    assert checksum([Play(1, long, "", True)]) != checksum([Play(1, other, "", True)])
    assert checksum([]) == 0
