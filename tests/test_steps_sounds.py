"""Sounds in the engine's work: who is told, and in which order with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from models_fakes import LevelVad, WritingStepper, picture, windows

from visavis.models.hearing import HearingSettings
from visavis.models.inbox import Inbox
from visavis.models.orders import EngineMetrics, Open, Order, TellSound
from visavis.models.place import HOLD_S
from visavis.models.stepper import Samples
from visavis.models.worker import Worker
from visavis.runtime.clock import VirtualClock
from visavis.runtime.events import SoundHeard, VoiceActivity
from visavis.runtime.frames import WINDOW, VideoFrame
from visavis.runtime.protocols import Delivery, Slot
from visavis.runtime.sounds import Loudness, Sound, SoundKind

ONE, TWO = Slot(0, 1), Slot(1, 1)


class Scripted:
    """Settles at windows that begin with 0.1 and notices a clap at those that begin with 0.2; the
    clap ended two windows before."""

    def __init__(self) -> None:
        self.resets: list[int] = []
        self.calls: list[list[int]] = []
        self.settling = set[int]()

    def judge(
        self, slots: Sequence[int], windows: Samples, ends: Sequence[int]
    ) -> list[tuple[Sound, ...]]:
        self.calls.append(list(ends))
        found: list[tuple[Sound, ...]] = []
        for slot, first, end in zip(slots, windows[:, 0], ends, strict=True):
            self.settling.discard(slot)
            if abs(first - 0.1) < 0.01:
                self.settling.add(slot)
            found.append((clap(end - 2 * WINDOW),) if abs(first - 0.2) < 0.01 else ())
        return found

    def is_settling(self, slot: int) -> bool:
        return slot in self.settling

    def reset(self, slot: int) -> None:
        self.resets.append(slot)


def clap(end: int) -> Sound:
    return Sound(SoundKind.CLAP, Loudness.SOFT, None, end - WINDOW, end)


class Listening(WritingStepper):
    """Is told of sounds."""

    def tell_sound(self, slot: int, words: str) -> None:
        self._note("tell_sound", slot, words)


class Bench:
    """A worker whose ticks the test calls; as in a session, each sound comes back as an order where
    `answers`."""

    def __init__(self, stepper: WritingStepper | None = None, *, answers: bool = True) -> None:
        self.stepper = stepper or Listening()
        self.spotter = Scripted()
        self.inbox: Inbox[Order] = Inbox(200)
        self.clock = VirtualClock(5.0)
        self.events: list[tuple[Slot, object]] = []
        self._answers = answers
        self.worker = Worker(
            lambda: self.stepper, LevelVad, 2, self.inbox, self.clock, HearingSettings(),
            EngineMetrics(), self._post, spotter_factory=lambda _slots: self.spotter,
            busy=self.clock.now,
        )  # fmt: skip
        self.worker.load()
        self.inbox.put(Open(ONE))
        self.inbox.put(Open(TWO))
        self.all()
        self.stepper.calls.clear()
        self._count = 0

    def _post(self, results: dict[Slot, list[Delivery]]) -> None:
        for slot, deliveries in results.items():
            for delivery in deliveries:
                self.events.append((slot, delivery.event))
                if isinstance(delivery.event, SoundHeard) and self._answers:
                    self.inbox.put(TellSound(slot, delivery.event.sound))

    def all(self) -> None:
        for _ in range(200):
            if self.worker.has_work or self.inbox.has_post:
                self.worker.tick()

    def hear(self, *levels: float, slot: Slot = ONE) -> None:
        """Windows, each 32 ms later than the one before."""
        for level in levels:
            self.clock.advance(0.032)
            chunk = replace(windows(self._count, [level]), arrived=self.clock.now())
            self._count += 1
            self.inbox.put_audio(slot, chunk)
            self.all()

    def show(self, value: int, *, ago_s: float = 0.0, audio_pts: int | None = None) -> None:
        frame: VideoFrame = picture(value)
        arrived = self.clock.now() - ago_s
        self.inbox.put_picture(ONE, replace(frame, arrived=arrived, audio_pts=audio_pts))
        self.all()

    def order(self) -> list[object]:
        """Pictures by their value and sounds by their words, as the model got them."""
        found: list[object] = []
        for call in self.stepper.calls:
            match call:
                case ("look", _, (int(value),)):
                    found.append(value)
                case ("tell_sound", _, words):
                    found.append(words)
                case _:
                    pass
        return found


def test_every_window_is_spotted_whatever_the_gate_thinks() -> None:
    bench = Bench()
    bench.hear(0.0, 0.9, 0.9, 0.0)
    assert bench.spotter.calls == [[512], [1024], [1536], [2048]]
    assert bench.spotter.resets == [0, 1]


def test_a_sound_is_delivered_behind_its_windows_judgement_and_told() -> None:
    bench = Bench()
    bench.hear(0.0, 0.0, 0.0, 0.2)
    sounds = [event for _, event in bench.events if not isinstance(event, VoiceActivity)]
    assert sounds == [SoundHeard(clap(1024), 2048)]
    kinds = [type(event) for _, event in bench.events]
    assert kinds[-2:] == [VoiceActivity, SoundHeard]
    assert bench.order() == ["soft clap"]


def test_pictures_and_sounds_keep_their_order() -> None:
    bench = Bench()
    bench.show(1)
    bench.hear(0.0, 0.0, 0.0, 0.1, 0.1)
    bench.show(2)  # seen after the sound's end, which is not said yet
    bench.hear(0.2, 0.0)
    assert bench.order() == [1, "soft clap", 2]


def test_a_picture_from_before_the_sounds_end_goes_before_it() -> None:
    bench = Bench()
    bench.hear(0.0, 0.0, 0.0, 0.1, 0.1)
    bench.show(1, ago_s=0.1)  # it was on its way for long
    bench.hear(0.2)
    bench.show(2)
    bench.hear(0.0, 0.0)
    assert bench.order() == [1, "soft clap", 2]


def test_the_senders_clock_decides_where_it_is_known() -> None:
    bench = Bench()
    bench.hear(0.0, 0.0, 0.0, 0.1, 0.1)
    end = 4 * WINDOW
    bench.show(1, audio_pts=end - 1)  # arrived late, was taken before
    bench.hear(0.2)
    assert bench.order() == [1, "soft clap"]
    bench = Bench()
    bench.hear(0.0, 0.0, 0.0, 0.1, 0.1)
    bench.show(1, ago_s=0.1, audio_pts=end)
    bench.hear(0.2, 0.0)
    assert bench.order() == ["soft clap", 1]


def test_a_picture_waits_for_a_sound_only_so_long() -> None:
    bench = Bench(answers=False)
    bench.hear(0.0, 0.1)
    bench.show(1)
    assert bench.order() == []
    bench.hear(*[0.1] * 6)
    assert 7 * 0.032 > HOLD_S and bench.order() == [1]


def test_what_settled_and_was_nothing_holds_pictures_for_a_moment_only() -> None:
    bench = Bench()
    bench.hear(0.0, 0.1)
    bench.show(1)
    bench.hear(0.0, 0.0, 0.0, 0.0)
    assert bench.order() == [1]


def test_a_picture_does_not_wait_in_speech() -> None:
    bench = Bench()
    bench.spotter.settling.add(0)
    bench.hear(0.9)
    bench.show(1)
    assert bench.order() == [1]


def test_a_conversation_is_told_of_its_own_sounds() -> None:
    bench = Bench()
    bench.hear(0.2, slot=TWO)
    assert [slot for slot, event in bench.events if isinstance(event, SoundHeard)] == [TWO]
    assert [call[:2] for call in bench.stepper.calls if call[0] == "tell_sound"] == [
        ("tell_sound", 1)
    ]


def test_a_model_that_takes_no_sounds_is_left_alone() -> None:
    bench = Bench(WritingStepper())
    bench.hear(0.0, 0.2, 0.0)
    assert [event for _, event in bench.events if isinstance(event, SoundHeard)]
    assert np.all([call[0] != "tell_sound" for call in bench.stepper.calls])
