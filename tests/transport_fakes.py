"""What the tests of transports share: codec work done at once, tones, and a real client."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from av.packet import Packet
from av.stream import Stream

from visavis.runtime.frames import Pcm
from visavis.runtime.settings import WebrtcSettings
from visavis.transports.media_threads import Lane, MediaThreads, Urgency
from visavis.transports.opus import new_encoder
from visavis.transports.webrtc import Peer, answer

R = TypeVar("R")

Report = tuple[int, int, bool, float]
"""What a playout tells after a packet: turn, samples sent of it, is_done, time."""

SETTINGS = WebrtcSettings()


def tone(samples: int, rate: int, hertz: float = 440.0) -> Pcm:
    wave = 8000 * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)
    return wave.astype(np.int16)


class InlineLane(Lane[R]):
    """Runs each job where it is put, for virtual time."""

    def __init__(self, deliver: Callable[[list[R]], None]) -> None:
        self.dropped = self.failed = 0
        self._deliver_now = deliver
        self._is_open = True

    @property
    def is_idle(self) -> bool:
        return self._is_open

    def close(self) -> None:
        self._is_open = False

    def put(self, job: Callable[[], list[R]]) -> None:
        if self._is_open and (results := job()):
            self._deliver_now(results)


class InlineThreads(MediaThreads):
    """Media threads without threads."""

    def __init__(self) -> None:
        super().__init__(threads=1)

    def lane(
        self,
        deliver: Callable[[list[R]], None],
        limit: int,
        urgency: Urgency = Urgency.AUDIO,
    ) -> Lane[R]:
        return InlineLane(deliver)


class HeldLane(InlineLane[R]):
    """Runs what is put when it is told to."""

    def __init__(self, deliver: Callable[[list[R]], None]) -> None:
        super().__init__(deliver)
        self._put: list[Callable[[], list[R]]] = []

    @property
    def is_idle(self) -> bool:
        return not self._put

    def put(self, job: Callable[[], list[R]]) -> None:
        self._put.append(job)

    def go(self) -> None:
        put, self._put = self._put, []
        for job in put:
            super().put(job)


class HeldThreads(InlineThreads):
    """Media threads that do nothing before they are told to `go`."""

    def __init__(self) -> None:
        super().__init__()
        self.go: Callable[[], None] = lambda: None

    def lane(
        self,
        deliver: Callable[[list[R]], None],
        limit: int,
        urgency: Urgency = Urgency.AUDIO,
    ) -> Lane[R]:
        lane = HeldLane(deliver)
        self.go = lane.go
        return lane


def opus_packets(count: int) -> list[bytes]:
    encoder = new_encoder(32_000)
    pcm = tone(960 * count, 48_000)
    return [encoder.encode(pcm[at : at + 960]) for at in range(0, len(pcm), 960)]


def rtp(number: int, payload: bytes, *, ssrc: int = 1, step: int = 960, marker: int = 0) -> Any:
    packet = RtpPacket(
        sequence_number=number & 0xFFFF, timestamp=number * step & 0xFFFFFFFF, marker=marker
    )
    packet.ssrc = ssrc
    packet.payload = payload
    return packet


class ToneTrack(MediaStreamTrack):
    """A microphone that hears a tone; finished packets, so no executor is used."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets = opus_packets(50)
        self._count = 0
        self._began: float | None = None

    async def recv(self) -> Packet[Stream]:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(self._began + self._count * 0.02 - loop.time())
        packet = Packet(self._packets[self._count % len(self._packets)])
        packet.pts = self._count * 960
        packet.time_base = fractions.Fraction(1, 48_000)
        self._count += 1
        return packet


class PictureTrack(MediaStreamTrack):
    """A camera that sees one colour at 20 pictures per second."""

    kind = "video"

    def __init__(self, width: int = 320, height: int = 240) -> None:
        super().__init__()
        self._frame = np.full((height, width, 3), (200, 30, 30), np.uint8)
        self._count = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(0.05)
        if self.readyState != "live":
            raise MediaStreamError
        frame = av.VideoFrame.from_ndarray(self._frame, format="rgb24")
        frame.pts = self._count * 4500
        frame.time_base = fractions.Fraction(1, 90_000)
        self._count += 1
        return frame


class Client:
    """An aiortc peer at the other end."""

    def __init__(self, *tracks: MediaStreamTrack, channel: bool = True) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.messages: asyncio.Queue[str] = asyncio.Queue()
        self.heard: asyncio.Queue[Pcm] = asyncio.Queue()
        self.opened = asyncio.Event()
        self._listening: list[asyncio.Task[None]] = []
        for track in tracks:
            self.connection.addTrack(track)
        if channel:
            self.channel = self.connection.createDataChannel("oai-events")
            self.channel.on("message", self.messages.put_nowait)
            self.channel.on("open", self.opened.set)
        self.connection.on("track", self._hear)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def close(self) -> None:
        await self.connection.close()
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)

    def _hear(self, track: MediaStreamTrack) -> None:
        source: Any = track  # gives frames or packets, of PyAV's generic types

        async def listen() -> None:
            with contextlib.suppress(MediaStreamError):
                while True:
                    frame = await source.recv()
                    self.heard.put_nowait(frame.to_ndarray().reshape(-1)[::2])

        if track.kind == "audio":
            self._listening.append(asyncio.create_task(listen()))


@asynccontextmanager
async def connected(
    *tracks: MediaStreamTrack, settings: WebrtcSettings = SETTINGS, **options: Any
) -> AsyncGenerator[tuple[Client, Peer]]:
    """A client and its peer with the data channel open."""
    client = Client(*(tracks or (ToneTrack(),)))
    sdp, peer = await answer(await client.offer(), settings, **options)
    try:
        await client.accept(sdp)
        await asyncio.wait_for(client.opened.wait(), 20)
        yield client, peer
    finally:
        await client.close()
        await peer.close("the test is over")


def recorder(reports: list[Report]) -> Callable[[int, int, bool, float], None]:
    """Notes what a playout reports."""

    def played(turn: int, samples: int, is_done: bool, at: float) -> None:
        reports.append((turn, samples, is_done, at))

    return played


async def until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110  # aiortc has no event for it
            await asyncio.sleep(0.01)
