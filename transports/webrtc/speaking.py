"""The agent's voice to one peer: PCM is encoded off the loop and leaves as paced Opus packets.

aiortc gets finished packets, so it neither encodes nor touches the default executor. While there
is nothing to say nothing is sent, but time goes on: the next packet's timestamp tells how long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet
from av.stream import Stream

from ...runtime.frames import SPEAKING_RATE, Pcm
from ..media_threads import MediaThreads
from ..opus import PACKET_SAMPLES, SILENT_PACKET, new_encoder
from ..playout import NOBODY, Line, Packetizer, Sent, Spoken

BIT_RATE = 32_000
_TIME_BASE = Fraction(1, SPEAKING_RATE)
_JOB_SAMPLES = 5 * PACKET_SAMPLES
_HELLO_PACKETS = 5
"""Silence sent once at the start: Chromium unmutes a track with its first packets."""
_TAIL_PACKETS = 3
"""Silence sent after speech ends or is cut, so that the receiver stops instead of concealing."""

Played = Callable[[int, int, bool, float], None]
Tap = Callable[[Sent], None]


class Speaker:
    """The `Playout` of a peer. All methods on the event loop."""

    def __init__(self, threads: MediaThreads, now: Callable[[], float]) -> None:
        self._line = Line()
        self._coder = Packetizer(new_encoder(BIT_RATE).encode)
        self._lane = threads.lane(self._encoded, limit=10_000)
        self._now = now
        self._played: Played | None = None
        self._taps: list[Tap] = []
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

    def add_tap(self, tap: Tap) -> None:
        """`tap` is handed every packet in the moment it is sent."""
        self._taps.append(tap)

    def remove_tap(self, tap: Tap) -> None:
        self._taps.remove(tap)

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        self._turn = turn
        epoch = self._epoch
        if not self._line.waiting and self._lane.is_idle and len(pcm) > PACKET_SAMPLES:
            # Somebody waits for this sound: its first packet is made here and now (some 0.2 ms),
            # on its way before anything else that is to be done about it.
            self._encoded(self._coder.cut(epoch, turn, pcm[:PACKET_SAMPLES], is_last=False))
            pcm = pcm[PACKET_SAMPLES:]
        for at in range(0, max(len(pcm), 1), _JOB_SAMPLES):
            part = pcm[at : at + _JOB_SAMPLES]
            ends = is_last and at + _JOB_SAMPLES >= len(pcm)
            self._lane.put(
                lambda part=part, ends=ends: (  # type: ignore[misc]
                    self._coder.cut(epoch, turn, part, ends) if epoch == self._epoch else []
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
                for tap in self._taps:
                    tap(sent)
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

    async def recv(self) -> Packet[Stream]:
        if self.readyState != "live":
            raise MediaStreamError
        sent = await self._speaker.next()
        packet = Packet(sent.packet.payload)
        packet.pts = sent.pts
        packet.time_base = _TIME_BASE
        return packet
