"""The engine's work, tick by tick and without its thread."""

from __future__ import annotations

import numpy as np
from models_fakes import LevelVad, WritingStepper, picture, windows

from visavis.models.hearing import HearingSettings
from visavis.models.inbox import Inbox
from visavis.models.orders import (
    Camera,
    Cancel,
    Close,
    Commit,
    EngineMetrics,
    Forget,
    Open,
    Order,
    Retract,
    Start,
    Stop,
)
from visavis.models.worker import WAITING_WINDOWS, WINDOWS_PER_TICK, Worker
from visavis.runtime.clock import VirtualClock
from visavis.runtime.events import (
    Event,
    PictureSeen,
    TokensReady,
    TranscriptChanged,
    VoiceActivity,
)
from visavis.runtime.frames import AudioChunk
from visavis.runtime.protocols import Delivery, Slot

ONE, TWO = Slot(0, 1), Slot(1, 1)


class Bench:
    """A worker whose ticks the test calls."""

    def __init__(self, words: int = 3) -> None:
        self.stepper = WritingStepper(words=words)
        self.vad = LevelVad(4)
        self.inbox: Inbox[Order] = Inbox(200)
        self.metrics = EngineMetrics()
        self.posts: list[dict[Slot, list[Delivery]]] = []
        self.clock = VirtualClock(5.0)
        self.worker = Worker(
            lambda: self.stepper,
            lambda _slots: self.vad,
            2,
            self.inbox,
            self.clock,
            HearingSettings(),
            self.metrics,
            self.posts.append,
        )
        self.worker.load()
        self.order(Open(ONE), Open(TWO))
        self.tick()
        self.stepper.calls.clear()

    def order(self, *orders: Order) -> None:
        for order in orders:
            self.inbox.put(order)

    def start(self, slot: Slot, turn: int, text: str | None = "hello") -> None:
        self.order(Start(slot, turn, text, None, self.clock.now()))

    def tick(self, times: int = 1) -> list[object]:
        """The names of the steps it made."""
        before = len(self.stepper.calls)
        for _ in range(times):
            self.worker.tick()
        return [call[0] for call in self.stepper.calls[before:]]

    def events(self, slot: Slot, kind: type[Event] | None = None) -> list[Event]:
        found = [d.event for post in self.posts for d in post.get(slot, [])]
        return [event for event in found if kind is None or isinstance(event, kind)]


def test_a_tick_posts_once_and_only_results() -> None:
    bench = Bench()
    assert bench.posts == []
    bench.inbox.put_audio(ONE, windows(0, [0.9]))
    bench.inbox.put_audio(TWO, windows(0, [0.0]))
    bench.tick()
    assert len(bench.posts) == 1
    assert bench.events(ONE) == [VoiceActivity(512, bench_level(0.9)), changed("1 windows", 512)]
    assert bench.events(TWO) == [VoiceActivity(512, 0.0)]


def bench_level(level: float) -> float:
    return float(np.float32(round(level * 32767) / 32768))


def changed(text: str, pts: int) -> TranscriptChanged:
    return TranscriptChanged(text, pts)


def test_a_new_answer_ends_the_tick_so_that_its_first_token_leaves() -> None:
    bench = Bench()
    bench.inbox.put_audio(TWO, windows(0, [0.9]))
    bench.start(ONE, 1)
    assert bench.tick() == ["begin", "next"]
    assert bench.events(TWO) == []
    assert bench.tick() == ["next", "next", "open_utterance", "hear"]


def test_answers_begin_together() -> None:
    bench = Bench()
    bench.start(ONE, 1, "a")
    bench.start(TWO, 1, "b")
    bench.tick()
    assert bench.stepper.calls == [("begin", (0, 1), ("a", "b")), ("next", (0, 1))]


def test_orders_are_obeyed_before_anything_is_computed() -> None:
    bench = Bench(words=100)
    bench.start(ONE, 1)
    bench.start(TWO, 1)
    bench.tick()
    bench.order(Commit(TWO, 1), Cancel(TWO, 1, " 1"), Retract(ONE, 1), Camera(ONE, False))
    assert bench.tick() == ["commit", "cancel", "retract", "set_camera"]


def test_the_encoder_catches_up_in_bounded_steps() -> None:
    bench = Bench(words=100)
    bench.start(ONE, 1)
    bench.tick()
    bench.inbox.put_audio(TWO, windows(0, [0.0] * 10 + [0.9]))
    assert bench.tick(10).count("hear") == 0
    for _ in range(2):
        steps = bench.tick()
        assert steps.count("hear") == WINDOWS_PER_TICK
        assert steps.count("next") == 2


def test_pictures_wait_for_talk_but_not_for_ever() -> None:
    bench = Bench(words=1000)
    bench.start(ONE, 1)
    bench.tick()
    bench.inbox.put_picture(TWO, picture(1))
    looks = ["look" in bench.tick() for _ in range(3)]
    assert looks == [False, False, True]
    assert bench.events(TWO, PictureSeen) == [PictureSeen(90, True)]


def test_a_picture_that_waits_makes_room_for_a_newer_one() -> None:
    bench = Bench(words=1000)
    bench.start(ONE, 1)
    bench.tick()
    bench.inbox.put_picture(TWO, picture(1))
    bench.tick()
    bench.inbox.put_picture(TWO, picture(2))
    bench.tick(2)
    assert bench.events(TWO, PictureSeen) == [PictureSeen(180, True)]
    assert bench.metrics.outdated_pictures == 1


def test_the_picture_that_waits_longest_is_looked_at_first() -> None:
    bench = Bench(words=1000)
    bench.start(ONE, 1)
    bench.tick()
    bench.inbox.put_picture(TWO, picture(2))
    bench.tick()
    bench.clock.advance(0.01)
    bench.inbox.put_picture(ONE, picture(1))
    looks = [call for call in bench.stepper.calls if call[0] == "look"]
    bench.tick(6)
    looks = [call for call in bench.stepper.calls if call[0] == "look"]
    assert looks == [("look", (1,), (2,)), ("look", (0,), (1,))]


def test_a_picture_is_held_back_for_a_moment_when_a_question_may_be_over() -> None:
    bench = Bench(words=1000)
    bench.inbox.put_audio(ONE, windows(0, [0.9, 0.0]))
    bench.tick(2)
    bench.inbox.put_picture(TWO, picture(1))
    bench.inbox.put_audio(ONE, windows(2, [0.0]))
    assert bench.tick() == ["hear"]
    bench.clock.advance(0.1)
    bench.start(ONE, 1, None)
    assert bench.tick() == ["begin", "next"]
    assert "look" in bench.tick(3)


def test_a_picture_is_not_held_back_for_long() -> None:
    bench = Bench()
    bench.inbox.put_audio(ONE, windows(0, [0.9, 0.0]))
    bench.tick(2)
    bench.inbox.put_picture(TWO, picture(1))
    bench.inbox.put_audio(ONE, windows(2, [0.0]))
    bench.tick()
    bench.clock.advance(0.2)
    assert bench.tick() == ["look"]


def test_a_camera_that_goes_off_drops_the_picture_that_waits() -> None:
    bench = Bench()
    bench.inbox.put_picture(ONE, picture(1))
    bench.order(Camera(ONE, False))
    assert bench.tick() == ["set_camera"]


def test_a_forgotten_utterance_takes_its_shadow_and_what_waits_with_it() -> None:
    bench = Bench()
    bench.inbox.put_audio(ONE, windows(0, [0.9, 0.0, 0.0]))
    bench.tick(3)
    bench.start(ONE, 1, None)
    bench.tick()
    bench.order(Forget(ONE))
    assert bench.tick() == ["retract", "forget"]
    bench.inbox.put_audio(ONE, windows(3, [0.9]))
    assert bench.tick()[0] == "open_utterance"


def test_noise_that_was_never_speech_is_forgotten_with_its_words() -> None:
    bench = Bench()
    bench.inbox.put_audio(ONE, windows(0, [0.4] + [0.0] * 30))
    assert "forget" in bench.tick(31)
    assert bench.events(ONE, TranscriptChanged)[-1] == changed("", 27 * 512)


def test_a_start_waits_for_the_committed_answer_before_it() -> None:
    bench = Bench(words=4)
    bench.start(ONE, 1)
    bench.order(Commit(ONE, 1))
    bench.tick()
    bench.start(ONE, 2, "next")
    bench.tick(4)
    names = bench.stepper.names()
    second = names.index("begin", 1)
    assert names[:second].count("next") == 4


def test_a_commit_of_a_start_not_yet_begun_begins_it() -> None:
    bench = Bench(words=1)
    bench.start(ONE, 1)
    bench.order(Commit(ONE, 1))
    assert bench.tick() == ["begin", "next", "commit"]
    bench.order(Commit(ONE, 1), Commit(ONE, 7))
    assert bench.tick() == []


def test_orders_for_a_turn_that_is_not_there_do_nothing() -> None:
    bench = Bench()
    bench.order(Retract(ONE, 4), Cancel(ONE, 5, "x"), Commit(ONE, 6))
    assert bench.tick() == []


def test_what_piles_up_is_dropped_from_its_old_end_and_keeps_its_time() -> None:
    bench = Bench()
    bench.inbox.put_audio(ONE, windows(0, [0.0] * (WAITING_WINDOWS + 5)))
    bench.tick()
    assert bench.metrics.dropped_windows == 5
    assert bench.events(ONE) == [VoiceActivity(6 * 512, 0.0)]


def test_media_of_a_slot_nobody_has_is_dropped() -> None:
    bench = Bench()
    bench.order(Close(ONE))
    bench.tick()
    bench.inbox.put_audio(ONE, windows(0, [0.9]))
    bench.inbox.put_picture(ONE, picture(1))
    assert bench.tick() == []
    assert bench.posts == []


def test_media_that_comes_with_the_opening_is_not_lost() -> None:
    bench = Bench()
    again = Slot(0, 2)
    bench.order(Close(ONE), Open(again))
    bench.inbox.put_audio(again, AudioChunk(np.zeros(512, np.int16), 0, 0.0))
    bench.tick()
    assert bench.events(again) == [VoiceActivity(512, 0.0)]
    assert bench.vad.resets[-1] == 0


def test_a_stop_ends_the_run() -> None:
    bench = Bench()
    bench.order(Stop())
    bench.worker.run()
    assert bench.metrics.ticks == 2


def test_a_batch_that_fails_is_tried_one_by_one() -> None:
    bench = Bench()
    bench.stepper.guilty = {1}
    bench.start(ONE, 1)
    bench.start(TWO, 1)
    bench.tick()
    begins = [call[1] for call in bench.stepper.calls if call[0] == "begin"]
    assert begins == [(0, 1), (0,), (1,)]
    assert len(bench.events(ONE, TokensReady)) == 1
    assert [type(event).__name__ for event in bench.events(TWO)] == ["StageFailed"]
    assert bench.metrics.failures == 1
