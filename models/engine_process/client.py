"""The media process's side: the runtime's `Engine`, whose models are in another process.

Looks like `ThreadedEngine` from outside. Orders are never lost: where the engine's process takes no
more of them, it counts as dead. Audio that finds no room is dropped and marked as a gap; of
pictures the newest waits.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

import numpy as np

from ...runtime.abilities import Abilities
from ...runtime.clock import Clock, MonotonicClock
from ...runtime.errors import EngineDied, EngineFull
from ...runtime.events import LoadChanged, StageFailed
from ...runtime.frames import AudioChunk, Picture, VideoFrame
from ...runtime.protocols import Delivery, Slot
from ...runtime.sounds import Sound
from ..engine import overloaded
from ..orders import (
    Camera,
    Cancel,
    Close,
    Commit,
    EngineMetrics,
    Forget,
    Open,
    Retract,
    Start,
    TellSound,
)
from ..overload import Rung
from ..slots import Deliver, SlotTable
from . import wire
from .link import GONE, Link, join
from .pictures import PictureScaler
from .reach import Reach
from .ring import Record
from .wire import BadRecord, Kind, Order

log = logging.getLogger(__name__)

PIECE = 16_000
"""Samples of a record; longer chunks are cut."""
SPARE = 0.25
"""Share of the ring that media leaves to orders."""
HANGS_S = 10.0
"""Seconds of silence after which the engine's process hangs."""
WATCH_S = 1.0
RETRY_AFTER_S = 10.0
"""When to come again while an engine is started again, in seconds."""
REST_S = 0.5
"""Seconds between the end of an engine's process and the next."""
LEAVE_S = 1.0
"""Seconds that a picture being scaled may hold up the end."""


class RemoteEngine:
    """Implements the runtime's `Engine`. `await ready()` before the first `open`, `await stop()` at
    the end; everything on the event loop it was made with."""

    def __init__(
        self,
        reach: Reach,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Clock | None = None,
        restarts: int = 0,
        hangs_s: float = HANGS_S,
        watch_s: float = WATCH_S,
        name: str = "engine",
    ) -> None:
        """An engine's process that died is replaced `restarts` times; its conversations end. One
        that gives no sign of life for `hangs_s` seconds counts as dead."""
        self._told = EngineMetrics()
        """What the engine's process told last."""
        self._unsent_chunks = self._unsent_pictures = self._refused = self._full = 0
        self._reach, self._loop, self._name = reach, loop, name
        self._clock = clock or MonotonicClock()
        self._machine = MonotonicClock()
        self._restarts, self._hangs_s, self._watch_s = restarts, hangs_s, watch_s
        self._table = SlotTable(0)
        self._missed: dict[Slot, int] = {}
        """Samples that were dropped before the next chunk of a conversation."""
        self._link: Link | None = None
        self._scaler: PictureScaler | None = None
        self._silent_s = 0.0
        self._ready: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._death: str | None = None
        self._life: asyncio.Task[None] | None = None

    @property
    def metrics(self) -> EngineMetrics:
        """Of the engine, for all processes it serves, as it told them last; and what was dropped and
        refused on this side."""
        told, table = self._told, self._table
        pictures = self._unsent_pictures + (0 if self._scaler is None else self._scaler.dropped)
        return replace(
            told,
            dropped_chunks=told.dropped_chunks + self._unsent_chunks,
            dropped_pictures=told.dropped_pictures + pictures,
            undelivered=told.undelivered + table.undelivered,
            vanished=told.vanished + table.vanished,
            refused=told.refused + self._refused,
            full=told.full + self._full,
        )

    @property
    def abilities(self) -> Abilities:
        """What its model says of itself, once it is reached."""
        return Abilities(calls=frozenset(() if self._link is None else self._link.welcome.calls))

    # --- life ------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Reach the engine and wait until it is loaded; raises what its loading raised."""
        if self._life is None:
            self._life = self._loop.create_task(self._live(), name=f"{self._name}'s process")
        await asyncio.shield(self._ready)

    async def ended(self) -> str:
        """Waits until no engine is left, for whatever reason, and says why."""
        await asyncio.shield(self._ended)
        return self._death or "the engine ended"

    async def stop(self) -> None:
        """Leave the engine; conversations still open are told. Idempotent."""
        if self._life is None:
            return
        self._restarts = 0
        if self._link is not None:
            self._link.close("it was stopped")
        elif not self._ended.done():
            self._life.cancel()
        await asyncio.wait([self._life])
        if self._death is None:  # it was cancelled before it began
            self._end("it was stopped")

    async def _live(self) -> None:
        why = "it was stopped"
        try:
            while True:
                why = await self._with_one_engine()
                if not self._restarts:
                    self._death = why
                    break
                self._restarts -= 1
                log.critical("the engine is started again", extra={"why": why})
                # A killed process loses its connections before the socket it listens at.
                await asyncio.sleep(REST_S)
        except Exception as error:  # noqa: BLE001 - whatever it was, who waits must hear of it
            self._death = why = str(error)
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            leaving = self._loop.create_task(self._reach.leave(), name=f"leave {self._name}")
            while not leaving.done():
                with suppress(asyncio.CancelledError):  # nothing must be left running
                    await asyncio.shield(leaving)
            self._end(why)

    async def _with_one_engine(self) -> str:
        """From the connection to its end, which is told to every conversation; why it ended."""
        link = await join(await self._reach.connect(), self._name, self._take)
        told = link.welcome
        if not self._ready.done():
            self._table = SlotTable(told.slots, told.retry_after_s)
            self._ready.set_result(None)
        scaler = PictureScaler(told.width, told.height, self._send_picture, self._tell_bad_picture)
        self._link, self._scaler, self._silent_s = link, scaler, 0.0
        watching = self._loop.create_task(self._watch(link), name=f"watch {self._name}")
        try:
            why = await link.ended()
        finally:
            watching.cancel()
            link.close("it was stopped")
            scaler.stop()
            self._link = self._scaler = None
            self._unsent_pictures += scaler.dropped
        self._missed.clear()
        found = await self._reach.leave()
        if found is not None and why == GONE:
            why = found
        self._table.fail_all(self._name, why)
        for slot in self._table:
            self._table.close(slot)
        await _thread_ended(scaler)
        return why

    async def _watch(self, link: Link) -> None:
        """Free the slots of owners that are gone, and see that the engine gives signs of life."""
        while True:
            await asyncio.sleep(self._watch_s)
            self._free_the_gone()
            # Counted in looks, not in time: when it was this process that stood still, one look is
            # late, and the signs of life are read before the next.
            self._silent_s += self._watch_s
            if self._silent_s > self._hangs_s:
                link.close(f"its process gave no sign of life for {self._hangs_s:g} s")

    def _free_the_gone(self) -> None:
        for slot in self._table.gone():
            log.warning(
                "a conversation is gone without closing its place", extra={"slot": slot.index}
            )
            self.close(slot)

    def _end(self, why: str) -> None:
        self._death = why
        if not self._ready.done():
            self._ready.set_exception(EngineDied(f"{self._name}: {why}"))
        self._ready.exception()  # who was waiting may have been cancelled
        if not self._ended.done():
            self._ended.set_result(None)

    # --- the runtime's Engine --------------------------------------------------------------

    def open(self, deliver: Deliver) -> Slot:
        """Raises `EngineFull` (no place, overload, or an engine that is being started again), and
        `EngineDied` where there is none any more."""
        if self._death is not None:
            raise EngineDied(f"{self._name} takes no conversation ({self._death}): restart it")
        link = self._link
        if link is None:
            raise EngineFull(
                f"{self._name} is being started again: come again in {RETRY_AFTER_S:.0f} s",
                retry_after_s=RETRY_AFTER_S,
            )
        if self._told.rung >= Rung.REFUSE:
            self._refused += 1
            raise overloaded(self._name, link.welcome.retry_after_s)
        self._free_the_gone()
        if not link.take_place():
            self._full += 1
            raise self._table.refusal()
        slot = self._table.open(deliver)
        self._order(Open(slot))
        return slot

    def hear(self, slot: Slot, chunk: AudioChunk) -> None:
        """Any length; where there is no room it is dropped, counted, and marked as a gap."""
        if not self._table.holds(slot):
            return
        pcm = np.ascontiguousarray(chunk.pcm)
        for at in range(0, max(1, len(pcm)), PIECE):
            piece = pcm[at : at + PIECE]
            last = at + PIECE >= len(pcm)
            self._hear_piece(
                slot,
                AudioChunk(
                    piece,
                    chunk.pts + at,
                    chunk.arrived - self._ahead_s,
                    chunk.concealed if last else 0,
                    0 if at else chunk.gap,
                ),
            )

    def _hear_piece(self, slot: Slot, chunk: AudioChunk) -> None:
        link = self._link
        if link is None:
            return
        gap = chunk.gap + self._missed.pop(slot, 0)
        head, body = wire.audio_head(slot, chunk, gap), chunk.pcm.view(np.uint8).data
        if not link.write(Kind.AUDIO, head, body, spare=SPARE):
            self._unsent_chunks += 1
            self._missed[slot] = gap + len(chunk.pcm)

    def look(self, slot: Slot, frame: VideoFrame) -> None:
        """The newest picture waits; it is converted on a thread of this process."""
        if self._scaler is not None and self._table.holds(slot):
            self._scaler.put(slot, replace(frame, arrived=frame.arrived - self._ahead_s))

    def set_camera(self, slot: Slot, is_on: bool) -> None:
        """A picture that waits is dropped when the camera goes off."""
        if not is_on and self._scaler is not None:
            self._scaler.drop(slot)
        self._order(Camera(slot, is_on))

    def start(self, slot: Slot, turn: int, text: str | None, tail_pts: int | None) -> None:
        """As `ThreadedEngine.start`."""
        self._table.admit_turn(slot, turn)
        self._order(Start.of(slot, turn, text, tail_pts, self._machine.now()))

    def retract(self, slot: Slot, turn: int) -> None:
        """Nothing of this turn is delivered after this call."""
        self._table.drop_turn(slot, turn)
        self._order(Retract(slot, turn))

    def commit(self, slot: Slot, turn: int) -> None:
        """As `ThreadedEngine.commit`."""
        self._order(Commit(slot, turn))

    def cancel(self, slot: Slot, turn: int, heard: str) -> None:
        """Nothing of this turn is delivered after this call."""
        self._table.drop_turn(slot, turn)
        self._order(Cancel(slot, turn, heard))

    def forget(self, slot: Slot) -> None:
        """A shadow on the utterance goes with it."""
        self._order(Forget(slot))

    def tell_sound(self, slot: Slot, sound: Sound) -> None:
        """As `ThreadedEngine.tell_sound`."""
        self._order(TellSound(slot, sound))

    def close(self, slot: Slot) -> None:
        """Idempotent; the slot is free for others once the engine's process has read it."""
        self._order(Close(slot))
        if self._table.close(slot):
            self._missed.pop(slot, None)
            if self._scaler is not None:
                self._scaler.drop(slot)

    def _order(self, order: Order) -> None:
        link = self._link
        if link is None or not self._table.holds(order.slot):
            return
        if not link.write(*wire.order(order)):
            link.close("its process takes no more orders")

    @property
    def _ahead_s(self) -> float:
        """Our clock may skip; the engine's process has the machine's."""
        if isinstance(self._clock, MonotonicClock):
            return 0.0
        return self._clock.now() - self._machine.now()

    # --- to and from the other process -----------------------------------------------------

    def _take(self, record: Record) -> None:
        match record.kind:
            case Kind.RESULTS:
                slot, deliveries = wire.read_results(record.head, self._ahead_s)
                for delivery in deliveries:
                    if isinstance(delivery.event, LoadChanged):
                        self._told.rung = delivery.event.level
                self._table.deliver(slot, deliveries)
            case Kind.BEAT:
                self._silent_s = 0.0
                self._told = wire.metrics(record.head)
            case kind:
                raise BadRecord(f"there is no record of kind {kind}")

    def _send_picture(self, slot: Slot, frame: VideoFrame, picture: Picture) -> bool:
        """On the scaler's thread."""
        link, body = self._link, picture.reshape(-1).data
        return link is not None and link.write(
            Kind.PICTURE, wire.picture_head(slot, frame), body, spare=SPARE
        )

    def _tell_bad_picture(self, slot: Slot, error: Exception) -> None:
        """On the scaler's thread."""
        why = f"{type(error).__name__}: {error}"
        told = [Delivery(StageFailed("camera", why, is_fatal=False), {})]
        log.error("a picture can't be converted", exc_info=error, extra={"slot": slot.index})
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._table.deliver, slot, told)


async def _thread_ended(scaler: PictureScaler) -> None:
    """Waits until it has ended, a while at most: it keeps nothing."""
    for _ in range(round(LEAVE_S / 0.001)):
        if not scaler.is_alive:
            return
        await asyncio.sleep(0.001)  # a thread sets no event when it is gone
