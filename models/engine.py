"""The engine of the runtime: one thread owns the models, the event loop's side never waits.

Knows who holds which slot and what may still reach them; the work itself is in `worker.py`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping

from ..runtime.abilities import Abilities
from ..runtime.clock import Clock, MonotonicClock
from ..runtime.errors import EngineDied, EngineFull
from ..runtime.frames import AudioChunk, VideoFrame
from ..runtime.protocols import Delivery, Slot
from ..runtime.sounds import Sound
from .hearing import HearingSettings
from .inbox import Inbox
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
    TellSound,
)
from .overload import LadderSettings, Rung
from .slots import Deliver, SlotTable
from .sound_spotter import Spotter
from .stepper import Stepper
from .vad import Vad
from .worker import Worker

log = logging.getLogger(__name__)

WAITING_CHUNKS = 200
"""Audio chunks of a slot (4 s of 20 ms chunks) that may wait for the thread."""
HANGS_S = 10.0
"""Seconds after which a step that has not returned never will: every conversation is told."""
WATCH_S = 1.0
"""Seconds between two looks at the thread and at who holds the slots."""


def overloaded(name: str, retry_after_s: float) -> EngineFull:
    """What is said at the top of the overload ladder."""
    return EngineFull(
        f"{name} has more work than it can do in time: come again in "
        f"{retry_after_s:.0f} s, or lower engine.slots to what this machine can carry",
        retry_after_s=retry_after_s,
    )


class ThreadedEngine:
    """Implements the runtime's `Engine`. `await ready()` before the first `open`, `await stop()`
    at the end; everything is called on the event loop it was made with."""

    def __init__(
        self,
        stepper_factory: Callable[[], Stepper],
        vad_factory: Callable[[int], Vad],
        slots: int,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Clock | None = None,
        hearing: HearingSettings | None = None,
        retry_after_s: float = 10.0,
        hangs_s: float = HANGS_S,
        watch_s: float = WATCH_S,
        ladder: LadderSettings | None = None,
        spotter_factory: Callable[[int], Spotter] | None = None,
        settle: Callable[[], Mapping[str, str]] | None = None,
        name: str = "engine",
    ) -> None:
        """Both factories are called on the thread, `vad_factory` with the number of slots. The
        stepper must have room for at least `slots` conversations. `hangs_s`: a step that takes
        longer is the end; looked for every `watch_s` seconds. `settle` is called on the thread
        before anything is loaded and says what it chose for it (`tuning.py`)."""
        self.metrics = EngineMetrics(slots=slots)
        self._loop = loop
        self._clock = clock or MonotonicClock()
        self._name = name
        self._table = SlotTable(slots, retry_after_s)
        self._retry_after_s, self._hangs_s, self._watch_s = retry_after_s, hangs_s, watch_s
        self._watching: asyncio.TimerHandle | None = None
        self._is_hung = False
        self._inbox: Inbox[Order] = Inbox(WAITING_CHUNKS)
        self._ready: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._death: str | None = None
        worker = Worker(
            stepper_factory,
            vad_factory,
            slots,
            self._inbox,
            self._clock,
            hearing or HearingSettings(),
            self.metrics,
            lambda results: self._tell(self._deliver, results),
            ladder,
            spotter_factory,
        )
        self._worker, self._settle = worker, settle
        # A daemon: a model that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, args=(worker,), name=name, daemon=True)

    @property
    def abilities(self) -> Abilities:
        """What its model says of itself, once it is loaded."""
        return self._worker.abilities

    # --- life ------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Load and warm up the models; raises what their factories raise."""
        if self._thread.ident is None:
            self._thread.start()
        await asyncio.shield(self._ready)

    async def ended(self) -> str:
        """Waits until the thread has ended, for whatever reason, and says why."""
        await asyncio.shield(self._ended)
        return self._death or "the engine ended"

    async def stop(self) -> None:
        """End the thread after its tick; conversations still open are told. Idempotent."""
        if self._thread.ident is None:
            return
        self._inbox.put(Stop())
        await asyncio.shield(self._ended)
        # That was its last act: it is gone within microseconds, and join() would block the loop. One
        # that hangs in a step is left behind; it keeps nothing from ending.
        while self._thread.is_alive() and not self._is_hung:  # noqa: ASYNC110 - a thread sets no event when it is gone
            await asyncio.sleep(0.001)

    def _run(self, worker: Worker) -> None:
        """The thread."""
        is_loaded = False
        try:
            if self._settle is not None:
                self.metrics.chosen |= self._settle()
            worker.load()
            is_loaded = True
            self._tell(self._be_ready)
            worker.run()
            self._tell(self._end, "it was stopped", None)
        except BaseException as error:  # whatever it was, the conversations must hear of it
            if is_loaded:
                log.critical("the engine's thread died", exc_info=error)
            why = f"{type(error).__name__}: {error}"
            self._tell(self._end, why, None if is_loaded else error)

    def _tell(self, call: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            self._inbox.put(Stop())

    def _be_ready(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)
        self._watching = self._loop.call_later(self._watch_s, self._watch)

    def _watch(self) -> None:
        """Look whether the thread still moves, and free the slots of owners that are gone."""
        self._free_the_gone()
        step, now = self.metrics.under_way, self._clock.now()
        if step is not None and now - step.began > self._hangs_s:
            self._is_hung = True
            log.critical("a step of the model hangs", extra={"step": step.step})
            self._end(
                f"a step of the model ({step.step}) takes longer than {self._hangs_s:g} s", None
            )
            self._inbox.put(Stop())  # should it ever return
        else:
            self._watching = self._loop.call_later(self._watch_s, self._watch)

    def _free_the_gone(self) -> None:
        for slot in self._table.gone():
            log.warning(
                "a conversation is gone without closing its place", extra={"slot": slot.index}
            )
            self.close(slot)
        self.metrics.vanished = self._table.vanished

    def _end(self, why: str, load_error: BaseException | None) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._death is not None:
            return
        self._death = why
        if not self._ready.done():
            self._ready.set_exception(load_error or EngineDied(f"{self._name}: {why}"))
        self._table.fail_all(self._name, why)
        if not self._ended.done():
            self._ended.set_result(None)

    # --- the runtime's Engine --------------------------------------------------------------

    def open(self, deliver: Deliver) -> Slot:
        """Raises `EngineFull` (no place, or overload), and `EngineDied` when the thread is gone."""
        if self._death is not None:
            raise EngineDied(f"{self._name} takes no conversation ({self._death}): restart it")
        if self.metrics.rung >= Rung.REFUSE:
            self.metrics.refused += 1
            raise overloaded(self._name, self._retry_after_s)
        self._free_the_gone()
        try:
            slot = self._table.open(deliver)
        except EngineFull:
            self.metrics.full += 1
            raise
        self.metrics.taken = len(self._table)
        self._inbox.put(Open(slot))
        return slot

    def hear(self, slot: Slot, chunk: AudioChunk) -> None:
        """Any length; what waits too long is dropped from its old end and counted."""
        if self._takes(slot):
            self._inbox.put_audio(slot, chunk)
            self.metrics.dropped_chunks = self._inbox.dropped_audio

    def look(self, slot: Slot, frame: VideoFrame) -> None:
        """The newest picture waits; it is converted on the thread."""
        if self._takes(slot):
            self._inbox.put_picture(slot, frame)
            self.metrics.dropped_pictures = self._inbox.dropped_pictures

    def set_camera(self, slot: Slot, is_on: bool) -> None:
        """A picture that waits is dropped when the camera goes off."""
        if not is_on:
            self._inbox.drop_picture(slot)
        self._order(Camera(slot, is_on))

    def start(
        self,
        slot: Slot,
        turn: int,
        text: str | None,
        tail_pts: int | None,
        asked: float | None = None,
    ) -> None:
        """Audio up to `tail_pts` that came in before is heard first (all of it when None). A
        shadow that is still there is retracted; a committed answer is decoded to its end first.
        `asked` is when it was wanted, where that was not just now (monotonic seconds)."""
        self._table.admit_turn(slot, turn)
        asked = self._clock.now() if asked is None else asked
        self._order(Start.of(slot, turn, text, tail_pts, asked))

    def retract(self, slot: Slot, turn: int) -> None:
        """Nothing of this turn is delivered after this call."""
        self._table.drop_turn(slot, turn)
        self._order(Retract(slot, turn))

    def commit(self, slot: Slot, turn: int) -> None:
        """A shadow whose head was WAIT or SILENT is decoded from now on."""
        self._order(Commit(slot, turn))

    def cancel(self, slot: Slot, turn: int, heard: str) -> None:
        """Nothing of this turn is delivered after this call."""
        self._table.drop_turn(slot, turn)
        self._order(Cancel(slot, turn, heard))

    def forget(self, slot: Slot) -> None:
        """A shadow on the utterance goes with it."""
        self._order(Forget(slot))

    def tell_sound(self, slot: Slot, sound: Sound) -> None:
        """Its words wait for the end of an answer under way."""
        self._order(TellSound(slot, sound))

    def close(self, slot: Slot) -> None:
        """Idempotent; the slot is free at once."""
        if self._table.close(slot):
            self.metrics.taken = len(self._table)
            self._inbox.put(Close(slot))

    def _takes(self, slot: Slot) -> bool:
        return self._death is None and self._table.holds(slot)

    def _order(
        self, order: Camera | Start | Retract | Commit | Cancel | Forget | TellSound
    ) -> None:
        if self._takes(order.slot):
            self._inbox.put(order)

    def _deliver(self, results: dict[Slot, list[Delivery]]) -> None:
        if self._death is not None:  # everybody was told that it is over
            return
        for slot, deliveries in results.items():
            self._table.deliver(slot, deliveries)
        self.metrics.undelivered = self._table.undelivered
