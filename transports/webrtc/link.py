"""One RTCPeerConnection with our receive path hooked in; a peer that comes back may get another.

Knows aiortc; nothing of mailboxes or sessions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpTransceiver,
    RTCSessionDescription,
)

from ...runtime.errors import BadInput
from .hooks import PacketSink, take_packets, watch_arrivals
from .signalling import Offer, passive

log = logging.getLogger(__name__)

CLOSE_S = 5.0
"""aiortc gets so long to close a connection before we stop waiting for it."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What a link is plugged into."""

    voice: Callable[[], MediaStreamTrack]
    microphone: Callable[[], PacketSink]
    camera: Callable[[int], PacketSink | None]
    """The sink of the n-th video stream; None where it is not wanted."""
    channel: Callable[[RTCDataChannel], None]
    changed: Callable[[Link, str], None]
    """Told the connection's state: "connected", "failed", "closed"."""
    now: Callable[[], float]


class Link:
    """Answers one offer. `heard_at` is when the last datagram of the peer came."""

    def __init__(self, configuration: RTCConfiguration, ends: Ends) -> None:
        self._ends = ends
        self._connection = RTCPeerConnection(configuration)
        self._offer: Offer | None = None
        self.heard_at = ends.now()
        self._connection.on("datachannel", ends.channel)
        self._connection.on("connectionstatechange", self._changed)

    @property
    def state(self) -> str:
        return self._connection.connectionState

    @property
    def speaks(self) -> bool:
        """Whether the client takes our audio."""
        return self._transceivers("audio")[0].currentDirection in ("sendrecv", "sendonly")

    async def answer(self, offer: Offer) -> str:
        """The answer's SDP with all candidates. Raises `BadInput` when aiortc can't take the
        offer; the link is of no use then and must be closed."""
        connection = self._connection
        voice = connection.addTransceiver(self._ends.voice(), "sendrecv")
        opus = [
            codec
            for codec in RTCRtpReceiver.getCapabilities("audio").codecs  # type: ignore[union-attr]
            if codec.mimeType == "audio/opus"
        ]
        voice.setCodecPreferences(opus)
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            self._hook()
            answer = await connection.createAnswer()
            await connection.setLocalDescription(
                RTCSessionDescription(passive(answer.sdp), "answer")
            )
        except Exception as error:  # ValueError, OperationError, AttributeError, … by the offer
            raise BadInput(
                f"the offer can't be answered ({type(error).__name__}: {error})",
                code="invalid_sdp",
                param="sdp",
            ) from error
        self._offer = offer
        for transport in {t.receiver.transport.transport for t in connection.getTransceivers()}:
            watch_arrivals(transport, self._heard)
        return connection.localDescription.sdp

    async def add_candidate(self, candidate: RTCIceCandidate | None) -> None:
        await self._connection.addIceCandidate(candidate)

    async def close(self) -> None:
        """Ends every task and socket of the connection."""
        self._connection.remove_all_listeners()
        try:
            await asyncio.wait_for(self._connection.close(), CLOSE_S)
        except TimeoutError:
            log.error("aiortc did not close a connection in time", extra={"limit_s": CLOSE_S})

    def _hook(self) -> None:
        """Plug our sinks in before the local description starts the receivers."""
        for index, transceiver in enumerate(self._transceivers("audio")):
            if index == 0:
                take_packets(transceiver.receiver, self._ends.microphone(), self._ends.now)
            else:
                transceiver.direction = "inactive"
        for index, transceiver in enumerate(self._transceivers("video")):
            sink = self._ends.camera(index)
            if sink is None:
                transceiver.direction = "inactive"
            else:
                take_packets(transceiver.receiver, sink, self._ends.now)

    def _transceivers(self, kind: str) -> list[RTCRtpTransceiver]:
        return [t for t in self._connection.getTransceivers() if t.kind == kind]

    def _heard(self) -> None:
        self.heard_at = self._ends.now()

    def _changed(self) -> None:
        self._ends.changed(self, self._connection.connectionState)
