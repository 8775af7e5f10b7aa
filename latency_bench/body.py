"""The scripted person's body on a WebRTC connection: a mouth, eyes and ears of an aiortc client.

The ears use the receive path of `visavis.transports` (its hook into aiortc, its jitter buffer):
aiortc's own would add 80 ms to every time measured. The mouth sends all the time, a soft noise
while nothing is said, as a microphone does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from fractions import Fraction

import aiortc
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet
from av.stream import Stream

from ..runtime.errors import VisavisError
from ..runtime.frames import SPEAKING_RATE, AudioChunk
from ..transports.jitter_buffer import JitterLimits
from ..transports.json_messages import parse
from ..transports.media_threads import media_threads
from ..transports.opus import new_encoder
from ..transports.webrtc.hooks import check_aiortc, take_packets
from ..transports.webrtc.listening import Microphone
from ..transports.webrtc.sync import SenderClock
from .clips import PACKET, Clip
from .ears import Ears
from .pictures import Scene, Thing

PACKET_S = PACKET / SPEAKING_RATE
BIT_RATE = 32_000
FRAME_RATE = 15
ROOM_NOISE = 6.0
"""Standard deviation in int16 steps of what a microphone hears of a quiet room."""
CONNECT_S = 15.0
MAX_MESSAGE_BYTES = 1 << 20
SCENE_PICTURES = 10
"""Pictures drawn of each scene and shown in turn."""


class ConnectionRefused(VisavisError):
    """The server did not take the call."""


class Mouth(MediaStreamTrack):
    """Microphone: sample n is captured at `start + n / SPEAKING_RATE`, a packet leaves when its last
    sample is captured."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._encoder = new_encoder(BIT_RATE)
        self._dice = np.random.default_rng(7)
        self._start: float | None = None
        self._next = 0  # number of the next packet
        self._clip: Clip | None = None
        self._clip_from = 0  # packet with which it begins

    def say(self, clip: Clip) -> tuple[float, float]:
        """Begin with the next packet; when its first and last voiced samples are captured."""
        if self._start is None:
            raise RuntimeError("nothing was sent yet: wait for the connection")
        self._clip, self._clip_from = clip, self._next + 1
        begin = self._start + self._clip_from * PACKET_S
        return begin + clip.first / SPEAKING_RATE, begin + (clip.last + 1) / SPEAKING_RATE

    async def recv(self) -> Packet[Stream]:
        if self.readyState != "live":
            raise MediaStreamError
        if self._start is None:
            self._start = time.monotonic()
        number = self._next
        left = self._start + (number + 1) * PACKET_S - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
        self._next = number + 1
        pcm = self._dice.standard_normal(PACKET) * ROOM_NOISE
        clip = self._clip
        if clip is not None and number >= self._clip_from:
            at = (number - self._clip_from) * PACKET
            pcm += clip.pcm[at : at + PACKET]
            if at + PACKET >= len(clip.pcm):
                self._clip = None
        packet: Packet[Stream] = Packet(
            self._encoder.encode(np.clip(pcm, -32768, 32767).astype(np.int16))
        )
        packet.pts = number * PACKET
        packet.time_base = Fraction(1, SPEAKING_RATE)
        return packet


class Eyes(MediaStreamTrack):
    """Camera: pictures of the scene held into it, encoded by aiortc as VP8 off the loop."""

    kind = "video"

    def __init__(self, scenes: Mapping[tuple[Thing, ...], Scene]) -> None:
        super().__init__()
        self._drawn = {
            things: [_frame(scene, tick) for tick in range(SCENE_PICTURES)]
            for things, scene in scenes.items()
        }
        self._shown = next(iter(self._drawn.values()))
        self._start: float | None = None
        self._next = 0

    def show(self, things: tuple[Thing, ...]) -> None:
        """From the next picture on."""
        self._shown = self._drawn[things]

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        if self._start is None:
            self._start = time.monotonic()
        left = self._start + self._next / FRAME_RATE - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
        frame = self._shown[self._next % len(self._shown)]
        frame.pts = round(self._next * 90_000 / FRAME_RATE)
        frame.time_base = Fraction(1, 90_000)
        self._next += 1
        return frame


def _frame(scene: Scene, tick: int) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(scene.picture(tick), format="rgb24")
    return picture.reformat(format="yuv420p")


class Body:
    """One connection to the server. `connect`, use `mouth`, `eyes` and `ears`, `close`."""

    def __init__(
        self,
        eyes: Eyes | None,
        on_message: Callable[[Mapping[str, object], float], None],
    ) -> None:
        check_aiortc()
        self.mouth = Mouth()
        self.eyes = eyes
        self.ears = Ears()
        self.is_open = asyncio.Event()
        self._on_message = on_message
        self._connection = RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self._ear = Microphone(
            media_threads(), JitterLimits(), SenderClock(), self._hear, time.monotonic
        )
        self._channel: RTCDataChannel | None = None

    async def connect(self, exchange: Callable[[str], str]) -> None:
        """`exchange` posts our offer and returns the answer; it may block, and runs in a thread.

        Raises `ConnectionRefused` when the line is not up in time.
        """
        connection = self._connection
        voice = connection.addTransceiver(self.mouth, "sendrecv")
        take_packets(voice.receiver, self._ear, time.monotonic)
        if self.eyes is not None:
            connection.addTransceiver(self.eyes, "sendonly")
        self._channel = connection.createDataChannel("oai-events")
        self._channel.on("message", self._take)
        self._channel.on("open", self.is_open.set)
        await connection.setLocalDescription(await connection.createOffer())
        answer = await asyncio.to_thread(exchange, connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        try:
            async with asyncio.timeout(CONNECT_S):
                await self.is_open.wait()
        except TimeoutError as error:
            raise ConnectionRefused(
                f"no connection within {CONNECT_S:g} s (it is {connection.connectionState}): "
                "is UDP between the person and the server blocked?"
            ) from error

    async def close(self) -> None:
        """Hang up. Idempotent."""
        self._ear.close()
        await self._connection.close()

    def _hear(self, chunk: AudioChunk) -> None:
        self.ears.hear(chunk)

    def _take(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self._on_message(parse(data, MAX_MESSAGE_BYTES), time.monotonic())
