"""Who is served by an engine's thread and what they are to be told; and that a step which fails ends
one conversation and no other.

Knows no kind of step: `steps.py` makes them, `worker.py` chooses which.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ..runtime.clock import Clock
from ..runtime.events import Event, LoadChanged, StageFailed
from ..runtime.protocols import Delivery, Slot
from .orders import EngineMetrics
from .overload import TOLD, Ladder
from .place import Place
from .stepper import SlotFailed

log = logging.getLogger(__name__)

R = TypeVar("R")
Deliveries = Callable[[dict[Slot, list[Delivery]]], None]


class Desk:
    """The places of the conversations and the results that wait to be posted."""

    def __init__(
        self, clock: Clock, metrics: EngineMetrics, ladder: Ladder, post: Deliveries
    ) -> None:
        self.clock, self.metrics, self.ladder = clock, metrics, ladder
        self.places: dict[Slot, Place] = {}
        self.active: dict[int, Place] = {}
        """By slot index, the places that may have a job."""
        self.is_urgent = False
        """What waits is to be posted at once."""
        self.since = 0.0
        """When the oldest of the results came."""
        self._post = post
        self._results: dict[Slot, list[Delivery]] = {}

    # --- who is served ---------------------------------------------------------------------

    def alive(self, places: Iterable[Place]) -> list[Place]:
        """Those that did not fail meanwhile."""
        return [place for place in places if place.slot in self.places]

    def drop(self, place: Place) -> None:
        """It is served no more."""
        if self.places.pop(place.slot, None) is not None:
            self.metrics.positions.pop(place.slot.index, None)
        if self.active.get(place.slot.index) is place:
            del self.active[place.slot.index]

    # --- what they are told ----------------------------------------------------------------

    def tell(
        self, place: Place, event: Event, stamps: dict[str, float], at: int | None = None
    ) -> None:
        """`at`: before so many of the results that wait for this place."""
        if not self._results:
            self.since = self.clock.now()
        results = self._results.setdefault(place.slot, [])
        results.insert(len(results) if at is None else at, Delivery(event, stamps))

    def untold(self, place: Place) -> int:
        """Results that wait for this place."""
        return len(self._results.get(place.slot, ()))

    def deliver(self) -> None:
        """Post what waits."""
        self.is_urgent = False
        if self._results:
            results, self._results = self._results, {}
            self._post(results)

    def tell_load(self, places: Iterable[Place] | None = None) -> None:
        """How far the ladder is climbed, to everybody or to these."""
        rung = self.ladder.rung
        changed = LoadChanged(int(rung), TOLD[rung], rung.name.lower(), self.ladder.reason)
        for place in self.places.values() if places is None else places:
            self.tell(place, changed, {})

    def ladder_moved(self) -> None:
        """Everybody is told of it."""
        rung = self.ladder.rung
        self.metrics.rung, self.metrics.climbs = int(rung), self.ladder.climbs
        self.metrics.falls = self.ladder.falls
        log.warning("the overload ladder moved", extra={"rung": rung.name})
        self.tell_load()

    # --- steps that fail -------------------------------------------------------------------

    def for_each(
        self,
        step: str,
        places: Sequence[Place],
        call: Callable[[Sequence[Place]], Sequence[R]],
    ) -> list[tuple[Place, R]]:
        """One batched step. Where it fails, whom it fails for ends and the others are served."""
        if not places:
            return []
        self.metrics.count(step, len(places))
        try:
            return list(zip(places, call(places), strict=True))
        except SlotFailed as failed:
            at = len(failed.done)
            # What it holds is what `call` would have returned: only its type is not known here.
            done: list[tuple[Place, R]] = list(zip(places, failed.done, strict=False))  # type: ignore[arg-type]
            cause = failed.__cause__
            self.fail(places[at], cause if isinstance(cause, Exception) else failed)
            return done + self.for_each(step, places[at + 1 :], call)
        except Exception as error:  # noqa: BLE001 - any error of a model ends one conversation only
            if len(places) == 1:
                self.fail(places[0], error)
                return []
            if _is_out_of_memory(error):  # half as many may fit
                self._exhausted()
                half = (len(places) + 1) // 2
                parts: Sequence[Sequence[Place]] = (places[:half], places[half:])
            else:
                parts = tuple([place] for place in places)
            return [pair for part in parts for pair in self.for_each(step, part, call)]

    def guard(self, place: Place, act: Callable[[], object]) -> None:
        """Do something for one place; where that fails it ends."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - any error of a model ends one conversation only
            self.fail(place, error)

    def fail(self, place: Place, error: Exception) -> None:
        """The model can't go on with this conversation; the others are not concerned."""
        log.error("the model failed", exc_info=error, extra={"slot": place.slot.index})
        self.metrics.failures += 1
        why = sentence(error)
        if _is_out_of_memory(error):
            self._exhausted()
            why = f"the device has no memory left for this conversation ({why})"
        self.drop(place)
        self.tell(place, StageFailed("model", why, is_fatal=True), {})

    def _exhausted(self) -> None:
        """Memory ran out: nobody new until there has been calm."""
        self.metrics.exhausted += 1
        if self.ladder.exhausted():
            self.ladder_moved()


def sentence(error: Exception) -> str:
    """What went wrong, for a person."""
    return f"{type(error).__name__}: {error}"


def _is_out_of_memory(error: Exception) -> bool:
    """Python's own error, and those of PyTorch and ONNX Runtime by what they say."""
    text = f"{type(error).__name__} {error}".lower()
    signs = ("out of memory", "outofmemory", "failed to allocate", "bad_alloc", "bad allocation")
    return isinstance(error, MemoryError) or any(sign in text for sign in signs)
