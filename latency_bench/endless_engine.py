"""The engine's bookkeeping without its thread, and time that stands still until it is moved.

The worker, the slots and the inbox are the ones that serve conversations; whoever owns the virtual
clock says when they work. So a day of conversation is as long as its computing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from ..models.hearing import HearingSettings
from ..models.inbox import Inbox, Post
from ..models.orders import (
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
)
from ..models.slots import Deliver, SlotTable
from ..models.stepper import Stepper
from ..models.vad import Vad
from ..models.worker import Worker
from ..runtime.clock import VirtualClock
from ..runtime.frames import AudioChunk, VideoFrame
from ..runtime.protocols import Delivery, Slot

WAITING_CHUNKS = 200


class Agenda:
    """What happens when, on a virtual clock: in the order of time, else of being put in."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._due)

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Do this at `when` (seconds), or at once if that has gone by."""
        self._count += 1
        heapq.heappush(self._due, (when, self._count, act))

    def run(self, until: float) -> None:
        """Everything that is due before `until`; the clock stands at `until` afterwards."""
        while self._due and self._due[0][0] < until:
            when, _, act = heapq.heappop(self._due)
            self.clock.advance(max(0.0, when - self.clock.now()))
            act()
        self.clock.advance(max(0.0, until - self.clock.now()))


class _Polled(Inbox[Order]):
    """Nobody sleeps where time stands still."""

    def take(self, sleep_s: float | None) -> Post[Order]:
        return super().take(0.0)


class TickedEngine:
    """The runtime's `Engine` for a caller who ticks it. Everything on one thread."""

    def __init__(
        self,
        stepper: Stepper,
        make_vad: Callable[[int], Vad],
        slots: int,
        clock: VirtualClock,
    ) -> None:
        self.metrics = EngineMetrics()
        self.slots = SlotTable(slots)
        self._clock = clock
        self._inbox = _Polled(WAITING_CHUNKS)
        self._worker = Worker(
            lambda: stepper,
            make_vad,
            slots,
            self._inbox,
            clock,
            HearingSettings(),
            self.metrics,
            self._deliver,
        )
        self._worker.load()

    def tick(self) -> None:
        """Do all that can be done at this moment."""
        while True:
            self._worker.tick()
            if not self._worker.has_work and not self._inbox.has_post:
                return

    def open(self, deliver: Deliver) -> Slot:
        """Raises `EngineFull`."""
        slot = self.slots.open(deliver)
        self._inbox.put(Open(slot))
        return slot

    def hear(self, slot: Slot, chunk: AudioChunk) -> None:
        self._inbox.put_audio(slot, chunk)

    def look(self, slot: Slot, frame: VideoFrame) -> None:
        self._inbox.put_picture(slot, frame)

    def set_camera(self, slot: Slot, is_on: bool) -> None:
        if not is_on:
            self._inbox.drop_picture(slot)
        self._inbox.put(Camera(slot, is_on))

    def start(self, slot: Slot, turn: int, text: str | None, tail_pts: int | None) -> None:
        self.slots.admit_turn(slot, turn)
        self._inbox.put(Start(slot, turn, text, tail_pts, self._clock.now()))

    def retract(self, slot: Slot, turn: int) -> None:
        self.slots.drop_turn(slot, turn)
        self._inbox.put(Retract(slot, turn))

    def commit(self, slot: Slot, turn: int) -> None:
        self._inbox.put(Commit(slot, turn))

    def cancel(self, slot: Slot, turn: int, heard: str) -> None:
        self.slots.drop_turn(slot, turn)
        self._inbox.put(Cancel(slot, turn, heard))

    def forget(self, slot: Slot) -> None:
        self._inbox.put(Forget(slot))

    def close(self, slot: Slot) -> None:
        if self.slots.close(slot):
            self._inbox.put(Close(slot))

    def _deliver(self, results: dict[Slot, list[Delivery]]) -> None:
        for slot, deliveries in results.items():
            self.slots.deliver(slot, deliveries)
