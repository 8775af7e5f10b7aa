"""The event loop's side of an engine: who holds which slot, and what may still reach them.

An owner that is gone without closing its slot does not keep it: who takes results as a method of an
object is held weakly, and who fails to take them again and again is gone, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import MethodType
from weakref import WeakMethod

from ..runtime.errors import EngineFull
from ..runtime.events import AnswerCounted, HeadReady, StageFailed, TokensReady
from ..runtime.protocols import Delivery, Slot

log = logging.getLogger(__name__)

Deliver = Callable[[list[Delivery]], None]


CLUMSY = 3
"""Times in a row that an owner may fail to take its results; then it counts as gone."""


@dataclass(slots=True)
class _Tenant:
    slot: Slot
    owner: Callable[[], Deliver | None]
    """None when it is gone."""
    turns: set[int] = field(default_factory=set[int])
    failures: int = 0


class SlotTable:
    """A fixed number of slots. A slot's generation goes up with each tenant, so that a result for
    one tenant never reaches the next. Used on the event loop only."""

    def __init__(self, slots: int, retry_after_s: float = 10.0) -> None:
        self.undelivered = 0
        """Results that came for a turn or a tenant that is gone."""
        self.vanished = 0
        """Tenants whose owner was gone without closing their slot."""
        self._tenants: list[_Tenant | None] = [None] * slots
        self._generations = [0] * slots
        self._retry_after_s = retry_after_s

    def __len__(self) -> int:
        """How many slots are taken."""
        return sum(tenant is not None for tenant in self._tenants)

    def __iter__(self) -> Iterator[Slot]:
        return iter([tenant.slot for tenant in self._tenants if tenant is not None])

    def open(self, deliver: Deliver) -> Slot:
        """Take the slot of lowest index that is free. Raises `EngineFull`. Where `deliver` is a
        method, its object is not kept alive."""
        for index, tenant in enumerate(self._tenants):
            if tenant is None:
                self._generations[index] += 1
                slot = Slot(index, self._generations[index])
                self._tenants[index] = _Tenant(slot, _held(deliver))
                return slot
        raise self.refusal()

    def refusal(self) -> EngineFull:
        """What is said where no slot is free."""
        return EngineFull(
            f"all {len(self._tenants)} conversations the engine has room for are taken: "
            f"come again in {self._retry_after_s:.0f} s, or raise engine.slots",
            retry_after_s=self._retry_after_s,
        )

    def holds(self, slot: Slot) -> bool:
        """True while `slot` is taken by the tenant it was given to."""
        tenant = self._tenants[slot.index]
        return tenant is not None and tenant.slot == slot

    def close(self, slot: Slot) -> bool:
        """Free the slot; False where it was free or another's already."""
        if not self.holds(slot):
            return False
        self._tenants[slot.index] = None
        return True

    def gone(self) -> list[Slot]:
        """Slots whose owner is gone; they are for the caller to close."""
        found = [one.slot for one in self._tenants if one is not None and _is_gone(one)]
        self.vanished += len(found)
        return found

    def admit_turn(self, slot: Slot, turn: int) -> None:
        """Results of this turn may be delivered from now on."""
        tenant = self._tenants[slot.index]
        if tenant is not None and tenant.slot == slot:
            tenant.turns.add(turn)
            if len(tenant.turns) > 2:  # one answer being said and one shadow
                tenant.turns.remove(min(tenant.turns))

    def drop_turn(self, slot: Slot, turn: int) -> None:
        """Results of this turn are delivered no more."""
        tenant = self._tenants[slot.index]
        if tenant is not None and tenant.slot == slot:
            tenant.turns.discard(turn)

    def deliver(self, slot: Slot, deliveries: list[Delivery]) -> None:
        """Hand results to the tenant they are for. One tenant's error does not reach another."""
        tenant = self._tenants[slot.index]
        if tenant is None or tenant.slot != slot:
            self.undelivered += len(deliveries)
            return
        wanted = [one for one in deliveries if _turn(one) is None or _turn(one) in tenant.turns]
        self.undelivered += len(deliveries) - len(wanted)
        take = tenant.owner()
        if take is None:
            self.undelivered += len(wanted)
            return
        if not wanted:
            return
        try:
            take(wanted)
            tenant.failures = 0
        except Exception:  # the edge of one session: the others go on
            tenant.failures += 1
            log.exception("a conversation failed to take its results", extra={"slot": slot.index})

    def fail_all(self, what: str, why: str) -> None:
        """Tell every tenant that it is over."""
        for slot in self:
            self.deliver(slot, [Delivery(StageFailed(what, why, is_fatal=True), {})])


def _held(deliver: Deliver) -> Callable[[], Deliver | None]:
    if isinstance(deliver, MethodType):
        weak: WeakMethod[Deliver] = WeakMethod(deliver)
        return weak
    return lambda: deliver


def _is_gone(tenant: _Tenant) -> bool:
    return tenant.owner() is None or tenant.failures >= CLUMSY


def _turn(delivery: Delivery) -> int | None:
    match delivery.event:
        case HeadReady(turn=turn) | TokensReady(turn=turn) | AnswerCounted(turn=turn):
            return turn
        case _:
            return None
