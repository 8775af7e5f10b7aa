"""The engine's side: one engine, and the processes whose conversations it serves.

Knows who holds which conversation and where its results go. A process that dies, writes nonsense or
does not read loses its own conversations; the others' are not concerned.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Literal

from ...runtime.errors import EngineDied, EngineFull
from ...runtime.events import Event, StageFailed
from ...runtime.protocols import Delivery, Slot
from ..engine import ThreadedEngine
from ..orders import Camera, Cancel, Close, Commit, Forget, Open, Retract, Start, TellSound
from ..sound_spotter import Spotter
from ..stepper import Stepper
from ..vad import Vad
from . import wire
from .ring import BadRing, Record, RingReader, RingWriter, new_ring, taken
from .sockets import is_trusted, receive, send
from .wire import BadRecord, Goodbye, Hello, Kind, Order, Welcome

log = logging.getLogger(__name__)

RING_BYTES = 4 * 1024 * 1024
"""Of each direction of each process: seconds of speech of dozens of conversations."""
PICTURES = 8
"""Pictures that fit into a ring at least."""
MAX_PROCESSES = 64
"""Processes that may share one engine."""
BEAT_S = 0.5
"""Seconds between two signs of life."""
HELLO_S = 10.0
"""Seconds that a process has to say what it wants."""


class EngineServer:
    """Hosts an engine. `await ready()`, then `attach` sockets; `await stop()` at the end. All on one
    event loop, which serves nothing else."""

    def __init__(
        self,
        stepper_factory: Callable[[], Stepper],
        vad_factory: Callable[[int], Vad],
        slots: int,
        loop: asyncio.AbstractEventLoop,
        *,
        name: str = "engine",
        retry_after_s: float = 10.0,
        spotter_factory: Callable[[int], Spotter] | None = None,
        settle: Callable[[], Mapping[str, str]] | None = None,
        ring_bytes: int = RING_BYTES,
        beat_s: float = BEAT_S,
    ) -> None:
        """The factories, and `settle` before them, are called on the engine's thread."""
        sizes = self._sizes = list[tuple[int, int]]()

        def stepper() -> Stepper:
            made = stepper_factory()
            sizes.append(made.picture_size)
            return made

        self.engine = ThreadedEngine(
            stepper,
            vad_factory,
            slots,
            loop,
            name=name,
            retry_after_s=retry_after_s,
            spotter_factory=spotter_factory,
            settle=settle,
        )
        self.name = name
        self._slots, self._retry_after_s, self._ring_bytes = slots, retry_after_s, ring_bytes
        self._is_ready = False
        self._loop = loop
        self._beat_s = beat_s
        self._beating: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None
        self._guests: set[_Guest] = set()
        self._places = os.eventfd(slots, os.EFD_CLOEXEC | os.EFD_NONBLOCK | os.EFD_SEMAPHORE)
        self._emptied = asyncio.Event()

    async def ready(self) -> None:
        """Load the model; raises what its factories raise. Who came before is welcomed now."""
        await self.engine.ready()
        self._is_ready = True
        for guest in list(self._guests):
            guest.welcome_when_due()
        self._watching = self._loop.create_task(self._watch(), name=f"watch {self.name}")
        self._beat()

    async def _watch(self) -> None:
        self._dismiss(Goodbye(await self.engine.ended()))

    async def ended(self) -> str:
        """Waits for the engine's end and says why; every process is told."""
        return await self.engine.ended()

    async def emptied(self) -> Literal[True]:
        """Waits until a process came and none is left."""
        return await self._emptied.wait()

    async def stop(self, goodbye: Goodbye | None = None) -> None:
        """End the engine; conversations and processes are told. Idempotent."""
        if self._beating is not None:
            self._beating.cancel()
        await self.engine.stop()
        if self._watching is not None:
            await self._watching
        self._dismiss(goodbye or Goodbye("it was stopped"))
        if self._places >= 0:
            os.close(self._places)
            self._places = -1

    def attach(self, sock: socket.socket) -> None:
        """Serve the process at the other end; the socket is the server's from now on."""
        if len(self._guests) >= MAX_PROCESSES or not is_trusted(sock):
            why = (
                f"{MAX_PROCESSES} processes share this engine already: start another engine"
                if is_trusted(sock)
                else "this engine serves processes of its own user only: run both as one user"
            )
            with suppress(OSError):
                send(sock, Goodbye(why, "ConfigError"))
            sock.close()
            return
        self._guests.add(_Guest(self, sock))

    def _beat(self) -> None:
        beat = wire.encode(self.engine.metrics)
        for guest in list(self._guests):
            guest.tell(Kind.BEAT, beat)
        self._beating = self._loop.call_later(self._beat_s, self._beat)

    def _dismiss(self, goodbye: Goodbye) -> None:
        for guest in list(self._guests):
            guest.dismiss(goodbye)

    # --- what a guest asks of it -------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where everything happens."""
        return self._loop

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height that the model takes, once it is loaded."""
        return self._sizes[-1]

    @property
    def is_ready(self) -> bool:
        """The model is loaded."""
        return self._is_ready

    @property
    def ring_bytes(self) -> int:
        """Of one direction, in whole pages."""
        width, height = self.picture_size
        least = PICTURES * (width * height * 3 + 4096)
        return -(-max(self._ring_bytes, least) // 4096) * 4096

    @property
    def places(self) -> int:
        """The counter of free places."""
        return self._places

    def welcome(self) -> Welcome:
        """What a process is told."""
        calls = sorted(self.engine.abilities.calls)
        return Welcome(self._slots, *self.picture_size, self._retry_after_s, tuple(calls))

    def free(self, places: int) -> None:
        """So many conversations are over."""
        if places and self._places >= 0:
            os.eventfd_write(self._places, places)

    def forget(self, guest: _Guest) -> None:
        """It is gone."""
        self._guests.discard(guest)
        if self._guests:
            return
        # A process that was killed between taking a place and saying so has lost it: now that
        # nobody holds one, the count is made right.
        while taken(self._places):
            pass
        self.free(self._slots)
        self._emptied.set()


class _Conversation:
    """Takes results for one conversation of a process."""

    def __init__(self, guest: _Guest, at: Slot) -> None:
        self._guest, self._at = guest, at
        self.slot: Slot

    def take(self, deliveries: list[Delivery]) -> None:
        """Over the ring. That the whole engine ended is told to processes, not to conversations."""
        told = [one for one in deliveries if not self._guest.is_the_end(one.event)]
        if told:
            self._guest.tell(Kind.RESULTS, wire.results(self._at, told))


class _Guest:
    """One process that carries media."""

    def __init__(self, server: EngineServer, sock: socket.socket) -> None:
        self._server, self._sock = server, sock
        self._conversations: dict[Slot, _Conversation] = {}
        self._orders: RingReader | None = None
        self._results: RingWriter | None = None
        self._has_greeted = False
        server.loop.add_reader(sock.fileno(), self._on_message)
        self._patience = server.loop.call_later(
            HELLO_S, lambda: self.dismiss(Goodbye(f"it said nothing for {HELLO_S:g} s"))
        )

    def welcome_when_due(self) -> None:
        """Once it has greeted and the model is loaded, it gets its rings."""
        if not self._has_greeted or not self._server.is_ready or self._orders is not None:
            return
        with ExitStack() as stack:
            orders = new_ring(self._server.ring_bytes)
            stack.callback(orders.close)
            results = new_ring(self._server.ring_bytes)
            stack.callback(results.close)
            ends = [
                *(orders.memory, orders.written, orders.read),
                *(results.memory, results.written, results.read),
                self._server.places,
            ]
            try:
                send(self._sock, self._server.welcome(), ends)
            except OSError:  # the end of its stream is read next
                return
            stack.pop_all()
        self._orders, self._results = RingReader(orders), RingWriter(results)
        self._server.loop.add_reader(self._orders.wakes, self._on_records)

    def is_the_end(self, event: Event) -> bool:
        """Of the engine, not of one conversation."""
        return isinstance(event, StageFailed) and event.what == self._server.name

    def tell(self, kind: Kind, head: bytes) -> None:
        """Write into its ring; one that is full belongs to a process that does not read."""
        if self._results is None:
            return
        if not self._results.write(kind, head):
            self.dismiss(Goodbye("this process did not read its results: it is too busy, or hangs"))

    def dismiss(self, goodbye: Goodbye) -> None:
        """It is told, where it can be told; its conversations are over. Idempotent."""
        if self._sock.fileno() < 0:
            return
        with suppress(OSError):
            send(self._sock, goodbye)
        self._server.loop.remove_reader(self._sock.fileno())
        self._sock.close()
        self._patience.cancel()
        if self._orders is not None:
            self._server.loop.remove_reader(self._orders.wakes)
            self._orders.close()
        results, self._results = self._results, None
        if results is not None:
            results.close()
        conversations, self._conversations = self._conversations, {}
        for conversation in conversations.values():
            self._server.engine.close(conversation.slot)
        self._server.free(len(conversations))
        self._server.forget(self)

    def _on_message(self) -> None:
        try:
            told, descriptors = receive(self._sock)
        except BlockingIOError:
            return
        except BadRecord as error:
            self._refuse(error)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        match told:
            case None:
                if self._conversations:
                    count = {"conversations": len(self._conversations)}
                    log.warning("a process is gone with its conversations", extra=count)
                self.dismiss(Goodbye("it is gone"))
            case Hello():
                self._greet(told)
            case Goodbye():
                self.dismiss(told)
            case _:
                self._refuse(BadRecord(f"{type(told).__name__} is not for an engine"))

    def _greet(self, hello: Hello) -> None:
        if hello.version != wire.VERSION:
            why = (
                f"the engine is {wire.VERSION!r} and this process {hello.version!r}: install the "
                "same version for both"
            )
        elif hello.engine != self._server.name:
            why = (
                f"the engine is {self._server.name!r} and this process asks for {hello.engine!r}: "
                "set engine.pipeline alike for both"
            )
        else:
            self._patience.cancel()
            self._has_greeted = True
            self.welcome_when_due()
            return
        self.dismiss(Goodbye(why, "ConfigError"))

    def _refuse(self, error: Exception) -> None:
        log.error("a process wrote nonsense", extra={"error": str(error)})
        self.dismiss(Goodbye(f"this process wrote what the engine can't read ({error})"))

    def _on_records(self) -> None:
        if self._orders is None or self._results is None:
            return
        try:
            for record in self._orders.records():
                self._take(record)
        except (BadRecord, BadRing) as error:
            self._refuse(error)

    def _take(self, record: Record) -> None:
        engine = self._server.engine
        match record.kind:
            case Kind.AUDIO:
                at, chunk = wire.read_audio(record.head, record.body)
                if (conversation := self._conversations.get(at)) is not None:
                    engine.hear(conversation.slot, chunk)
            case Kind.PICTURE:
                size = self._server.picture_size
                at, frame = wire.read_picture(record.head, record.body, *size)
                if (conversation := self._conversations.get(at)) is not None:
                    engine.look(conversation.slot, frame)
            case kind:
                self._obey(wire.read_order(kind, record.head))

    def _obey(self, order: Order) -> None:
        if isinstance(order, Open):
            self._open(order.slot)
            return
        conversation = self._conversations.get(order.slot)
        if conversation is None:  # it was closed, or could not be opened, and was told so
            return
        engine, slot = self._server.engine, conversation.slot
        match order:
            case Close():
                del self._conversations[order.slot]
                engine.close(slot)
                self._server.free(1)
            case Camera(is_on=is_on):
                engine.set_camera(slot, is_on)
            case Start(turn=turn, question=question, tail_pts=tail_pts, asked=asked):
                engine.start(slot, turn, question, tail_pts, asked)
            case Retract(turn=turn):
                engine.retract(slot, turn)
            case Commit(turn=turn):
                engine.commit(slot, turn)
            case Cancel(turn=turn, heard=heard):
                engine.cancel(slot, turn, heard)
            case Forget():
                engine.forget(slot)
            case TellSound(sound=sound):
                engine.tell_sound(slot, sound)

    def _open(self, at: Slot) -> None:
        if at in self._conversations:
            raise BadRecord(f"{at} was opened twice")
        conversation = _Conversation(self, at)
        try:
            conversation.slot = self._server.engine.open(conversation.take)
        except (EngineFull, EngineDied) as error:  # overload that it had not heard of, or the end
            failure = StageFailed("engine", str(error), is_fatal=True)
            self.tell(Kind.RESULTS, wire.results(at, [Delivery(failure, {})]))
            self._server.free(1)
        else:
            self._conversations[at] = conversation
