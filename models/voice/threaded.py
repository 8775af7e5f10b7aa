"""Any synthesiser as the runtime's `Voice`: a function from text to samples, on a thread of its own.

For voices that are a library call. One phrase is said at a time, conversations in the order they
asked; what a phrase takes, the next one waits.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from ...runtime.clock import Clock, MonotonicClock
from ...runtime.events import Event, StageFailed, VoiceReady
from ...runtime.frames import SPEAKING_RATE, Pcm
from ...runtime.protocols import Delivery
from .resample import Resampler

log = logging.getLogger(__name__)

Deliver = Callable[[list[Delivery]], None]

MAX_WAITING = 4_096
"""Phrases that may wait, of all conversations together."""
PIECE = SPEAKING_RATE // 5
"""Samples handed over at once: the first audio of a long phrase need not wait for its last."""


class Synthesiser(Protocol):
    """What speaks. Called on one thread only, never two calls at once."""

    sample_rate: int
    """Of what `say` gives, in samples per second."""

    def say(self, text: str) -> Pcm | Iterable[Pcm]:
        """Mono int16 samples of the text: all of them, or piece by piece as they are made."""
        ...


@dataclass(frozen=True, slots=True)
class _Phrase:
    handle: int
    turn: int
    text: str
    is_last: bool
    asked: float


class ThreadedVoice:
    """`await ready()` first, `await stop()` at the end."""

    def __init__(self, make: Callable[[], Synthesiser], *, clock: Clock | None = None) -> None:
        """`make` is called on the thread, so it may load what it needs."""
        self._make = make
        self._clock = clock or MonotonicClock()
        self._queue: queue.Queue[_Phrase | None] = queue.Queue(MAX_WAITING)
        self._clients: dict[int, Deliver] = {}
        self._cancelled: set[tuple[int, int]] = set()
        self._last_handle = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Future[None] | None = None
        self._ended = asyncio.Event()

    async def ready(self) -> None:
        """Raises what `make` raises."""
        if self._ready is None:
            self._loop = asyncio.get_running_loop()
            self._ready = self._loop.create_future()
            # A daemon: a synthesiser that hangs must not keep the process from ending.
            self._thread = threading.Thread(target=self._run, name="voice", daemon=True)
            self._thread.start()
        await asyncio.shield(self._ready)

    async def stop(self) -> None:
        """Ends after the phrase in hand. Idempotent."""
        if self._thread is None:
            return
        self._clients.clear()
        while True:
            try:
                self._queue.put_nowait(None)
                break
            except queue.Full:
                self._queue.get_nowait()
        await self._ended.wait()

    def open(self, deliver: Deliver) -> int:
        """A handle for one conversation."""
        self._last_handle += 1
        self._clients[self._last_handle] = deliver
        return self._last_handle

    def speak(self, handle: int, turn: int, phrase: str, is_last: bool) -> None:
        """Stamped "voice_asked" now and "first_voice" when its first audio is here."""
        asked = _Phrase(handle, turn, phrase, is_last, self._clock.now())
        try:
            self._queue.put_nowait(asked)
        except queue.Full:
            asyncio.get_running_loop().call_soon(
                self._deliver, asked, self._failed(asked, f"{MAX_WAITING} phrases wait already")
            )

    def cancel(self, handle: int, turn: int) -> None:
        """Nothing of this turn is delivered after this call returns."""
        # Turns rise: what was cancelled before can't come any more.
        self._cancelled = {pair for pair in self._cancelled if pair[0] != handle}
        self._cancelled.add((handle, turn))

    def close(self, handle: int) -> None:
        """What is still to be said is dropped."""
        self._clients.pop(handle, None)
        self._cancelled = {pair for pair in self._cancelled if pair[0] != handle}

    # The thread

    def _run(self) -> None:
        try:
            synthesiser = self._make()
        except BaseException as error:  # noqa: BLE001 - whatever it was, who waits must hear of it
            self._tell(self._be_ready, error)
            self._tell(self._ended.set)
            return
        self._tell(self._be_ready, None)
        while (phrase := self._queue.get()) is not None:
            if self._is_wanted(phrase):
                self._say(synthesiser, phrase)
        self._tell(self._ended.set)

    def _say(self, synthesiser: Synthesiser, phrase: _Phrase) -> None:
        text, is_first = phrase.text, True
        try:
            for pcm in _pieces(synthesiser, phrase.text):
                if not self._is_wanted(phrase):
                    return
                stamps = (
                    {"voice_asked": phrase.asked, "first_voice": self._clock.now()}
                    if is_first
                    else {}
                )
                voice = VoiceReady(phrase.turn, pcm, text, is_last=False)
                self._tell(self._deliver, phrase, [Delivery(voice, stamps)])
                text, is_first = "", False
            nothing = np.zeros(0, np.int16)
            last = VoiceReady(phrase.turn, nothing, text, phrase.is_last)
            self._tell(self._deliver, phrase, [Delivery(last, {})])
        except Exception as error:  # the edge of one phrase: the others are said
            log.exception("a phrase could not be said")
            failed = self._failed(phrase, f"{type(error).__name__}: {error}")
            self._tell(self._deliver, phrase, failed)

    def _is_wanted(self, phrase: _Phrase) -> bool:
        return (
            phrase.handle in self._clients and (phrase.handle, phrase.turn) not in self._cancelled
        )

    def _failed(self, phrase: _Phrase, why: str) -> list[Delivery]:
        """The phrase stays unsaid: its conversation is told, and the turn still ends."""
        nothing = np.zeros(0, np.int16)
        events: list[Event] = [
            StageFailed("voice", why, is_fatal=False),
            VoiceReady(phrase.turn, nothing, "", phrase.is_last),
        ]
        return [Delivery(event, {}) for event in events]

    def _tell(self, call: Callable[..., None], *args: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            return

    # The loop

    def _be_ready(self, error: BaseException | None) -> None:
        assert self._ready is not None
        if error is None:
            self._ready.set_result(None)
        else:
            self._ready.set_exception(error)

    def _deliver(self, phrase: _Phrase, deliveries: list[Delivery]) -> None:
        if not self._is_wanted(phrase):
            return
        try:
            self._clients[phrase.handle](deliveries)
        except Exception:  # the edge of one conversation: the others go on
            log.exception("a conversation failed to take its voice")


def _pieces(synthesiser: Synthesiser, text: str) -> Iterator[Pcm]:
    """At SPEAKING_RATE, none longer than PIECE."""
    said = synthesiser.say(text)
    parts = (cast(Pcm, said),) if isinstance(said, np.ndarray) else said
    resampler = Resampler(synthesiser.sample_rate, SPEAKING_RATE)
    is_same = synthesiser.sample_rate == SPEAKING_RATE
    for part in parts:
        yield from _cut(part if is_same else _rounded(resampler.push(part.astype(np.float32))))
    if not is_same:
        yield from _cut(_rounded(resampler.flush()))


def _cut(pcm: Pcm) -> Iterator[Pcm]:
    for at in range(0, len(pcm), PIECE):
        yield pcm[at : at + PIECE]


def _rounded(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Pcm:
    return np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16)
