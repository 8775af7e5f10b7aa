"""A peer's microphone: packets through our jitter buffer, decoded off the loop, out as AudioChunks.

Knows RTP and Opus; nothing of peers or sessions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from aiortc.rtp import RtpPacket

from ...runtime.errors import BadInput
from ...runtime.frames import HEARING_RATE, AudioChunk
from ...runtime.ledger import Histogram
from ..jitter_buffer import JitterBuffer, JitterCounts, JitterLimits, Piece
from ..media_threads import MediaThreads
from ..opus import CLOCK_RATE, Decoder, new_decoder, packet_samples
from .sync import SenderClock

log = logging.getLogger(__name__)

LATE_LOOP_S = 0.010
"""A timer later than this says that the event loop stood still, and its sockets with it."""

_STEP = CLOCK_RATE // HEARING_RATE


@dataclass(slots=True)
class _Timeline:
    """Turns pieces into chunks; runs on media threads, one at a time."""

    decoder: Decoder
    pts: int = 0
    undecodable: int = 0

    def decode(self, pieces: list[Piece[bytes]]) -> list[tuple[AudioChunk, int]]:
        """Each chunk with the RTP time of its first sample."""
        chunks: list[tuple[AudioChunk, int]] = []
        for piece in pieces:
            samples = piece.samples // _STEP
            concealed = 0
            if piece.payload is None:
                pcm = self.decoder.conceal(samples, piece.following)
                concealed = samples
            else:
                try:
                    pcm = self.decoder.decode(piece.payload)
                except BadInput:
                    self.undecodable += 1
                    pcm = self.decoder.conceal(samples, None)
                    concealed = samples
            gap = piece.gap // _STEP
            self.pts += gap
            if len(pcm):
                chunk = AudioChunk(
                    np.ascontiguousarray(pcm), self.pts, piece.arrived, concealed, gap
                )
                chunks.append((chunk, piece.timestamp))
                self.pts += len(pcm)
        return chunks


class Microphone:
    """The sink of one audio stream. All methods on the event loop."""

    def __init__(
        self,
        threads: MediaThreads,
        limits: JitterLimits,
        clock: SenderClock,
        deliver: Callable[[AudioChunk], None],
        now: Callable[[], float],
    ) -> None:
        self._buffer: JitterBuffer[bytes] = JitterBuffer(CLOCK_RATE, limits)
        self._timeline = _Timeline(new_decoder())
        self._clock = clock
        self._deliver = deliver
        self._now = now
        self._lane = threads.lane(self._decoded, limit=100)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ssrc: int | None = None
        self.bad_packets = 0
        self.held_ms = Histogram()
        """How long the jitter buffer held each packet."""

    @property
    def counts(self) -> JitterCounts:
        return self._buffer.counts

    @property
    def dropped(self) -> int:
        """Decode jobs that were given up because the media threads were behind."""
        return self._lane.dropped

    def push(self, packet: RtpPacket, codec: str, arrived: float) -> bool:
        if codec.lower() != "opus":
            return False
        try:
            samples = packet_samples(packet.payload)
        except BadInput:
            self.bad_packets += 1
            return False
        if packet.ssrc != self._ssrc:
            if self._ssrc is not None:
                self._buffer.restart()
                self._clock.restart("audio")
            self._ssrc = packet.ssrc
        self._buffer.push(
            packet.sequence_number, packet.timestamp, packet.payload, arrived, samples
        )
        self._drain()
        return False

    def sender_report(self, ssrc: int, ntp: int, timestamp: int) -> None:
        if ssrc == self._ssrc:
            self._clock.report("audio", ntp, timestamp)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._lane.close()

    def _drain(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._now()
        if pieces := self._buffer.pop(now):
            for piece in pieces:
                if not piece.concealed:
                    self.held_ms.add((now - piece.arrived) * 1e3)
            self._lane.put(lambda: self._timeline.decode(pieces))
        if (due := self._buffer.next_due()) is not None:
            self._timer = self._loop.call_later(max(0.0, due - now), self._due, due)

    def _due(self, due: float) -> None:
        """Nothing came in time. If the loop itself was late, what came meanwhile goes first."""
        if self._now() - due > LATE_LOOP_S:
            self._timer = self._loop.call_later(LATE_LOOP_S, self._drain)
        else:
            self._drain()

    def _decoded(self, chunks: list[tuple[AudioChunk, int]]) -> None:
        for chunk, timestamp in chunks:
            self._clock.heard(timestamp, chunk.pts)
            self._deliver(chunk)
