"""Answers outside of the conversation: each in a slot of its own, so that it reads and leaves nothing.

A fresh slot of the same engine is a fresh context. It is asked like a typed question, once, and given
back when the answer is over; that the engine is full is told as the answer's failure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .errors import EngineDied, EngineFull
from .events import (
    AsideFailed,
    Event,
    HeadReady,
    PictureSeen,
    StageFailed,
    TokensReady,
    ToolCalled,
)
from .frames import Pixels, VideoFrame
from .item_input import EncodedPicture
from .protocols import Delivery, Engine, Slot

OpenPicture = Callable[[EncodedPicture], Pixels]
"""Pixels of a compressed picture; it is decoded when they are asked for."""


def as_frame(picture: EncodedPicture, opener: OpenPicture, pts: int, now: float) -> VideoFrame:
    """A picture of a message as a frame. Its `pts` is a name, not a time."""
    return VideoFrame(opener(picture), picture.width, picture.height, pts, now, source="message")


@dataclass(slots=True)
class _Aside:
    turn: int
    text: str
    slot: Slot | None = None
    pictures: list[EncodedPicture] = field(default_factory=list[EncodedPicture])
    is_asked: bool = False


class Asides:
    """The side contexts of one conversation. Used on the event loop."""

    def __init__(
        self,
        engine: Engine,
        deliver: Callable[[list[Delivery]], None],
        opener: OpenPicture | None,
    ) -> None:
        self._engine = engine
        self._deliver = deliver
        self._opener = opener
        self._asides: dict[int, _Aside] = {}

    def start(
        self, turn: int, text: str, pictures: Sequence[EncodedPicture], now: float
    ) -> list[Event]:
        """Begin; what went wrong at once comes back as an event."""
        aside = _Aside(turn, text, pictures=list(pictures))
        try:
            aside.slot = self._engine.open(lambda results: self._results(aside, results))
        except (EngineFull, EngineDied) as error:
            return [AsideFailed(turn, str(error), "engine_full")]
        self._asides[turn] = aside
        self._go_on(aside, now)
        return []

    def end(self, turn: int) -> None:
        """Give its slot back. Idempotent."""
        aside = self._asides.pop(turn, None)
        if aside is not None and aside.slot is not None:
            self._engine.close(aside.slot)

    def close(self) -> None:
        """End them all."""
        for turn in list(self._asides):
            self.end(turn)

    def _go_on(self, aside: _Aside, now: float) -> None:
        """The next picture, or the question when all were seen."""
        if aside.slot is None:
            return
        if aside.pictures and self._opener is not None:
            picture = aside.pictures.pop(0)
            self._engine.look(aside.slot, as_frame(picture, self._opener, -aside.turn, now))
        elif not aside.is_asked:
            aside.is_asked = True
            self._engine.start(aside.slot, aside.turn, aside.text, None)
            self._engine.commit(aside.slot, aside.turn)

    def _results(self, aside: _Aside, results: list[Delivery]) -> None:
        if aside.turn not in self._asides:
            return
        passed: list[Delivery] = []
        for result in results:
            match result.event:
                case PictureSeen():
                    self._go_on(aside, 0.0)
                case StageFailed(why=why):
                    passed.append(Delivery(AsideFailed(aside.turn, why), result.stamps))
                case HeadReady() | TokensReady() | ToolCalled():
                    passed.append(result)
                case _:
                    pass
        if passed:
            self._deliver(passed)
