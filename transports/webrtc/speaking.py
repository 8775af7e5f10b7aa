"""The agent's voice to one peer: PCM is encoded off the loop and leaves as paced Opus packets.

aiortc gets finished packets, so it neither encodes nor touches the default executor. While there
is nothing to say nothing is sent, but time goes on: the next packet's timestamp tells how long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from ...runtime.frames import SPEAKING_RATE, Pcm
from ..media_threads import MediaThreads
from ..opus import PACKET_SAMPLES, SILENT_PACKET, Encoder, new_encoder
from ..playout import NOBODY, Line, Sent, Spoken

BIT_RATE = 32_000
_TIME_BASE = Fraction(1, SPEAKING_RATE)
_JOB_SAMPLES = 5 * PACKET_SAMPLES
_HELLO_PACKETS = 5
"""Silence sent once at the start: Chromium unmutes a track with its first packets."""
_TAIL_PACKETS = 3
"""Silence sent after speech ends or is cut, so that the receiver stops instead of concealing."""

Played = Callable[[int, int, bool, float], None]


class _Coder:
    """Cuts PCM into packets; runs on media threads, one job at a time."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._rest: Pcm = np.zeros(0, np.int16)
        self._key = (0, 0)

    def encode(self, epoch: int, turn: int, pcm: Pcm, is_last: bool) -> list[tuple[int, Spoken]]:
        if (epoch, turn) != self._key:
            self._key, self._rest = (epoch, turn), np.zeros(0, np.int16)
        if len(self._rest):
            pcm = np.concatenate([self._rest, pcm])
        whole = len(pcm) - len(pcm) % PACKET_SAMPLES
        packets = [
            Spoken(self._encoder.encode(pcm[at : at + PACKET_SAMPLES]), turn, PACKET_SAMPLES, False)
            for at in range(0, whole, PACKET_SAMPLES)
        ]
        self._rest = pcm[whole:]
        if is_last:
            rest, self._rest = self._rest, np.zeros(0, np.int16)
            if len(rest) or not packets:
                padded = np.pad(rest, (0, PACKET_SAMPLES - len(rest)))
                packets.append(Spoken(self._encoder.encode(padded), turn, len(rest), True))
            else:
                last = packets.pop()
                packets.append(Spoken(last.payload, turn, last.samples, True))
        return [(epoch, packet) for packet in packets]


class Speaker:
    """The `Playout` of a peer. All methods on the event loop."""

    def __init__(self, threads: MediaThreads, now: Callable[[], float]) -> None:
        self._line = Line()
        self._coder = _Coder(new_encoder(BIT_RATE))
        self._lane = threads.lane(self._encoded, limit=10_000)
        self._now = now
        self._played: Played | None = None
        self._wake = asyncio.Event()
        self._epoch = 0
        self._turn = NOBODY
        self._sent: Sent | None = None
        self._is_closed = False

    @property
    def dropped(self) -> int:
        """Packets that found the line full: more than five minutes of speech waited."""
        return self._line.dropped + self._lane.dropped

    def set_played(self, played: Played) -> None:
        self._played = played

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        self._turn = turn
        epoch = self._epoch
        for at in range(0, max(len(pcm), 1), _JOB_SAMPLES):
            part = pcm[at : at + _JOB_SAMPLES]
            ends = is_last and at + _JOB_SAMPLES >= len(pcm)
            self._lane.put(
                lambda part=part, ends=ends: (  # type: ignore[misc]
                    self._coder.encode(epoch, turn, part, ends) if epoch == self._epoch else []
                )
            )

    def flush(self) -> int:
        self._epoch += 1
        if self._line.waiting:
            self._line.flush()
            self._hush()
        return self._line.position(self._turn)

    def hello(self) -> None:
        """The connection is up: let the receiver hear that the track lives."""
        if not self._line.waiting:
            self._add_silence(_HELLO_PACKETS)

    async def next(self) -> Sent:
        """The next packet at its time. Calling again says that the one before was sent."""
        self._report()
        while not self._is_closed:
            now = self._now()
            if (sent := self._line.pop(now)) is not None:
                self._sent = sent
                return sent
            due = self._line.due()
            if due is not None:
                await asyncio.sleep(due - now)
            else:
                self._wake.clear()
                await self._wake.wait()
        raise MediaStreamError

    def close(self) -> None:
        self._is_closed = True
        self._epoch += 1
        self._line.flush()
        self._lane.close()
        self._wake.set()

    def _report(self) -> None:
        sent, self._sent = self._sent, None
        if sent is None or sent.packet.turn == NOBODY:
            return
        if sent.packet.is_last and not self._line.waiting:
            self._hush()
        if self._played is not None:
            self._played(sent.packet.turn, sent.position, sent.packet.is_last, self._now())

    def _encoded(self, packets: list[tuple[int, Spoken]]) -> None:
        for epoch, packet in packets:
            if epoch == self._epoch:
                self._line.add(packet)
        self._wake.set()

    def _hush(self) -> None:
        self._add_silence(_TAIL_PACKETS)

    def _add_silence(self, packets: int) -> None:
        for _ in range(packets):
            self._line.add(Spoken(SILENT_PACKET, NOBODY, 0, False))
        self._wake.set()


class SpeakerTrack(MediaStreamTrack):
    """What aiortc's sender reads from. A peer that connects again gets a new one."""

    kind = "audio"

    def __init__(self, speaker: Speaker) -> None:
        super().__init__()
        self._speaker = speaker

    async def recv(self) -> av.Packet:
        if self.readyState != "live":
            raise MediaStreamError
        sent = await self._speaker.next()
        packet = av.Packet(sent.packet.payload)
        packet.pts = sent.pts
        packet.time_base = _TIME_BASE
        return packet
