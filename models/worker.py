"""The work of an engine's thread: every conversation's, a step at a time, the most urgent first.

Knows orders and media, and nothing of the event loop. Each tick obeys the orders that came, asks the
scheduler for one step and makes it. Steps are short, so nothing waits long for another:

    cancels, retractions, commits → first tokens → answers under way → audio → shadows → pictures

A step that fails ends the conversation it fails for; whatever happens, the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ..runtime.abilities import Abilities, abilities_of
from ..runtime.clock import Clock
from ..runtime.frames import WINDOW
from ..runtime.protocols import Slot
from .desk import Deliveries, Desk
from .hearing import HearingGate, HearingSettings
from .inbox import Inbox, Post
from .orders import (
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
    StepUnderWay,
    Stop,
    TellSound,
)
from .overload import Ladder, LadderSettings, Rung
from .place import Place, jobs, wake_s
from .scheduler import Choice, Costs, Job, choose
from .sound_spotter import Spotter
from .stepper import Chooses, Stepper, TakesSounds
from .steps import WAITING_WINDOWS, Steps
from .vad import Vad
from .warm import measured_costs
from .windows import WindowCutter

POST_S = 0.002
"""Seconds that results wait for more of them; a first token leaves at once."""


class Worker:
    """Everything that touches the models. Made anywhere; `load` and `run` belong to the thread."""

    def __init__(
        self,
        stepper_factory: Callable[[], Stepper],
        vad_factory: Callable[[int], Vad],
        slots: int,
        inbox: Inbox[Order],
        clock: Clock,
        hearing: HearingSettings,
        metrics: EngineMetrics,
        post: Deliveries,
        ladder: LadderSettings | None = None,
        spotter_factory: Callable[[int], Spotter] | None = None,
        busy: Callable[[], float] = time.thread_time,
    ) -> None:
        """Without a `spotter_factory` nobody looks for sounds besides speech. `busy` reads how many
        seconds the thread has computed: its own time on the processor, so that a machine which
        others keep busy is not taken for one that this engine overloads."""
        self._stepper_factory = stepper_factory
        self._spotter_factory = spotter_factory
        self._vad_factory = vad_factory
        self._slots = slots
        self._inbox = inbox
        self._clock = clock
        self._hearing = hearing
        self._metrics = metrics
        self._busy = busy
        self._ladder_settings = ladder or LadderSettings()
        self._ladder = Ladder(self._ladder_settings, clock.now())
        self._desk = Desk(clock, metrics, self._ladder, post)
        self._costs = Costs()
        self._sleep_s: float | None = None
        self._is_stopping = False
        self._steps: Steps
        self._stepper: Stepper
        self._vad: Vad
        self._spotter: Spotter | None = None
        self._ears: TakesSounds | None = None
        self.abilities = Abilities()
        """What the model says of itself, once it is loaded."""

    def load(self) -> None:
        """Make the models, run each kind of step once and measure what they cost."""
        self._vad = self._vad_factory(self._slots)
        if self._spotter_factory is not None:
            self._spotter = self._spotter_factory(self._slots)
        self._stepper = stepper = self._stepper_factory()
        if stepper.slots < self._slots:
            raise ValueError(
                f"the model has room for {stepper.slots} conversations and engine.slots is "
                f"{self._slots}: make the model with as many slots"
            )
        self._ears = stepper if isinstance(stepper, TakesSounds) else None
        self.abilities = abilities_of(stepper)
        if isinstance(stepper, Chooses):
            self._metrics.chosen |= stepper.chosen
        stepper.warm_up()
        self._vad.judge([0], np.zeros((1, WINDOW), np.float32))
        self._costs = measured_costs(stepper, self._vad, self._slots, self._clock)
        self._steps = Steps(
            self._desk, stepper, self._vad, self._spotter, self._hearing.sure, self._commit
        )

    def run(self) -> None:
        """Tick until told to stop; asleep while there is nothing to do."""
        while not self._is_stopping:
            self.tick()

    @property
    def has_work(self) -> bool:
        """The next tick does not sleep."""
        return self._sleep_s == 0.0

    def tick(self) -> None:
        """Obey what was ordered and make one step; sleeps until there is something to do."""
        desk = self._desk
        post = self._inbox.take(self._sleep_s)
        now = self._clock.now()
        self._metrics.ticks += 1
        for order in post.orders:  # what decides which media count
            if isinstance(order, Open):
                self._open(order.slot)
            elif isinstance(order, Camera) and not order.is_on:
                self._drop_picture(order.slot)
        self._take_media(post, now)
        for order in post.orders:
            self._obey(order)
        found = [
            job
            for place in list(desk.active.values())
            for job in jobs(place, now, self._ladder.rung)
        ]
        choice = choose(found, now, self._costs)
        if choice is None:
            desk.deliver()
            self._rest(now)
            return
        self._sleep_s = 0.0
        self._serve(choice, found)
        now = self._clock.now()
        if self._ladder.judge(now):
            desk.ladder_moved()
        if desk.is_urgent or now - desk.since >= POST_S:
            desk.deliver()

    def _serve(self, choice: Choice, found: Sequence[Job]) -> None:
        """Make one step, and keep account of what it took and who was late."""
        places = [self._desk.active[slot] for slot in choice.slots]
        began, computed = self._clock.now(), self._busy()
        self._metrics.under_way = StepUnderWay(choice.step, began)
        self._steps.make(choice.step, places)
        self._metrics.under_way = None
        done, busy_s = self._clock.now(), self._busy() - computed
        self._metrics.took(choice.step, done - began, busy_s)
        for place in places:
            place.routed.cost_s += busy_s / len(places)
        self._costs.learn(choice.step, len(places), done - began)
        served = {(choice.step, slot) for slot in choice.slots}
        for job in found:
            if (job.step, job.slot) in served:
                served.discard((job.step, job.slot))
                self._ladder.served(done - job.deadline, 0.0)
                if done > job.deadline:
                    self._metrics.late[job.kind.name.lower()] += 1
        self._ladder.served(0.0, busy_s, 0)

    def _rest(self, now: float) -> None:
        """Nothing can be done now: until when?"""
        times: list[float] = []
        for index, place in list(self._desk.active.items()):
            wait = wake_s(place, now, self._ladder.rung)
            if wait is None:
                del self._desk.active[index]
            else:
                times.append(wait)
        if self._ladder.judge(now):
            self._desk.ladder_moved()
            self._desk.deliver()
        if self._ladder.rung is not Rung.NORMAL:
            times.append(self._ladder_settings.window_s)
        # A wait of nothing would be a job: what rounding made of it is waited for.
        self._sleep_s = max(0.001, min(times)) if times else None

    def _take_media(self, post: Post[Order], now: float) -> None:
        for slot, chunks in post.audio.items():
            place = self._desk.places.get(slot)
            if place is not None:
                self._desk.active[slot.index] = place
                before = place.cutter.dropped
                for chunk in chunks:
                    place.cutter.add(chunk, now)
                self._metrics.dropped_windows += place.cutter.dropped - before
        for slot, frame in post.pictures.items():
            place = self._desk.places.get(slot)
            if place is not None:
                self._desk.active[slot.index] = place
                self._metrics.outdated_pictures += place.picture is not None
                place.picture = (frame, now)

    def _drop_picture(self, slot: Slot) -> None:
        place = self._desk.places.get(slot)
        if place is not None:
            place.picture = None

    # --- orders ----------------------------------------------------------------------------

    def _open(self, slot: Slot) -> None:
        place = Place(slot, WindowCutter(WAITING_WINDOWS), HearingGate(self._hearing))
        self._desk.places[slot] = self._desk.active[slot.index] = place
        self._desk.guard(place, lambda: self._reset(slot.index))
        if self._ladder.rung is not Rung.NORMAL:
            self._desk.tell_load([place])

    def _reset(self, index: int) -> None:
        self._stepper.reset(index)
        self._vad.reset(index)
        if self._spotter is not None:
            self._spotter.reset(index)

    def _obey(self, order: Order) -> None:
        match order:
            case Open():
                return
            case Stop():
                self._is_stopping = True
            case Close(slot=slot):
                gone = self._desk.places.get(slot)
                if gone is not None:
                    self._desk.drop(gone)
            case _:
                place = self._desk.places.get(order.slot)  # none: it failed, and was told so
                if place is not None:
                    self._desk.active[place.slot.index] = place
                    self._desk.guard(place, lambda: self._obey_at(place, order))
                    self._steps.settle([place])

    def _obey_at(
        self, place: Place, order: Camera | Start | Retract | Commit | Cancel | Forget | TellSound
    ) -> None:
        match order:
            case Camera(is_on=is_on):
                self._stepper.set_camera(place.slot.index, is_on)
            case Start():
                self._drop_shadow(place)
                place.start, place.is_commit_wanted = order, False
            case Retract(turn=turn):
                self._drop_shadow(place, turn)
            case Commit(turn=turn):
                self._commit(place, turn)
            case Cancel(turn=turn, heard=heard):
                answer = place.answer
                if answer is not None and answer.turn == turn and answer.is_committed:
                    self._stepper.cancel(place.slot.index, heard)
                    place.answer = None
                else:
                    self._drop_shadow(place, turn)
            case TellSound(sound=sound):
                place.sound_until = float("-inf")
                if self._ears is not None:
                    self._ears.tell_sound(place.slot.index, sound.words)
            case Forget():
                self._drop_shadow(place)
                self._stepper.forget(place.slot.index)
                self._close_utterance(place)

    def _drop_shadow(self, place: Place, turn: int | None = None) -> None:
        """Drop the shadow (only of `turn`, where it is given), begun or waiting."""
        if place.start is not None and turn in (None, place.start.turn):
            place.start = None
        answer = place.answer
        if answer is not None and not answer.is_committed and turn in (None, answer.turn):
            place.answer = None
            place.gate.retract()
            self._metrics.wasted_shadows += 1
            self._metrics.wasted_tokens += answer.said
            self._metrics.wasted_s += answer.cost_s
            wasted = {"wasted_shadows": 1, "wasted_words": answer.said}
            wasted["wasted_us"] = round(answer.cost_s * 1e6)
            for name, count in wasted.items():
                if not count:
                    continue
                place.wasted[name] = place.wasted.get(name, 0) + count
            self._stepper.retract(place.slot.index)

    def _commit(self, place: Place, turn: int) -> None:
        if place.start is not None and place.start.turn == turn:
            # The decision was quicker than the thread: what came before it was said to its end
            # or cancelled, so nothing more of that is needed.
            if place.is_answering:
                self._stepper.cancel(place.slot.index, "")
                place.answer = None
            place.is_commit_wanted = True
            return
        answer = place.answer
        if answer is None or answer.turn != turn or answer.is_committed:
            return
        self._stepper.commit(place.slot.index)
        answer.is_committed = True
        answer.is_open = answer.is_open or not answer.said
        self._close_utterance(place)

    def _close_utterance(self, place: Place) -> None:
        place.to_hear.clear()
        place.text, place.unspelled = "", None
        self._steps.follow(place, place.gate.close_utterance())
