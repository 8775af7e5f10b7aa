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
from .hooks import PacketSink, ice_transports, take_packets, watch_arrivals
from .ice_restart import IceRestart
from .signalling import Offer, passive, with_fec

log = logging.getLogger(__name__)

CLOSE_S = 5.0
"""aiortc gets so long to close a connection before we stop waiting for it."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What a link is plugged into."""

    voice: Callable[[], MediaStreamTrack | None]
    """What the client hears; None answers that it hears nothing, whatever it offers."""
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
        self._configuration = configuration
        self._offer: Offer | None = None
        self._hooked: set[RTCRtpReceiver] = set()
        self._restart: asyncio.Task[bool] | None = None
        self._is_stuck = False
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

    @property
    def offer(self) -> str | None:
        """The offer that was answered last; None before the first."""
        return None if self._offer is None else self._offer.sdp

    async def answer(self, offer: Offer) -> str:
        """The answer's SDP with all candidates. Raises `BadInput` when aiortc can't take the
        offer; the link is of no use then and must be closed."""
        connection = self._connection
        track = self._ends.voice()
        if track is None:
            voice = connection.addTransceiver("audio", "recvonly")
        else:
            voice = connection.addTransceiver(track, "sendrecv")
        opus = [
            codec
            for codec in RTCRtpReceiver.getCapabilities("audio").codecs  # type: ignore[union-attr]
            if codec.mimeType == "audio/opus"
        ]
        voice.setCodecPreferences(opus)
        text = await self._negotiate(offer)
        self._offer = offer
        for transport in {t.receiver.transport.transport for t in connection.getTransceivers()}:
            watch_arrivals(transport, self._heard)
        return text

    def continues(self, offer: Offer) -> bool:
        """Whether an offer comes from the connection this link is at the other end of."""
        return (
            self._offer is not None
            and not self._is_stuck
            and offer.fingerprints == self._offer.fingerprints
            and self.state in ("connecting", "connected")
        )

    async def renegotiate(self, offer: Offer, limit_s: float) -> str:
        """The answer to a further offer of the same connection: other media, an ICE restart.

        A restart connects in the background within `limit_s`. Raises `BadInput`.
        """
        assert self._offer is not None
        before, connection = self._offer, self._connection
        restart: IceRestart | None = None
        if (offer.ufrag, offer.pwd) != (before.ufrag, before.pwd):
            if self._restart is not None:
                self._restart.cancel()
                await asyncio.wait([self._restart])
            transport = connection.getTransceivers()[0].receiver.transport.transport
            restart = IceRestart(transport, self._configuration)
            await restart.prepare(list(offer.candidates))
        try:
            text = await self._negotiate(offer)
        except BadInput:
            self._is_stuck = True  # aiortc has no rollback; the next offer gets a new connection
            if restart is not None:
                await restart.abandon()
            raise
        self._offer = offer
        if restart is not None:
            self._restart = asyncio.create_task(
                restart.finish(offer.ufrag, offer.pwd, offer.is_lite, limit_s, self._heard),
                name="ice restart",
            )
        return text

    async def add_candidate(self, candidate: RTCIceCandidate | None) -> None:
        try:
            await self._connection.addIceCandidate(candidate)
        except ValueError as error:  # aioice takes none after their end was told
            raise BadInput(
                f"the candidate comes too late ({error})", code="invalid_candidate"
            ) from error

    async def close(self) -> None:
        """Ends every task and socket of the connection."""
        self._connection.remove_all_listeners()
        if self._restart is not None:
            self._restart.cancel()
            await asyncio.wait([self._restart])
        try:
            await asyncio.wait_for(self._connection.close(), CLOSE_S)
        except TimeoutError:
            log.error("aiortc did not close a connection in time", extra={"limit_s": CLOSE_S})
        except Exception:  # a connection that was never whole; its sockets are closed below
            log.exception("aiortc failed to close a connection")
        else:
            return
        for transport in ice_transports(self._connection):
            await transport.stop()

    async def _negotiate(self, offer: Offer) -> str:
        connection = self._connection
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
        return with_fec(connection.localDescription.sdp)

    def _hook(self) -> None:
        """Plug our sinks in before the local description starts the receivers."""
        for index, transceiver in enumerate(self._transceivers("audio")):
            self._plug(transceiver, self._ends.microphone() if index == 0 else None)
        for index, transceiver in enumerate(self._transceivers("video")):
            self._plug(transceiver, self._ends.camera(index))

    def _plug(self, transceiver: RTCRtpTransceiver, sink: PacketSink | None) -> None:
        receiver = transceiver.receiver
        if sink is None:
            transceiver.direction = "inactive"
        elif receiver not in self._hooked:
            self._hooked.add(receiver)
            take_packets(receiver, sink, self._ends.now)

    def _transceivers(self, kind: str) -> list[RTCRtpTransceiver]:
        return [t for t in self._connection.getTransceivers() if t.kind == kind]

    def _heard(self) -> None:
        self.heard_at = self._ends.now()

    def _changed(self) -> None:
        self._ends.changed(self, self._connection.connectionState)
