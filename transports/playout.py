"""What is said to a peer: encoded packets in a line, sent at the pace of a clock, cut at once.

`Line` is plain code: packets in, packets out at their due time, with the position in the turn.
It knows no codec and no socket; times are seconds of one monotonic clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..runtime.frames import Pcm
from .opus import PACKET_SAMPLES

PACKET_S = 0.020
CATCH_UP_S = 0.100
"""A sender that was held up sends at once what is up to so late; beyond it the clock moves on."""


NOBODY = -1
"""The turn of packets that belong to none: silence that tells the receiver we are here."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One encoded packet of a turn; `samples` of real audio in it (the last may be padded)."""

    payload: bytes
    turn: int
    samples: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet as it goes out: `pts` in samples at SPEAKING_RATE since the line began, advancing
    through silence too, and how many samples of its turn have been sent with it."""

    packet: Spoken
    pts: int
    position: int


class Packetizer:
    """Cuts PCM of any length into packets, keeping what does not fill one until more comes.

    `encode` gets exactly PACKET_SAMPLES samples; many times as many where its packets `are_alike`,
    that is have the same length and can be encoded together. `epoch` changes with every flush: what
    was kept from before it is forgotten. One thread at a time.
    """

    def __init__(self, encode: Callable[[Pcm], bytes], *, are_alike: bool = False) -> None:
        self._encode = encode
        self._are_alike = are_alike
        self._rest: Pcm = np.zeros(0, np.int16)
        self._key = (0, NOBODY)

    def cut(self, epoch: int, turn: int, pcm: Pcm, is_last: bool) -> list[tuple[int, Spoken]]:
        """The packets that are full now, each with its epoch; all of them when `is_last`."""
        if (epoch, turn) != self._key:
            self._key, self._rest = (epoch, turn), np.zeros(0, np.int16)
        if len(self._rest):
            pcm = np.concatenate([self._rest, pcm])
        whole = len(pcm) - len(pcm) % PACKET_SAMPLES
        packets = [
            Spoken(payload, turn, PACKET_SAMPLES, False) for payload in self._payloads(pcm[:whole])
        ]
        self._rest = pcm[whole:]
        if is_last:
            rest, self._rest = self._rest, np.zeros(0, np.int16)
            if len(rest) or not packets:
                padded = np.pad(rest, (0, PACKET_SAMPLES - len(rest)))
                packets.append(Spoken(self._encode(padded), turn, len(rest), True))
            else:
                packets[-1] = replace(packets[-1], is_last=True)
        return [(epoch, packet) for packet in packets]

    def _payloads(self, pcm: Pcm) -> list[bytes]:
        count = len(pcm) // PACKET_SAMPLES
        if not self._are_alike or count < 2:
            return [
                self._encode(pcm[at : at + PACKET_SAMPLES])
                for at in range(0, len(pcm), PACKET_SAMPLES)
            ]
        data = self._encode(pcm)
        size = len(data) // count
        return [data[at : at + size] for at in range(0, len(data), size)]


@dataclass(slots=True)
class Line:
    """Packets that wait to be sent, and when. At most `limit` wait; beyond it they are refused."""

    limit: int = 15_000
    dropped: int = 0
    waiting: deque[Spoken] = field(default_factory=deque[Spoken])
    _began: float | None = None
    _next_at: float = float("-inf")
    _next_pts: int = 0
    _turn: int | None = None
    _position: int = 0

    def add(self, packet: Spoken) -> None:
        """Queue a packet; packets of one turn come in order."""
        if len(self.waiting) >= self.limit:
            self.dropped += 1
            return
        self.waiting.append(packet)

    def flush(self) -> None:
        """Drop what waits."""
        self.waiting.clear()

    def position(self, turn: int) -> int:
        """How many samples of `turn` have been sent, if it is the one that was sent last."""
        return self._position if turn == self._turn else 0

    def due(self) -> float | None:
        """When the next packet is to be sent; None while there is none."""
        return self._next_at if self.waiting else None

    def pop(self, now: float) -> Sent | None:
        """The packet that is due, if any."""
        if not self.waiting or now < self._next_at:
            return None
        if self._began is None:
            self._began = now
        if now - self._next_at > CATCH_UP_S:  # after a pause, or a stall: the clock goes on
            self._next_at = now
            pts = round((now - self._began) * PACKET_SAMPLES / PACKET_S)
            self._next_pts = max(self._next_pts, pts)
        packet = self.waiting.popleft()
        if packet.turn not in (NOBODY, self._turn):
            self._turn, self._position = packet.turn, 0
        self._position += packet.samples
        sent = Sent(packet, self._next_pts, self._position)
        self._next_pts += PACKET_SAMPLES
        self._next_at += PACKET_S
        return sent
