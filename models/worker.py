"""The work of an engine's thread: every conversation's, a step at a time, the most urgent first.

Knows orders and media, and nothing of the event loop. Each tick obeys the orders that came, asks the
scheduler for one step and makes it. Steps are short, so nothing waits long for another:

    cancels, retractions, commits → first tokens → answers under way → audio → shadows → pictures

A step that fails ends the conversation it fails for; whatever happens, the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from ..runtime.clock import Clock
from ..runtime.events import (
    AnswerCounted,
    Event,
    Head,
    HeadReady,
    LoadChanged,
    PictureSeen,
    StageFailed,
    TokensReady,
    TranscriptChanged,
    VoiceActivity,
)
from ..runtime.frames import WINDOW, Picture, VideoFrame
from ..runtime.protocols import Delivery, Slot
from .hearing import Hear, HearingGate, HearingSettings
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
)
from .overload import TOLD, Ladder, LadderSettings, Rung
from .place import Begun, Place, Unlaid, jobs, wake_s
from .scheduler import Choice, Costs, Job, choose
from .stepper import Counts, CountsContext, Lays, SlotFailed, Stepper
from .vad import Vad
from .warm import measured_costs
from .windows import Window, WindowCutter

log = logging.getLogger(__name__)

R = TypeVar("R")
Deliveries = Callable[[dict[Slot, list[Delivery]]], None]

WAITING_WINDOWS = 100
"""Windows of a slot (3.2 s) that may wait for the VAD, and as many for the encoder."""
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
    ) -> None:
        self._stepper_factory = stepper_factory
        self._vad_factory = vad_factory
        self._slots = slots
        self._inbox = inbox
        self._clock = clock
        self._hearing = hearing
        self._metrics = metrics
        self._post = post
        self._ladder_settings = ladder or LadderSettings()
        self._ladder = Ladder(self._ladder_settings, clock.now())
        self._costs = Costs()
        self._places: dict[Slot, Place] = {}
        self._active: dict[int, Place] = {}
        """By slot index, the places that may have a job."""
        self._results: dict[Slot, list[Delivery]] = {}
        self._results_since = 0.0
        self._is_urgent = False
        self._sleep_s: float | None = None
        self._is_stopping = False
        self._stepper: Stepper
        self._vad: Vad
        self._lays: Lays | None = None
        self._counts: Counts | None = None
        self._context: CountsContext | None = None

    def load(self) -> None:
        """Make the models, run each kind of step once and measure what they cost."""
        self._vad = self._vad_factory(self._slots)
        self._stepper = stepper = self._stepper_factory()
        if stepper.slots < self._slots:
            raise ValueError(
                f"the model has room for {stepper.slots} conversations and engine.slots is "
                f"{self._slots}: make the model with as many slots"
            )
        self._lays = stepper if isinstance(stepper, Lays) else None
        self._counts = stepper if isinstance(stepper, Counts) else None
        self._context = stepper if isinstance(stepper, CountsContext) else None
        stepper.warm_up()
        self._vad.judge([0], np.zeros((1, WINDOW), np.float32))
        self._costs = measured_costs(stepper, self._vad, self._slots, self._clock)

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
        post = self._inbox.take(self._sleep_s)
        now = self._clock.now()
        self._metrics.ticks += 1
        for order in post.orders:
            if isinstance(order, Open):
                self._open(order.slot)
        self._take_media(post, now)
        for order in post.orders:
            self._obey(order)
        found = [
            job
            for place in list(self._active.values())
            for job in jobs(place, now, self._ladder.rung)
        ]
        choice = choose(found, now, self._costs)
        if choice is None:
            self._deliver()
            self._rest(now)
            return
        self._sleep_s = 0.0
        self._serve(choice, found)
        now = self._clock.now()
        if self._ladder.judge(now):
            self._tell_load()
        if self._is_urgent or now - self._results_since >= POST_S:
            self._deliver()

    def _serve(self, choice: Choice, found: Sequence[Job]) -> None:
        """Make one step, and keep account of what it took and who was late."""
        places = [self._active[slot] for slot in choice.slots]
        began = self._clock.now()
        self._metrics.under_way = StepUnderWay(choice.step, began)
        _STEPS[choice.step](self, places)
        self._metrics.under_way = None
        done = self._clock.now()
        seconds = done - began
        self._metrics.took(choice.step, seconds)
        self._costs.learn(choice.step, len(places), seconds)
        served = {(choice.step, slot) for slot in choice.slots}
        for job in found:
            if (job.step, job.slot) in served:
                served.discard((job.step, job.slot))
                self._ladder.served(done - job.deadline, 0.0)
                if done > job.deadline:
                    self._metrics.late[job.kind.name.lower()] += 1
        self._ladder.served(0.0, seconds, 0)

    def _rest(self, now: float) -> None:
        """Nothing can be done now: until when?"""
        times: list[float] = []
        for index, place in list(self._active.items()):
            wait = wake_s(place, now, self._ladder.rung)
            if wait is None:
                del self._active[index]
            else:
                times.append(wait)
        if self._ladder.judge(now):
            self._tell_load()
            self._deliver()
        if self._ladder.rung is not Rung.NORMAL:
            times.append(self._ladder_settings.window_s)
        # A wait of nothing would be a job: what rounding made of it is waited for.
        self._sleep_s = max(0.001, min(times)) if times else None

    def _deliver(self) -> None:
        self._is_urgent = False
        if self._results:
            results, self._results = self._results, {}
            self._post(results)

    def _tell_load(self) -> None:
        rung = self._ladder.rung
        self._metrics.rung, self._metrics.climbs = int(rung), self._ladder.climbs
        log.warning("the overload ladder moved", extra={"rung": rung.name})
        for place in self._places.values():
            self._result(place, LoadChanged(int(rung), TOLD[rung]), {})

    # --- orders ----------------------------------------------------------------------------

    def _open(self, slot: Slot) -> None:
        place = Place(slot, WindowCutter(WAITING_WINDOWS), HearingGate(self._hearing))
        self._places[slot] = self._active[slot.index] = place
        self._guard(place, lambda: self._reset(slot.index))
        if self._ladder.rung is not Rung.NORMAL:
            rung = self._ladder.rung
            self._result(place, LoadChanged(int(rung), TOLD[rung]), {})

    def _reset(self, index: int) -> None:
        self._stepper.reset(index)
        self._vad.reset(index)

    def _drop(self, place: Place) -> None:
        """It is served no more."""
        self._places.pop(place.slot, None)
        if self._active.get(place.slot.index) is place:
            del self._active[place.slot.index]

    def _obey(self, order: Order) -> None:
        match order:
            case Open():
                return
            case Stop():
                self._is_stopping = True
            case Close(slot=slot):
                gone = self._places.get(slot)
                if gone is not None:
                    self._drop(gone)
            case _:
                place = self._places.get(order.slot)  # none: it failed, and was told so
                if place is not None:
                    self._active[place.slot.index] = place
                    self._guard(place, lambda: self._obey_at(place, order))
                    self._settle([place])

    def _obey_at(
        self, place: Place, order: Camera | Start | Retract | Commit | Cancel | Forget
    ) -> None:
        match order:
            case Camera(is_on=is_on):
                if not is_on:
                    place.picture = None
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
            for name, count in (("wasted_shadows", 1), ("wasted_words", answer.said)):
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
        place.text = ""
        self._follow(place, place.gate.close_utterance())

    # --- answers ---------------------------------------------------------------------------

    def _begin(self, places: Sequence[Place]) -> None:
        """Head and first token of new answers."""
        before, commits = self._clock.now(), [p for p in places if p.is_commit_wanted]
        for place in places:
            # What is still owed goes in with the answer's own first pass: it is part of its cost.
            self._tell_unlaid(place, None)
        for place, (head, confidence) in self._for_each("begin", places, self._begin_batch):
            start = place.start
            assert start is not None
            now = self._clock.now()
            place.start = None
            place.answer = Begun(start.turn, start.asked, now, head is Head.ANSWER)
            place.answer.cost_s = (now - before) / len(places)
            place.gate.begin()
            self._metrics.shadows += 1
            stamps = {**place.latents, "asked": start.asked, "head_ready": now}
            context = self._context
            taken = None if context is None else context.taken(place.slot.index)
            self._result(place, HeadReady(start.turn, head, confidence, taken), stamps)
        if self._ladder.rung < Rung.SHADOWS:
            self._decode([place for place in self._alive(places) if place.is_answering])
        for place in self._alive(commits):
            place.is_commit_wanted = False
            if place.answer is not None:
                self._guard(place, partial(self._commit, place, place.answer.turn))
        self._settle(places)
        self._is_urgent = True

    def _begin_batch(self, places: Sequence[Place]) -> list[tuple[Head, float]]:
        texts = [place.start.text if place.start else None for place in places]
        return self._stepper.begin(_indices(places), texts)

    def _decode(self, places: Sequence[Place]) -> None:
        """The next token of answers under way."""
        before = self._clock.now()
        for place, (text, is_last) in self._for_each(
            "next", places, lambda some: self._stepper.next(_indices(some))
        ):
            answer = place.answer
            assert answer is not None
            stamps: dict[str, float] = {}
            now = self._clock.now()
            if not answer.said:
                answer.first_token = now
                self._is_urgent = True
                stamps = {
                    **place.latents,
                    "asked": answer.asked,
                    "head_ready": answer.head_ready,
                    "first_token": now,
                }
            answer.said += 1
            answer.cost_s += (now - before) / len(places)
            answer.is_open = not is_last
            self._metrics.tokens += 1
            self._result(place, TokensReady(answer.turn, text, is_last), stamps)
            if is_last:
                self._count_answer(place, answer)
        self._settle(places)

    def _count_answer(self, place: Place, answer: Begun) -> None:
        counts = dict(place.wasted)
        if self._counts is not None:
            counts |= self._counts.counts(place.slot.index)
        place.wasted = {}
        if counts:
            self._result(place, AnswerCounted(answer.turn, counts), {})

    # --- audio -----------------------------------------------------------------------------

    def _take_media(self, post: Post[Order], now: float) -> None:
        for slot, chunks in post.audio.items():
            place = self._places.get(slot)
            if place is not None:
                self._active[slot.index] = place
                before = place.cutter.dropped
                for chunk in chunks:
                    place.cutter.add(chunk, now)
                self._metrics.dropped_windows += place.cutter.dropped - before
        for slot, frame in post.pictures.items():
            place = self._places.get(slot)
            if place is not None:
                self._active[slot.index] = place
                self._metrics.outdated_pictures += place.picture is not None
                place.picture = (frame, now)

    def _judge(self, places: Sequence[Place]) -> None:
        """One window of each goes through the VAD."""
        windows = {place.slot: place.cutter.take() for place in places}
        self._metrics.windows += len(places)

        def judge(some: Sequence[Place]) -> list[float]:
            batch = np.stack([windows[place.slot].samples for place in some])  # [B, 512]
            return [float(p) for p in self._vad.judge(_indices(some), batch)]

        for place, probability in self._for_each("vad", places, judge):
            window = windows[place.slot]
            self._result(place, VoiceActivity(window.end, probability), _arrival(window))
            hear = place.gate.add(window, probability, place.has_shadow)
            self._guard(place, partial(self._follow, place, hear))
        self._settle(places)

    def _follow(self, place: Place, hear: Hear) -> None:
        """Do what the hearing gate says."""
        if hear.opens:
            place.is_look_due = True
            self._stepper.open_utterance(place.slot.index)
        if hear.forgets:
            self._stepper.forget(place.slot.index)
            place.to_hear.clear()
            if place.text:
                place.text = ""
                self._tell_unlaid(place, None)
                self._result(place, TranscriptChanged("", hear.pts), {})
        now = self._clock.now()
        place.to_hear.extend((window, now) for window in hear.windows)
        while len(place.to_hear) > WAITING_WINDOWS:
            place.to_hear.popleft()
            self._metrics.dropped_windows += 1

    def _hear(self, places: Sequence[Place]) -> None:
        """One window of each goes through the encoder."""
        windows = {place.slot: place.to_hear.popleft()[0] for place in places}
        self._metrics.encoded += len(places)

        def hear(some: Sequence[Place]) -> list[bool]:
            batch = np.stack([windows[place.slot].samples for place in some])  # [B, 512]
            return self._stepper.hear(_indices(some), batch)

        for place, has_changed in self._for_each("hear", places, hear):
            window = windows[place.slot]
            self._owe(place, has_words=True)
            if has_changed:
                place.text = self._stepper.transcript(place.slot.index)
                event = TranscriptChanged(place.text, window.end)
                place.unlaid.append(Unlaid(event, _arrival(window), "audio_latents_ready"))
            elif not place.owed:
                place.latents["audio_latents_ready"] = self._clock.now()
        self._settle(places)

    # --- into the cache --------------------------------------------------------------------

    def _lay(self, places: Sequence[Place]) -> None:
        """A few positions of each go into the cache."""
        lays = self._lays
        assert lays is not None
        self._for_each("lay", places, lambda some: lays.lay(_indices(some)))
        self._settle(places)

    def _owe(self, place: Place, has_words: bool) -> None:
        """Something came in: how much of it is not in the cache yet?"""
        before = place.owed
        place.owed = self._lays.owed(place.slot.index) if self._lays is not None else 0
        if place.owed > before:
            place.owed_since = place.owed_since if before else self._clock.now()
            place.owes_words = has_words or (place.owes_words and before > 0)

    def _settle(self, places: Iterable[Place]) -> None:
        """What is in the cache now is told."""
        for place in self._alive(places):
            self._owe(place, has_words=False)
            if not place.owed:
                place.owes_words = False
                self._tell_unlaid(place, self._clock.now())

    def _tell_unlaid(self, place: Place, ready: float | None) -> None:
        """Events that waited for the cache. `ready` is when their latents were there; None when an
        answer or a cut came between, so that it can't be said."""
        unlaid, place.unlaid = place.unlaid, []
        for one in unlaid:
            if ready is not None:
                place.latents[one.ready] = ready
                one.stamps[one.ready] = ready
            self._result(place, one.event, one.stamps)

    # --- pictures --------------------------------------------------------------------------

    def _look(self, places: Sequence[Place]) -> None:
        """The pictures that wait are converted and go through the encoder."""
        pixels: dict[Slot, Picture] = {}
        taken: dict[Slot, tuple[VideoFrame, float]] = {}
        ready: list[Place] = []
        for place in places:
            picture, place.picture = place.picture, None
            assert picture is not None
            place.looked, place.is_look_due = self._clock.now(), False
            try:
                pixels[place.slot] = picture[0].pixels.rgb(*self._stepper.picture_size)
            except Exception as error:  # one bad picture is no reason to end a conversation
                log.exception("a picture can't be converted", extra={"slot": place.slot.index})
                self._result(place, StageFailed("camera", _sentence(error), is_fatal=False), {})
                continue
            taken[place.slot] = picture
            ready.append(place)

        def look(some: Sequence[Place]) -> list[bool]:
            batch = np.stack([pixels[place.slot] for place in some])  # [B, H, W, 3]
            return self._stepper.look(_indices(some), batch)

        for place, has_changed in self._for_each("look", ready, look):
            frame, dequeued = taken[place.slot]
            self._metrics.pictures += 1
            self._owe(place, has_words=False)
            event = PictureSeen(frame.pts, has_changed)
            stamps = {"arrived": frame.arrived, "dequeued": dequeued}
            place.unlaid.append(Unlaid(event, stamps, "picture_latents_ready"))
        self._settle(places)

    # --- results and failures --------------------------------------------------------------

    def _result(self, place: Place, event: Event, stamps: dict[str, float]) -> None:
        if not self._results:
            self._results_since = self._clock.now()
        self._results.setdefault(place.slot, []).append(Delivery(event, stamps))

    def _alive(self, places: Iterable[Place]) -> list[Place]:
        return [place for place in places if place.slot in self._places]

    def _for_each(
        self,
        step: str,
        places: Sequence[Place],
        call: Callable[[Sequence[Place]], Sequence[R]],
    ) -> list[tuple[Place, R]]:
        """One batched step. Where it fails, whom it fails for ends and the others are served."""
        if not places:
            return []
        self._metrics.count(step, len(places))
        try:
            return list(zip(places, call(places), strict=True))
        except SlotFailed as failed:
            at = len(failed.done)
            # What it holds is what `call` would have returned: only its type is not known here.
            done: list[tuple[Place, R]] = list(zip(places, failed.done, strict=False))  # type: ignore[arg-type]
            cause = failed.__cause__
            self._fail(places[at], cause if isinstance(cause, Exception) else failed)
            return done + self._for_each(step, places[at + 1 :], call)
        except Exception as error:  # noqa: BLE001 - any error of a model ends one conversation only
            if len(places) == 1:
                self._fail(places[0], error)
                return []
            if _is_out_of_memory(error):  # half as many may fit
                self._exhausted()
                half = (len(places) + 1) // 2
                parts: Sequence[Sequence[Place]] = (places[:half], places[half:])
            else:
                parts = tuple([place] for place in places)
            return [pair for part in parts for pair in self._for_each(step, part, call)]

    def _guard(self, place: Place, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - any error of a model ends one conversation only
            self._fail(place, error)

    def _fail(self, place: Place, error: Exception) -> None:
        """The model can't go on with this conversation; the others are not concerned."""
        log.error("the model failed", exc_info=error, extra={"slot": place.slot.index})
        self._metrics.failures += 1
        why = _sentence(error)
        if _is_out_of_memory(error):
            self._exhausted()
            why = f"the device has no memory left for this conversation ({why})"
        self._drop(place)
        self._result(place, StageFailed("model", why, is_fatal=True), {})

    def _exhausted(self) -> None:
        """Memory ran out: nobody new until there has been calm."""
        self._metrics.exhausted += 1
        if self._ladder.exhausted():
            self._tell_load()


_STEPS: dict[str, Callable[[Worker, Sequence[Place]], None]] = {
    "judge": Worker._judge,  # pyright: ignore[reportPrivateUsage] - the same file's
    "hear": Worker._hear,  # pyright: ignore[reportPrivateUsage]
    "lay": Worker._lay,  # pyright: ignore[reportPrivateUsage]
    "begin": Worker._begin,  # pyright: ignore[reportPrivateUsage]
    "next": Worker._decode,  # pyright: ignore[reportPrivateUsage]
    "look": Worker._look,  # pyright: ignore[reportPrivateUsage]
}


def _indices(places: Sequence[Place]) -> list[int]:
    return [place.slot.index for place in places]


def _arrival(window: Window) -> dict[str, float]:
    return {"arrived": window.arrived, "dequeued": window.dequeued}


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _is_out_of_memory(error: Exception) -> bool:
    """Python's own error, and those of PyTorch and ONNX Runtime by what they say."""
    text = f"{type(error).__name__} {error}".lower()
    signs = ("out of memory", "outofmemory", "failed to allocate", "bad_alloc", "bad allocation")
    return isinstance(error, MemoryError) or any(sign in text for sign in signs)
