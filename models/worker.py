"""The work of an engine's thread: every conversation's, in batches, in order of urgency.

Knows orders and media, and nothing of the event loop. Each round (a tick) serves, in this order:

    cancels, retractions, commits → first tokens of new answers → answers under way
    → audio, one window of every slot → pictures, when nothing else waits or it is their turn

An answer is never more than a few tokens ahead of audio that waits, long work ends early when an
order arrives, and a tick with a new answer ends with it, so that its results leave at once.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from ..runtime.clock import Clock
from ..runtime.events import (
    Event,
    Head,
    HeadReady,
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
    Stop,
)
from .stepper import Stepper
from .vad import Vad
from .windows import Window, WindowCutter

log = logging.getLogger(__name__)

R = TypeVar("R")
Deliveries = Callable[[dict[Slot, list[Delivery]]], None]

WAITING_WINDOWS = 100
"""Windows of a slot (3.2 s) that may wait for the VAD, and as many for the encoder."""
TOKENS_PER_TICK = 2
"""Tokens of an answer that are decoded before audio has its turn."""
WINDOWS_PER_TICK = 4
"""Windows of a slot that are encoded before answers have their turn."""
PICTURES_PER_TICK = 1
"""Pictures that are looked at in one go: what a new answer may have to wait for. On a CPU several
at once take as long as one after the other."""
PATIENCE = 2
"""Ticks of other work that pictures wait for at most."""
HOLD_S = 0.15
"""Seconds a picture is held back at most because somebody's question seems to be over: its answer
would have to wait for the picture."""


@dataclass(slots=True)
class _Answer:
    """An answer begun. `is_open` while there are tokens to decode."""

    turn: int
    asked: float
    head_ready: float
    is_open: bool
    is_committed: bool = False
    has_token: bool = False


@dataclass(slots=True)
class _Place:
    """One conversation, as the thread sees it."""

    slot: Slot
    cutter: WindowCutter
    gate: HearingGate
    to_hear: deque[Window] = field(default_factory=deque[Window])
    picture: tuple[VideoFrame, float] | None = None  # and when it was dequeued
    start: Start | None = None
    answer: _Answer | None = None
    text: str = ""
    latents: dict[str, float] = field(default_factory=dict[str, float])
    """When the newest latents of each modality were ready."""

    @property
    def has_shadow(self) -> bool:
        """An answer nobody hears yet is wanted or begun."""
        answer = self.answer
        return self.start is not None or (answer is not None and not answer.is_committed)

    @property
    def is_answering(self) -> bool:
        """Tokens are to be decoded."""
        return self.answer is not None and self.answer.is_open

    @property
    def can_start(self) -> bool:
        """An answer is wanted and the one before it is decoded to its end."""
        return self.start is not None and not self.is_answering


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
    ) -> None:
        self._stepper_factory = stepper_factory
        self._vad_factory = vad_factory
        self._slots = slots
        self._inbox = inbox
        self._clock = clock
        self._hearing = hearing
        self._metrics = metrics
        self._post = post
        self._places: dict[Slot, _Place] = {}
        self._results: dict[Slot, list[Delivery]] = {}
        self._ticks_without_pictures = 0
        self._is_stopping = False
        self._stepper: Stepper
        self._vad: Vad

    def load(self) -> None:
        """Make the models and run each kind of step once."""
        self._vad = self._vad_factory(self._slots)
        self._stepper = self._stepper_factory()
        if self._stepper.slots < self._slots:
            raise ValueError(
                f"the model has room for {self._stepper.slots} conversations and engine.slots is "
                f"{self._slots}: make the model with as many slots"
            )
        self._stepper.warm_up()
        self._vad.judge([0], np.zeros((1, WINDOW), np.float32))
        self._vad.reset(0)

    def run(self) -> None:
        """Tick until told to stop; asleep while there is nothing to do."""
        while not self._is_stopping:
            self.tick()

    def tick(self) -> None:
        """One round of work; sleeps until there is some."""
        post = self._inbox.take(self._sleep_s())
        began = self._clock.now()
        self._metrics.ticks += 1
        for order in post.orders:
            if isinstance(order, Open):
                self._open(order.slot)
        self._take_media(post, began)
        for order in post.orders:
            self._obey(order)
        if not self._begin_answers():
            if self._pictures_are_next():
                self._look()
            else:
                self._continue_answers()
                self._listen()
        self._metrics.busy_s += self._clock.now() - began
        if self._results:
            results, self._results = self._results, {}
            self._post(results)

    def _sleep_s(self) -> float | None:
        """How long to wait for something new: not at all while there is work."""
        if self._has_talk():
            return 0.0
        if any(place.picture is not None for place in self._places.values()):
            return self._hold_left_s()
        return None

    def _has_talk(self) -> bool:
        return any(
            place.cutter or place.to_hear or place.is_answering or place.can_start
            for place in self._places.values()
        )

    # --- orders ----------------------------------------------------------------------------

    def _open(self, slot: Slot) -> None:
        place = _Place(slot, WindowCutter(WAITING_WINDOWS), HearingGate(self._hearing))
        self._places[slot] = place
        self._guard(place, lambda: self._reset(slot.index))

    def _reset(self, index: int) -> None:
        self._stepper.reset(index)
        self._vad.reset(index)

    def _obey(self, order: Order) -> None:
        match order:
            case Open():
                return
            case Stop():
                self._is_stopping = True
            case Close(slot=slot):
                self._places.pop(slot, None)
            case _:
                place = self._places.get(order.slot)  # none: it failed, and was told so
                if place is not None:
                    self._guard(place, lambda: self._obey_at(place, order))

    def _obey_at(
        self, place: _Place, order: Camera | Start | Retract | Commit | Cancel | Forget
    ) -> None:
        match order:
            case Camera(is_on=is_on):
                if not is_on:
                    place.picture = None
                self._stepper.set_camera(place.slot.index, is_on)
            case Start():
                self._drop_shadow(place)
                place.start = order
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

    def _drop_shadow(self, place: _Place, turn: int | None = None) -> None:
        """Drop the shadow (only of `turn`, where it is given), begun or waiting."""
        if place.start is not None and turn in (None, place.start.turn):
            place.start = None
        answer = place.answer
        if answer is not None and not answer.is_committed and turn in (None, answer.turn):
            place.answer = None
            place.gate.retract()
            self._stepper.retract(place.slot.index)

    def _commit(self, place: _Place, turn: int) -> None:
        if place.start is not None and place.start.turn == turn:
            # The decision was quicker than the thread: what came before it was said to its end
            # or cancelled, so nothing more of that is needed.
            if place.is_answering:
                self._stepper.cancel(place.slot.index, "")
                place.answer = None
            self._begin([place])
        answer = place.answer
        if answer is None or answer.turn != turn or answer.is_committed:
            return
        self._stepper.commit(place.slot.index)
        answer.is_committed = True
        answer.is_open = answer.is_open or not answer.has_token
        self._close_utterance(place)

    def _close_utterance(self, place: _Place) -> None:
        place.to_hear.clear()
        place.text = ""
        self._follow(place, place.gate.close_utterance())

    # --- answers ---------------------------------------------------------------------------

    def _begin_answers(self) -> bool:
        """Head and first token of every answer that can start; True if there was one."""
        places = [place for place in self._places.values() if place.can_start]
        self._begin(places)
        return bool(places)

    def _begin(self, places: Sequence[_Place]) -> None:
        self._hear_the_tails(places)
        places = self._alive(places)
        for place, (head, confidence) in self._for_each("begin", places, self._begin_batch):
            start = place.start
            assert start is not None
            now = self._clock.now()
            place.start = None
            place.answer = _Answer(start.turn, start.asked, now, head is Head.ANSWER)
            place.gate.begin()
            stamps = {**place.latents, "asked": start.asked, "head_ready": now}
            self._result(place, HeadReady(start.turn, head, confidence), stamps)
        self._decode([place for place in self._alive(places) if place.is_answering])

    def _begin_batch(self, places: Sequence[_Place]) -> list[tuple[Head, float]]:
        texts = [place.start.text if place.start else None for place in places]
        return self._stepper.begin(_indices(places), texts)

    def _continue_answers(self) -> None:
        for _ in range(TOKENS_PER_TICK):
            places = [place for place in self._places.values() if place.is_answering]
            if not places or self._inbox.has_orders:
                return
            self._decode(places)

    def _decode(self, places: Sequence[_Place]) -> None:
        for place, (text, is_last) in self._for_each(
            "next", places, lambda some: self._stepper.next(_indices(some))
        ):
            answer = place.answer
            assert answer is not None
            stamps: dict[str, float] = {}
            if not answer.has_token:
                answer.has_token = True
                stamps = {
                    **place.latents,
                    "asked": answer.asked,
                    "head_ready": answer.head_ready,
                    "first_token": self._clock.now(),
                }
            answer.is_open = not is_last
            self._metrics.tokens += 1
            self._result(place, TokensReady(answer.turn, text, is_last), stamps)

    # --- audio -----------------------------------------------------------------------------

    def _take_media(self, post: Post[Order], now: float) -> None:
        for slot, chunks in post.audio.items():
            place = self._places.get(slot)
            if place is not None:
                before = place.cutter.dropped
                for chunk in chunks:
                    place.cutter.add(chunk, now)
                self._metrics.dropped_windows += place.cutter.dropped - before
        for slot, frame in post.pictures.items():
            place = self._places.get(slot)
            if place is not None:
                self._metrics.outdated_pictures += place.picture is not None
                place.picture = (frame, now)

    def _listen(self) -> None:
        """One window of every slot is judged; then what waits for the encoder, for a while."""
        self._judge([place for place in self._places.values() if place.cutter])
        for _ in range(WINDOWS_PER_TICK):
            places = [place for place in self._places.values() if place.to_hear]
            self._encode(places)
            if not places or self._inbox.has_orders:
                return

    def _hear_the_tails(self, places: Sequence[_Place]) -> None:
        """All that these answers are to be based on goes into the caches."""

        def has_tail(place: _Place) -> bool:
            start = place.start
            if start is None or start.text is not None or not place.cutter:
                return False
            return start.tail_pts is None or place.cutter[0].end - WINDOW < start.tail_pts

        while waiting := [place for place in self._alive(places) if has_tail(place)]:
            self._judge(waiting)
        while waiting := [place for place in self._alive(places) if place.to_hear]:
            self._encode(waiting)

    def _judge(self, places: Sequence[_Place]) -> None:
        windows = {place.slot: place.cutter.take() for place in places}
        self._metrics.windows += len(places)

        def judge(some: Sequence[_Place]) -> list[float]:
            batch = np.stack([windows[place.slot].samples for place in some])  # [B, 512]
            return [float(p) for p in self._vad.judge(_indices(some), batch)]

        for place, probability in self._for_each("vad", places, judge):
            window = windows[place.slot]
            self._result(place, VoiceActivity(window.end, probability), _arrival(window))
            hear = place.gate.add(window, probability, place.has_shadow)
            self._guard(place, partial(self._follow, place, hear))

    def _follow(self, place: _Place, hear: Hear) -> None:
        """Do what the hearing gate says."""
        if hear.opens:
            self._stepper.open_utterance(place.slot.index)
        if hear.forgets:
            self._stepper.forget(place.slot.index)
            place.to_hear.clear()
            if place.text:
                place.text = ""
                self._result(place, TranscriptChanged("", hear.pts), {})
        place.to_hear.extend(hear.windows)
        while len(place.to_hear) > WAITING_WINDOWS:
            place.to_hear.popleft()
            self._metrics.dropped_windows += 1

    def _encode(self, places: Sequence[_Place]) -> None:
        windows = {place.slot: place.to_hear.popleft() for place in places}
        self._metrics.encoded += len(places)

        def hear(some: Sequence[_Place]) -> list[bool]:
            batch = np.stack([windows[place.slot].samples for place in some])  # [B, 512]
            return self._stepper.hear(_indices(some), batch)

        for place, has_changed in self._for_each("hear", places, hear):
            window, now = windows[place.slot], self._clock.now()
            place.latents["audio_latents_ready"] = now
            if has_changed:
                place.text = self._stepper.transcript(place.slot.index)
                stamps = {**_arrival(window), "audio_latents_ready": now}
                self._result(place, TranscriptChanged(place.text, window.end), stamps)

    # --- pictures --------------------------------------------------------------------------

    def _pictures_are_next(self) -> bool:
        if all(place.picture is None for place in self._places.values()):
            self._ticks_without_pictures = 0
            return False
        if self._hold_left_s() > 0.0:
            return False
        if self._ticks_without_pictures >= PATIENCE or not self._has_talk():
            return True
        self._ticks_without_pictures += 1
        return False

    def _hold_left_s(self) -> float:
        """Seconds for which pictures are to be held back."""
        if not any(p.gate.may_be_over and not p.has_shadow for p in self._places.values()):
            return 0.0
        oldest = min(p.picture[1] for p in self._places.values() if p.picture is not None)
        return max(0.0, oldest + HOLD_S - self._clock.now())

    def _look(self) -> None:
        """The pictures that wait longest are converted and looked at."""
        self._ticks_without_pictures = 0
        waiting = [(p.picture, p) for p in self._places.values() if p.picture is not None]
        waiting.sort(key=lambda pair: pair[0][1])
        pixels: dict[Slot, Picture] = {}
        taken: dict[Slot, tuple[VideoFrame, float]] = {}
        places: list[_Place] = []
        for picture, place in waiting[:PICTURES_PER_TICK]:
            place.picture = None
            try:
                pixels[place.slot] = picture[0].pixels.rgb(*self._stepper.picture_size)
            except Exception as error:  # one bad picture is no reason to end a conversation
                log.exception("a picture can't be converted", extra={"slot": place.slot.index})
                self._result(place, StageFailed("camera", _sentence(error), is_fatal=False), {})
                continue
            taken[place.slot] = picture
            places.append(place)

        def look(some: Sequence[_Place]) -> list[bool]:
            batch = np.stack([pixels[place.slot] for place in some])  # [B, H, W, 3]
            return self._stepper.look(_indices(some), batch)

        for place, has_changed in self._for_each("look", places, look):
            frame, dequeued = taken[place.slot]
            now = self._clock.now()
            place.latents["picture_latents_ready"] = now
            self._metrics.pictures += 1
            stamps = {
                "arrived": frame.arrived,
                "dequeued": dequeued,
                "picture_latents_ready": now,
            }
            self._result(place, PictureSeen(frame.pts, has_changed), stamps)

    # --- results and failures --------------------------------------------------------------

    def _result(self, place: _Place, event: Event, stamps: dict[str, float]) -> None:
        self._results.setdefault(place.slot, []).append(Delivery(event, stamps))

    def _alive(self, places: Sequence[_Place]) -> list[_Place]:
        return [place for place in places if place.slot in self._places]

    def _for_each(
        self,
        step: str,
        places: Sequence[_Place],
        call: Callable[[Sequence[_Place]], Sequence[R]],
    ) -> list[tuple[_Place, R]]:
        """One batched step. Where it fails each place is tried alone, and who fails again ends."""
        if not places:
            return []
        self._metrics.count(step, len(places))
        try:
            return list(zip(places, call(places), strict=True))
        except Exception as error:  # noqa: BLE001 - any error of a model ends one conversation only
            if len(places) == 1:
                self._fail(places[0], error)
                return []
            return [pair for place in places for pair in self._for_each(step, [place], call)]

    def _guard(self, place: _Place, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - any error of a model ends one conversation only
            self._fail(place, error)

    def _fail(self, place: _Place, error: Exception) -> None:
        """The model can't go on with this conversation; the others are not concerned."""
        log.error("the model failed", exc_info=error, extra={"slot": place.slot.index})
        self._metrics.failures += 1
        self._places.pop(place.slot, None)
        self._result(place, StageFailed("model", _sentence(error), is_fatal=True), {})


def _indices(places: Sequence[_Place]) -> list[int]:
    return [place.slot.index for place in places]


def _arrival(window: Window) -> dict[str, float]:
    return {"arrived": window.arrived, "dequeued": window.dequeued}


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
