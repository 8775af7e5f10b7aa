"""The engine's work, tick by tick and without its thread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
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
from visavis.models.overload import LadderSettings, Rung
from visavis.models.scheduler import LEAD, PACE, SHADOW_TOKENS
from visavis.models.stepper import Samples, SlotFailed
from visavis.models.steps import WAITING_WINDOWS
from visavis.models.worker import Worker
from visavis.runtime.clock import VirtualClock
from visavis.runtime.events import (
    AnswerCounted,
    Event,
    Head,
    LoadChanged,
    PictureSeen,
    StageFailed,
    TokensReady,
    TranscriptChanged,
    VoiceActivity,
)
from visavis.runtime.frames import AudioChunk
from visavis.runtime.protocols import Delivery, Slot

ONE, TWO = Slot(0, 1), Slot(1, 1)


class Bench:
    """A worker whose ticks the test calls."""

    def __init__(
        self,
        words: int = 3,
        stepper: WritingStepper | None = None,
        computing: float = 1.0,
        grace_s: float = 0.05,
    ) -> None:
        """`computing`: the share of the time that the thread computes; else others have its core."""
        self.stepper = stepper or WritingStepper(words=words)
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
            LadderSettings(window_s=1.0, up_windows=1, down_windows=2, grace_s=grace_s),
            busy=lambda: computing * self.clock.now(),
        )
        self.worker.load()
        self.order(Open(ONE), Open(TWO))
        self.all()
        self.stepper.calls.clear()

    def order(self, *orders: Order) -> None:
        for order in orders:
            self.inbox.put(order)

    def start(self, slot: Slot, turn: int, text: str | None = "hello") -> None:
        self.order(Start(slot, turn, text, None, self.clock.now()))

    def tick(self, times: int = 1) -> list[object]:
        """The names of the steps that so many ticks made; none where there is nothing to do."""
        before = len(self.stepper.calls)
        for _ in range(times):
            if self.worker.has_work or self.inbox.has_post:
                self.worker.tick()
        return [call[0] for call in self.stepper.calls[before:]]

    def all(self) -> list[object]:
        """Tick until there is nothing to do, or for long."""
        return self.tick(400)

    def later(self, seconds: float) -> list[object]:
        """Time goes on and the worker looks up from its sleep."""
        self.clock.advance(seconds)
        self.order(Retract(ONE, 10**6))
        return self.all()

    def events(self, slot: Slot, kind: type[Event] | None = None) -> list[Event]:
        found = [d.event for post in self.posts for d in post.get(slot, [])]
        return [event for event in found if kind is None or isinstance(event, kind)]


def bench_level(level: float) -> float:
    return float(np.float32(round(level * 32767) / 32768))


def changed(text: str, pts: int) -> TranscriptChanged:
    return TranscriptChanged(text, pts)


def test_results_are_posted_together_when_the_work_is_done() -> None:
    bench = Bench()
    assert bench.posts == []
    bench.inbox.put_audio(ONE, windows(0, [0.9]))
    bench.inbox.put_audio(TWO, windows(0, [0.0]))
    bench.all()
    assert len(bench.posts) == 1
    assert bench.events(ONE) == [VoiceActivity(512, bench_level(0.9)), changed("1 windows", 512)]
    assert bench.events(TWO) == [VoiceActivity(512, 0.0)]


def test_a_first_token_leaves_at_once() -> None:
    bench = Bench()
    bench.inbox.put_audio(TWO, windows(0, [0.9]))
    bench.start(ONE, 1)
    assert bench.tick() == ["begin", "next"]
    assert [type(e).__name__ for e in bench.events(ONE)] == ["HeadReady", "TokensReady"]
    assert bench.events(TWO) == []
    assert set(bench.all()) == {"next", "open_utterance", "hear"}


def test_results_wait_for_others_for_a_moment_only() -> None:
    bench = Bench(words=1000)
    bench.inbox.put_audio(ONE, windows(0, [0.0] * 50))
    bench.tick(3)
    assert bench.posts == []
    bench.clock.advance(0.003)
    bench.tick()
    assert len(bench.events(ONE)) == 4


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


def test_audio_goes_between_the_tokens_of_an_answer() -> None:
    bench = Bench(words=1000)
    bench.start(ONE, 1)
    bench.order(Commit(ONE, 1))
    bench.tick()
    for number in range(20):
        bench.clock.advance(0.032)
        bench.inbox.put_audio(TWO, windows(number, [0.9]))
        assert "hear" in bench.tick(30)


def test_pictures_wait_for_what_is_due_before_them_and_no_longer() -> None:
    bench = Bench(words=1000)
    bench.start(ONE, 1)
    bench.order(Commit(ONE, 1))
    bench.inbox.put_picture(TWO, picture(1))
    assert bench.tick(2) == ["begin", "next", "commit", "next"]
    assert "look" in bench.all()
    assert bench.events(TWO, PictureSeen) == [PictureSeen(90, True)]


def test_a_picture_that_waits_makes_room_for_a_newer_one() -> None:
    bench = Bench(words=1000)
    bench.start(ONE, 1)
    bench.tick()
    bench.inbox.put_picture(TWO, picture(1))
    bench.tick()
    bench.inbox.put_picture(TWO, picture(2))
    bench.all()
    assert bench.events(TWO, PictureSeen) == [PictureSeen(180, True)]
    assert bench.metrics.outdated_pictures == 1


def test_a_picture_is_held_back_for_a_moment_when_its_question_may_be_over() -> None:
    bench = Bench(words=5)
    bench.inbox.put_audio(ONE, windows(0, [0.9, 0.0]))
    bench.all()
    bench.inbox.put_picture(ONE, picture(1))
    bench.inbox.put_picture(TWO, picture(2))
    bench.inbox.put_audio(ONE, windows(2, [0.0]))
    assert bench.all() == ["hear", "look"]
    assert bench.events(TWO, PictureSeen) and not bench.events(ONE, PictureSeen)
    bench.clock.advance(0.1)
    bench.start(ONE, 1, None)
    assert bench.tick() == ["begin", "next"]
    assert "look" in bench.all()


def test_a_picture_is_not_held_back_for_long() -> None:
    bench = Bench()
    bench.inbox.put_audio(ONE, windows(0, [0.9, 0.0]))
    bench.all()
    bench.inbox.put_picture(ONE, picture(1))
    assert bench.all() == []
    assert bench.later(0.2) == ["look"]


def test_a_camera_that_goes_off_drops_the_picture_that_waits() -> None:
    bench = Bench()
    bench.inbox.put_audio(ONE, windows(0, [0.9, 0.0]))
    bench.all()
    bench.inbox.put_picture(ONE, picture(1))
    assert bench.all() == []
    bench.order(Camera(ONE, False))
    assert bench.all() == ["set_camera"]
    assert bench.later(0.2) == []


def test_a_picture_of_a_camera_that_went_off_and_on_is_looked_at() -> None:
    bench = Bench()
    bench.order(Camera(ONE, False), Camera(ONE, True))
    bench.inbox.put_picture(ONE, picture(1))
    assert bench.all() == ["set_camera", "set_camera", "look"]


def test_a_forgotten_utterance_takes_its_shadow_and_what_waits_with_it() -> None:
    bench = Bench()
    bench.inbox.put_audio(ONE, windows(0, [0.9, 0.0, 0.0]))
    bench.all()
    bench.start(ONE, 1, None)
    bench.all()
    bench.order(Forget(ONE))
    assert bench.all() == ["retract", "forget"]
    bench.inbox.put_audio(ONE, windows(3, [0.9]))
    assert bench.all()[0] == "open_utterance"


def test_noise_that_was_never_speech_is_forgotten_with_its_words() -> None:
    bench = Bench()
    steps: list[object] = []
    for number, level in enumerate([0.4] + [0.0] * 30):
        bench.inbox.put_audio(ONE, windows(number, [level]))
        steps += bench.all()
    assert "forget" in steps
    assert bench.events(ONE, TranscriptChanged)[-1] == changed("", 27 * 512)


def test_a_start_waits_for_the_committed_answer_before_it() -> None:
    bench = Bench(words=LEAD + 60)
    bench.start(ONE, 1)
    bench.order(Commit(ONE, 1))
    bench.all()
    bench.start(ONE, 2, "next")
    bench.all()
    names = bench.stepper.names()
    second = names.index("begin", 1)
    assert names[:second].count("next") == LEAD + 60


def test_a_commit_of_a_start_not_yet_begun_begins_it() -> None:
    bench = Bench(words=1)
    bench.start(ONE, 1)
    bench.order(Commit(ONE, 1))
    assert bench.all() == ["begin", "next", "commit"]
    bench.order(Commit(ONE, 1), Commit(ONE, 7))
    assert bench.all() == []


def test_orders_for_a_turn_that_is_not_there_do_nothing() -> None:
    bench = Bench()
    bench.order(Retract(ONE, 4), Cancel(ONE, 5, "x"), Commit(ONE, 6))
    assert bench.all() == []


def test_what_piles_up_is_dropped_from_its_old_end_and_keeps_its_time() -> None:
    bench = Bench()
    bench.inbox.put_audio(ONE, windows(0, [0.0] * (WAITING_WINDOWS + 5)))
    bench.all()
    assert bench.metrics.dropped_windows == 5
    assert bench.events(ONE)[0] == VoiceActivity(6 * 512, 0.0)


def test_media_of_a_slot_nobody_has_is_dropped() -> None:
    bench = Bench()
    bench.order(Close(ONE))
    bench.all()
    bench.inbox.put_audio(ONE, windows(0, [0.9]))
    bench.inbox.put_picture(ONE, picture(1))
    assert bench.all() == []
    assert bench.posts == []


def test_media_that_comes_with_the_opening_is_not_lost() -> None:
    bench = Bench()
    again = Slot(0, 2)
    bench.order(Close(ONE), Open(again))
    bench.inbox.put_audio(again, AudioChunk(np.zeros(512, np.int16), 0, 0.0))
    bench.all()
    assert bench.events(again) == [VoiceActivity(512, 0.0)]
    assert bench.vad.resets[-1] == 0


def test_a_stop_ends_the_run() -> None:
    bench = Bench()
    before = bench.metrics.ticks
    bench.order(Stop())
    bench.worker.run()
    assert bench.metrics.ticks == before + 1


# Not more than is needed ----------------------------------------------------------------------


def test_an_answer_well_ahead_of_its_listener_is_not_stepped() -> None:
    bench = Bench(words=1000)
    bench.start(ONE, 1)
    bench.order(Commit(ONE, 1))
    assert bench.all().count("next") == LEAD + 1
    assert bench.later(4 / PACE).count("next") == 4


def test_an_answer_nobody_hears_is_decoded_for_its_first_phrase_only() -> None:
    bench = Bench(words=1000)
    bench.start(ONE, 1)
    assert bench.all().count("next") == SHADOW_TOKENS
    bench.order(Commit(ONE, 1))
    assert bench.all().count("next") == LEAD + 1 - SHADOW_TOKENS


def test_what_unheard_answers_took_is_counted_and_told_with_the_next_that_is_heard() -> None:
    bench = Bench(words=5)
    for turn in (1, 2):
        bench.start(ONE, turn)
        bench.all()
        bench.order(Retract(ONE, turn))
        bench.all()
    bench.start(ONE, 3)
    bench.order(Commit(ONE, 3))
    bench.all()
    told = bench.events(ONE, AnswerCounted)[-1]
    assert isinstance(told, AnswerCounted) and told.turn == 3
    assert (told.counts["wasted_shadows"], told.counts["wasted_words"]) == (1, 5)
    assert (bench.metrics.shadows, bench.metrics.wasted_shadows) == (3, 2)
    assert bench.metrics.wasted_tokens == 10


# Failures -------------------------------------------------------------------------------------


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


class OneByOne(WritingStepper):
    """Serves a batch slot after slot, so it is half done when it fails."""

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        done: list[tuple[Head, float]] = []
        for slot, text in zip(slots, texts, strict=True):
            try:
                done += super().begin([slot], [text])
            except RuntimeError as error:
                raise SlotFailed(done) from error
        return done


def test_who_was_served_before_a_slot_failed_is_not_served_twice() -> None:
    bench = Bench(stepper=OneByOne(words=1))
    bench.stepper.guilty = {0}
    bench.start(ONE, 1)
    bench.start(TWO, 1)
    bench.all()
    begins = [call[1] for call in bench.stepper.calls if call[0] == "begin"]
    assert begins == [(0,), (1,)]
    assert [type(event).__name__ for event in bench.events(ONE)] == ["StageFailed"]
    assert len(bench.events(TWO, TokensReady)) == 1
    bench.stepper.guilty = {1}
    bench.order(Open(Slot(0, 2)))
    bench.start(Slot(0, 2), 3)
    bench.start(TWO, 3)
    bench.all()
    assert len(bench.events(Slot(0, 2), TokensReady)) == 1
    assert isinstance(bench.events(TWO)[-1], StageFailed)


class Small(WritingStepper):
    """Has memory for a batch of one, or for none."""

    most = 1

    def hear(self, slots: Sequence[int], windows: Samples) -> list[bool]:
        if len(slots) > self.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().hear(slots, windows)


def test_a_batch_that_does_not_fit_the_memory_is_made_in_parts_and_nobody_new_is_taken() -> None:
    stepper = Small()
    stepper.most = 9
    bench = Bench(stepper=stepper)
    stepper.most = 1
    for slot in (ONE, TWO):
        bench.inbox.put_audio(slot, windows(0, [0.9]))
    bench.all()
    assert [len(bench.events(slot, TranscriptChanged)) for slot in (ONE, TWO)] == [1, 1]
    assert bench.metrics.failures == 0 and bench.metrics.exhausted == 1
    assert bench.metrics.rung == Rung.REFUSE
    assert bench.events(ONE, LoadChanged) == [
        LoadChanged(4, "new conversations are refused", "refuse", "the device's memory ran out")
    ]


def test_a_conversation_there_is_no_memory_for_ends_and_says_so() -> None:
    stepper = Small()
    stepper.most = 9
    bench = Bench(stepper=stepper)
    stepper.most = 0
    bench.inbox.put_audio(ONE, windows(0, [0.9]))
    bench.all()
    failure = bench.events(ONE, StageFailed)[0]
    assert isinstance(failure, StageFailed) and "no memory left" in failure.why
    bench.start(TWO, 1)
    bench.order(Commit(TWO, 1))
    bench.all()
    assert bench.events(TWO, TokensReady)


def test_results_that_are_missing_end_the_conversation() -> None:
    stepper = WritingStepper()
    bench = Bench(stepper=stepper)
    stepper.forgets = True
    bench.start(ONE, 1)
    bench.all()
    assert isinstance(bench.events(ONE)[-1], StageFailed)


# Overload -------------------------------------------------------------------------------------


class Slow(WritingStepper):
    """Each token takes a while of the bench's clock."""

    clock: VirtualClock | None = None
    seconds = 0.3

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        if self.clock is not None:
            self.clock.advance(self.seconds)
        return super().next(slots)


def under_pressure(rung: Rung) -> Bench:
    """So far up the ladder."""
    stepper = Slow(words=10**6)
    bench = Bench(stepper=stepper)
    stepper.clock = bench.clock
    bench.start(TWO, 1)
    bench.order(Commit(TWO, 1))
    for _ in range(100):
        if bench.metrics.rung >= rung:
            break
        bench.tick()
    bench.order(Cancel(TWO, 1, ""))
    stepper.clock = None
    bench.all()
    return bench


@pytest.mark.parametrize(("computing", "climbs"), [(1.0, 1), (0.25, 0)])
def test_a_core_that_others_keep_busy_is_no_pressure(computing: float, climbs: int) -> None:
    """Steps of 40 ms for more than a second, and nothing counts as late."""
    stepper = Slow(words=10**6)
    stepper.seconds = 0.04
    bench = Bench(stepper=stepper, computing=computing, grace_s=60.0)
    stepper.clock = bench.clock
    bench.start(TWO, 1)
    bench.order(Commit(TWO, 1))
    assert bench.tick(30).count("next") >= 30
    assert bench.metrics.climbs == climbs
    assert bench.metrics.busy_s == pytest.approx(computing * 0.04 * stepper.names().count("next"))


def test_pressure_is_told_to_everybody_rung_by_rung_and_so_is_its_end() -> None:
    bench = under_pressure(Rung.REFUSE)
    levels = [e.level for e in bench.events(ONE, LoadChanged) if isinstance(e, LoadChanged)]
    assert levels == [1, 2, 3, 4]
    assert bench.metrics.climbs == 4
    for _ in range(20):
        bench.later(1.0)
    levels = [e.level for e in bench.events(ONE, LoadChanged) if isinstance(e, LoadChanged)]
    assert levels == [1, 2, 3, 4, 3, 2, 1, 0]
    assert bench.metrics.rung == 0


def test_under_pressure_pictures_are_looked_at_less_often() -> None:
    bench = under_pressure(Rung.VIDEO_RATE)
    bench.inbox.put_picture(ONE, picture(1))
    assert "look" in bench.all()
    bench.inbox.put_picture(ONE, picture(2))
    assert bench.all() == []
    bench.inbox.put_picture(ONE, picture(3))
    bench.later(1.01)
    assert bench.stepper.calls[-1] == ("look", (0,), (3,))


def test_under_more_pressure_each_utterance_still_gets_its_picture() -> None:
    bench = under_pressure(Rung.VISUAL_TOKENS)
    bench.inbox.put_picture(ONE, picture(1))
    bench.all()
    bench.inbox.put_picture(ONE, picture(2))
    assert bench.all() == []
    bench.inbox.put_audio(ONE, windows(0, [0.9]))
    assert bench.all() == ["open_utterance", "hear", "look"]


def test_under_still_more_pressure_shadows_are_judged_but_not_decoded() -> None:
    bench = under_pressure(Rung.SHADOWS)
    bench.stepper.words = 2
    bench.start(ONE, 7)
    assert bench.all() == ["begin"]
    bench.order(Commit(ONE, 7))
    assert bench.all() == ["commit", "next", "next"]
    assert [e.turn for e in bench.events(ONE, TokensReady) if isinstance(e, TokensReady)] == [7, 7]


def test_audio_is_served_whatever_the_pressure() -> None:
    bench = under_pressure(Rung.REFUSE)
    bench.inbox.put_audio(ONE, windows(0, [0.9] * 5))
    assert bench.all().count("hear") == 5


def test_who_comes_under_pressure_is_told_of_it() -> None:
    bench = under_pressure(Rung.SHADOWS)
    bench.order(Close(ONE), Open(Slot(0, 2)))
    bench.all()
    (told,) = bench.events(Slot(0, 2))
    assert isinstance(told, LoadChanged)
    assert (told.level, told.name, told.what) == (3, "shadows", "answers are prepared later")
    assert told.reason
