"""The queue into the thread: bounded media, orders in sequence, sleep until something comes."""

from __future__ import annotations

import threading

import numpy as np
from models_fakes import picture

from visavis.models.inbox import Inbox, Post
from visavis.runtime.frames import AudioChunk
from visavis.runtime.protocols import Slot

SLOT, OTHER = Slot(0, 1), Slot(1, 1)


def chunk(pts: int) -> AudioChunk:
    return AudioChunk(np.zeros(320, np.int16), pts, 0.0)


def test_everything_is_taken_at_once_and_in_order() -> None:
    inbox: Inbox[str] = Inbox(4)
    inbox.put("a")
    inbox.put_audio(SLOT, chunk(0))
    inbox.put("b")
    inbox.put_audio(SLOT, chunk(320))
    post = inbox.take(0.0)
    assert post.orders == ["a", "b"]
    assert [c.pts for c in post.audio[SLOT]] == [0, 320]
    assert not inbox.take(0.0)


def test_audio_is_bounded_for_each_slot() -> None:
    inbox: Inbox[str] = Inbox(2)
    for number in range(5):
        inbox.put_audio(SLOT, chunk(number))
    inbox.put_audio(OTHER, chunk(9))
    post = inbox.take(0.0)
    assert [c.pts for c in post.audio[SLOT]] == [3, 4]
    assert [c.pts for c in post.audio[OTHER]] == [9]
    assert inbox.dropped_audio == 3


def test_only_the_newest_picture_waits() -> None:
    inbox: Inbox[str] = Inbox(2)
    for value in (1, 2, 3):
        inbox.put_picture(SLOT, picture(value))
    assert inbox.take(0.0).pictures[SLOT].pts == 3 * 90
    assert inbox.dropped_pictures == 2


def test_a_picture_that_waits_can_be_dropped() -> None:
    inbox: Inbox[str] = Inbox(2)
    inbox.put_picture(SLOT, picture(1))
    inbox.put_picture(OTHER, picture(2))
    inbox.drop_picture(SLOT)
    inbox.drop_picture(SLOT)
    assert set(inbox.take(0.0).pictures) == {OTHER}


def test_what_waits_is_seen_without_taking_it() -> None:
    inbox: Inbox[str] = Inbox(2)
    assert not inbox.has_post
    inbox.put("stop")
    assert inbox.has_post
    inbox.take(0.0)
    assert not inbox.has_post
    inbox.put_audio(SLOT, chunk(0))
    assert inbox.has_post


def test_a_sleeper_is_woken_by_what_comes() -> None:
    inbox: Inbox[str] = Inbox(2)
    taken: list[Post[str]] = []
    sleeper = threading.Thread(target=lambda: taken.append(inbox.take(None)))
    sleeper.start()
    inbox.put("a")
    sleeper.join(10)
    assert [post.orders for post in taken] == [["a"]]


def test_a_sleep_may_end_with_nothing() -> None:
    inbox: Inbox[str] = Inbox(2)
    assert not inbox.take(0.001)
