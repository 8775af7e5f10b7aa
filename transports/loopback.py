"""The in-memory twin of a WebRTC peer: same mailboxes, same jitter buffer, a network that is ours.

Packets are lost, delayed, reordered and jittered as told, from a seed, on the time of the running
event loop: under `run_virtual` an hour takes seconds and always goes the same way. PCM travels in
place of Opus.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..runtime.errors import BadInput
from ..runtime.frames import HEARING_RATE, AudioChunk, Pcm, VideoFrame
from ..runtime.mailboxes import Bounded, Latest
from ..runtime.messages import error as error_message
from ..runtime.protocols import Playout
from . import json_messages
from .jitter_buffer import JitterBuffer, JitterCounts, JitterLimits, Piece
from .playout import PACKET_S, Line, Packetizer, Sent

PACKET = HEARING_RATE // 50
"""Samples per microphone packet: 20 ms."""
MAX_MESSAGE_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Network:
    """What happens between the two ends; the same seed does the same again."""

    loss: float | Sequence[int] = 0.0
    """Share of microphone packets that are lost, or which ones (counted from 0)."""
    jitter_ms: float = 0.0
    """Each packet is late by up to so much, evenly spread."""
    reorder: float = 0.0
    """Share of packets that are overtaken by the next one."""
    delay_ms: float = 0.0
    """What every packet and message takes, both ways."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet of the agent's voice as it reached the client; `pcm` at SPEAKING_RATE."""

    turn: int
    pcm: Pcm
    at: float


class Loopback:
    """A `Transport` and, as `client`, the person at the other end. Make it on a running loop."""

    def __init__(
        self,
        *,
        loss: float | Sequence[int] = 0.0,
        jitter_ms: float = 0.0,
        reorder: float = 0.0,
        delay_ms: float = 0.0,
        seed: int = 0,
        limits: JitterLimits | None = None,
        audio_chunks: int = 50,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers: set[asyncio.TimerHandle] = set()
        self.closed_why: str | None = None
        self.audio: Bounded[AudioChunk] = Bounded(audio_chunks)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Bounded[Mapping[str, object]] = Bounded(256)
        self.network = Network(loss, jitter_ms, reorder, delay_ms, seed)
        self._voice = LoopbackPlayout(self)
        self.playout: Playout = self._voice
        self._receiver = _Receiver(self, limits or JitterLimits())
        self.client = LoopbackClient(self)

    @property
    def jitter(self) -> JitterCounts:
        return self._receiver.buffer.counts

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        self._voice.played = played

    def send(self, message: Mapping[str, object]) -> None:
        if self.closed_why is None:
            text = json_messages.encode(message)
            self.later(self.network.delay_ms / 1000, lambda: self.client.take_message(text))

    async def close(self, why: str) -> None:
        if self.closed_why is not None:
            return
        self.closed_why = why
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.audio.close()
        self.video.close()
        self.messages.close()

    def later(self, seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle | None:
        """Call `act` unless the peer is closed before."""
        if self.closed_why is not None:
            return None
        # A list of one, because the handle is known only after it is made.
        made: list[asyncio.TimerHandle] = []

        def run() -> None:
            self._timers.discard(made[0])
            act()

        made.append(self._loop.call_later(max(0.0, seconds), run))
        self._timers.add(made[0])
        return made[0]

    def forget(self, timer: asyncio.TimerHandle) -> None:
        timer.cancel()
        self._timers.discard(timer)

    def now(self) -> float:
        return self._loop.time()

    def deliver(self, seq: int, timestamp: int, pcm: Pcm) -> None:
        """A microphone packet comes out of the network."""
        self._receiver.push(seq, timestamp, pcm)

    def take_message(self, data: str | bytes) -> None:
        """A client's message comes out of the network; a bad one is answered."""
        try:
            self.messages.put(json_messages.parse(data, MAX_MESSAGE_BYTES))
        except BadInput as error:
            self.send(error_message(str(error), code=error.code, param=error.param))


class LoopbackClient:
    """The person's side: a microphone that is always on, a camera, a screen, ears."""

    def __init__(self, peer: Loopback) -> None:
        self.received: list[dict[str, object]] = []
        """The agent's messages."""
        self.heard: list[Heard] = []
        """The agent's voice."""
        self._peer = peer
        self._random = random.Random(peer.network.seed)
        self._rest: Pcm = np.zeros(0, np.int16)
        self._seq = 0
        self._timestamp = 0
        self._next_at = peer.now()
        self._is_muted = False
        peer.later(0.0, self._tick)

    def say(self, pcm: Pcm) -> None:
        """Speak mono PCM at HEARING_RATE after what is being said; then there is silence."""
        self._rest = np.concatenate([self._rest, pcm])

    def mute(self, is_muted: bool) -> None:
        """A muted microphone sends nothing at all."""
        self._is_muted = is_muted

    def show(self, frame: VideoFrame) -> None:
        """One camera picture; `arrived` becomes the time it comes out of the network."""
        peer = self._peer

        def arrive() -> None:
            peer.video.put(replace(frame, arrived=peer.now()))

        peer.later(peer.network.delay_ms / 1000, arrive)

    def send(self, message: Mapping[str, object] | str | bytes) -> None:
        """A message on the data channel; text and bytes go as they are."""
        data = message if isinstance(message, str | bytes) else json_messages.encode(message)
        self._peer.later(self._peer.network.delay_ms / 1000, lambda: self._peer.take_message(data))

    async def leave(self) -> None:
        await self._peer.close("the client closed the connection")

    def take_message(self, text: str) -> None:
        """Text comes out of the network."""
        self.received.append(json_messages.parse(text, 1 << 30))

    def _tick(self) -> None:
        """Every 20 ms of the microphone's clock: the next packet, speech or silence."""
        if not self._is_muted:
            pcm = self._rest[:PACKET]
            self._rest = self._rest[PACKET:]
            self._transmit(np.pad(pcm, (0, PACKET - len(pcm))))
            self._seq += 1
        self._timestamp += PACKET
        self._next_at += PACKET_S
        self._peer.later(self._next_at - self._peer.now(), self._tick)

    def _transmit(self, pcm: Pcm) -> None:
        seq, timestamp = self._seq, self._timestamp
        network = self._peer.network
        # The dice are rolled the same number of times for each packet, whatever comes of it.
        lost_roll, late_roll, order_roll = (self._random.random() for _ in range(3))
        if isinstance(network.loss, float | int):
            is_lost = lost_roll < network.loss
        else:
            is_lost = seq in network.loss
        if is_lost:
            return
        seconds = (network.delay_ms + network.jitter_ms * late_roll) / 1000
        if order_roll < network.reorder:
            seconds += 1.1 * PACKET_S
        self._peer.later(seconds, lambda: self._peer.deliver(seq, timestamp, pcm))


class _Receiver:
    """Our jitter buffer between the network and the audio mailbox."""

    def __init__(self, peer: Loopback, limits: JitterLimits) -> None:
        self.buffer: JitterBuffer[Pcm] = JitterBuffer(HEARING_RATE, limits)
        self._peer = peer
        self._pts = 0
        self._last: Pcm = np.zeros(PACKET, np.int16)
        self._timer: asyncio.TimerHandle | None = None

    def push(self, seq: int, timestamp: int, pcm: Pcm) -> None:
        now = self._peer.now()
        self.buffer.push(seq & 0xFFFF, timestamp & 0xFFFFFFFF, pcm, now, len(pcm))
        self._drain()

    def _drain(self) -> None:
        if self._timer is not None:
            self._peer.forget(self._timer)
            self._timer = None
        for piece in self.buffer.pop(self._peer.now()):
            self._emit(piece)
        if (due := self.buffer.next_due()) is not None:
            self._timer = self._peer.later(due - self._peer.now(), self._drain)

    def _emit(self, piece: Piece[Pcm]) -> None:
        if piece.payload is not None:
            pcm, concealed = piece.payload, 0
        else:  # the last packet again, fading
            pcm = (np.resize(self._last, piece.samples) * 0.5).astype(np.int16)
            concealed = piece.samples
        self._last = pcm
        self._pts += piece.gap
        self._peer.audio.put(AudioChunk(pcm, self._pts, piece.arrived, concealed, piece.gap))
        self._pts += len(pcm)


class LoopbackPlayout:
    """The `Playout` of a loopback: the same line and pace, PCM instead of Opus."""

    def __init__(self, peer: Loopback) -> None:
        self.played: Callable[[int, int, bool, float], None] | None = None
        self._peer = peer
        self._line = Line()
        self._packets = Packetizer(lambda pcm: pcm.tobytes())
        self._epoch = 0
        self._turn = -1
        self._timer: asyncio.TimerHandle | None = None

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        self._turn = turn
        for _, packet in self._packets.cut(self._epoch, turn, pcm, is_last):
            self._line.add(packet)
        self._arm()

    def flush(self) -> int:
        self._epoch += 1
        self._line.flush()
        return self._line.position(self._turn)

    def _arm(self) -> None:
        if self._timer is None and (due := self._line.due()) is not None:
            self._timer = self._peer.later(due - self._peer.now(), self._send)

    def _send(self) -> None:
        self._timer = None
        sent = self._line.pop(self._peer.now())
        if sent is not None:
            self._transmit(sent)
            if self.played is not None:
                packet = sent.packet
                self.played(packet.turn, sent.position, packet.is_last, self._peer.now())
        self._arm()

    def _transmit(self, sent: Sent) -> None:
        peer, packet = self._peer, sent.packet
        pcm: Pcm = np.frombuffer(packet.payload, np.int16)

        def arrive() -> None:
            peer.client.heard.append(Heard(packet.turn, pcm, peer.now()))

        peer.later(peer.network.delay_ms / 1000, arrive)
