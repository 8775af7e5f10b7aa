"""A second pair of ears: what the agent says to one peer, heard by somebody else as well.

The packets are the peer's own, encoded once; a listener that falls behind loses the oldest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from fractions import Fraction

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet
from av.stream import Stream

from ...runtime.frames import SPEAKING_RATE
from ..opus import PACKET_SAMPLES, SILENT_PACKET
from ..playout import Sent

WAITING = 50
"""Packets (one second) that may wait for a listener's connection."""
_HELLO_PACKETS = 5
_TIME_BASE = Fraction(1, SPEAKING_RATE)


class Overheard:
    """What one listener has not been sent yet. All methods on the event loop."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.dropped = 0
        self._now = now
        self._began = now()
        self._offset: int | None = None
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._wake = asyncio.Event()
        self._is_closed = False

    def hello(self) -> None:
        """A little silence, from which a browser learns that the track lives. Before anything
        was said, and once."""
        if self._offset is None and not self._waiting:
            at = self._pts()
            for index in range(_HELLO_PACKETS):
                self._add(SILENT_PACKET, at + index * PACKET_SAMPLES)

    def hear(self, sent: Sent) -> None:
        """A `Tap`. Time goes on through silence as it does for the peer itself."""
        if self._offset is None:
            after = self._waiting[-1][1] + PACKET_SAMPLES if self._waiting else 0
            self._offset = max(self._pts(), after) - sent.pts
        self._add(sent.packet.payload, sent.pts + self._offset)

    async def next(self) -> tuple[bytes, int]:
        """The next packet and its time in samples. Raises `MediaStreamError` once closed."""
        while not self._is_closed:
            if self._waiting:
                return self._waiting.popleft()
            self._wake.clear()
            await self._wake.wait()
        raise MediaStreamError

    def close(self) -> None:
        self._is_closed = True
        self._waiting.clear()
        self._wake.set()

    def _add(self, payload: bytes, pts: int) -> None:
        if self._is_closed:
            return
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append((payload, pts))
        self._wake.set()

    def _pts(self) -> int:
        """Samples since this listener came."""
        return round((self._now() - self._began) * SPEAKING_RATE)


class OverheardTrack(MediaStreamTrack):
    """What aiortc's sender reads from."""

    kind = "audio"

    def __init__(self, overheard: Overheard) -> None:
        super().__init__()
        self._overheard = overheard

    async def recv(self) -> Packet[Stream]:
        if self.readyState != "live":
            raise MediaStreamError
        payload, pts = await self._overheard.next()
        packet = Packet(payload)
        packet.pts = pts
        packet.time_base = _TIME_BASE
        return packet
