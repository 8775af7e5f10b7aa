"""Where we reach into aiortc: our own receive path in place of its buffers and decoder threads.

aiortc holds audio 80 ms on a clean link and 280 ms for good after one lost packet (its issue 543),
finishes a picture only when the next one begins, and starts a thread per track. It offers no way
to change that, so private names are used; everything used is listed here and checked before the
first connection, against the versions it was tested with.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Protocol

import aiortc
from aiortc import rtcrtpreceiver
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtp import RtpPacket

from ...runtime.errors import VisavisError

TESTED_VERSIONS = ("1.16.0",)

_RECEIVER_NAMES = (
    "codecs",
    "decoder_thread",
    "jitter_buffer",
    "rtcp_task",
    "rtx_ssrc",
    "started",
    "transport",
)
_RECEIVER_METHODS = ("receive", "_run_rtcp", "_handle_rtp_packet", "_handle_rtcp_packet")
_CONNECTION_NAMES = (
    "_queue",
    "connect",
    "close",
    "data_received",
    "get_event",
    "ice_controlling",
    "recv",
    "remote_username",
    "request_received",
    "send",
)
_ICE_NAMES = (
    "_RTCIceTransport__iceGatherer",
    "_RTCIceTransport__monitor_task",
    "_connection",
    "_monitor",
    "_recv",
    "_send",
)


class HookError(VisavisError):
    """aiortc is not the library this hook was written for."""


class PacketSink(Protocol):
    """Takes a stream's packets on the event loop, in the order they come."""

    def push(self, packet: RtpPacket, codec: str, arrived: float) -> bool:
        """One packet after retransmissions were unwrapped; `codec` like "opus" or "VP8". True
        asks the sender for a whole picture."""
        ...

    def sender_report(self, ssrc: int, ntp: int, timestamp: int) -> None:
        """The sender says that RTP `timestamp` was at `ntp` (64-bit NTP time of its clock)."""
        ...


class _SinkBuffer:
    """Stands where aiortc keeps its jitter buffer; no frame ever comes out of it."""

    def __init__(
        self, sink: PacketSink, codecs: dict[int, Any], now: Callable[[], float]
    ) -> None:  # codecs: RTCRtpCodecParameters, read only for `name`
        self._sink = sink
        self._codecs = codecs
        self._now = now

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        codec = self._codecs[packet.payload_type].name
        return self._sink.push(packet, codec, self._now()), None


@functools.cache
def check_aiortc() -> None:
    """Raise `HookError` unless aiortc has the insides that this module relies on."""
    found = version("aiortc")
    if found not in TESTED_VERSIONS:
        raise HookError(
            f"aiortc {found} is installed; its receive path is replaced by ours, which was tested "
            f"with {', '.join(TESTED_VERSIONS)}: pip install aiortc=={TESTED_VERSIONS[-1]}"
        )
    missing = missing_names(rtcrtpreceiver.RTCRtpReceiver)
    inside: Any = aiortc.RTCIceTransport(aiortc.RTCIceGatherer(iceServers=[]))
    missing += [name for name in _ICE_NAMES if not hasattr(inside, name)]
    missing += [n for n in _CONNECTION_NAMES if not hasattr(inside._connection, n)]
    if missing:
        raise HookError(
            f"aiortc {found} lacks {', '.join(missing)}: it has been changed since it was "
            f"installed; pip install --force-reinstall aiortc=={TESTED_VERSIONS[-1]}"
        )


def missing_names(receiver_class: Any) -> list[str]:  # aiortc's class, or one like it
    """The private names of aiortc's receiver that we need and `receiver_class` does not have."""
    missing = [name for name in _RECEIVER_METHODS if not hasattr(receiver_class, name)]
    names = set(receiver_class.__init__.__code__.co_names)
    missing += [f"__{name}" for name in _RECEIVER_NAMES if f"_RTCRtpReceiver__{name}" not in names]
    return missing


def take_packets(
    receiver: aiortc.RTCRtpReceiver, sink: PacketSink, now: Callable[[], float]
) -> None:
    """From now on `sink` gets the packets of `receiver`, which decodes nothing and starts no
    thread. Call before the receiver is started, that is before the local description is set."""
    inside = _Inside(receiver)
    if inside.get("started"):
        raise HookError("the receiver is started already: hook it before setLocalDescription")
    inside.set("jitter_buffer", _SinkBuffer(sink, inside.get("codecs"), now))
    handle_rtcp = inside.method("_handle_rtcp_packet")

    async def receive(parameters: RTCRtpReceiveParameters) -> None:
        """aiortc's `receive` without the decoder thread."""
        if inside.get("started"):
            return
        for codec in parameters.codecs:
            inside.get("codecs")[codec.payloadType] = codec
        for encoding in parameters.encodings:
            if encoding.rtx:
                inside.get("rtx_ssrc")[encoding.rtx.ssrc] = encoding.ssrc
        inside.get("transport")._register_rtp_receiver(receiver, parameters)
        inside.set("rtcp_task", asyncio.ensure_future(inside.method("_run_rtcp")()))
        inside.set("started", True)

    async def handle_rtcp_packet(packet: Any) -> None:  # any of aiortc's RTCP packets
        info = getattr(packet, "sender_info", None)
        if info is not None:
            sink.sender_report(packet.ssrc, info.ntp_timestamp, info.rtp_timestamp)
        await handle_rtcp(packet)

    # Methods of the instance hide those of its class; aiortc calls both through the instance.
    setattr(receiver, "receive", receive)  # noqa: B010
    setattr(receiver, "_handle_rtcp_packet", handle_rtcp_packet)  # noqa: B010


class _Inside:
    """The private attributes of one receiver, by their plain names."""

    def __init__(self, receiver: aiortc.RTCRtpReceiver) -> None:
        self._receiver = receiver

    def get(self, name: str) -> Any:  # aiortc's own objects, untyped from here
        return getattr(self._receiver, f"_RTCRtpReceiver__{name}")

    def method(self, name: str) -> Any:  # a coroutine function of aiortc
        return getattr(self._receiver, name)

    def set(self, name: str, value: object) -> None:
        setattr(self._receiver, f"_RTCRtpReceiver__{name}", value)


def watch_arrivals(transport: aiortc.RTCIceTransport, heard: Callable[[], None]) -> None:
    """`heard` is called for every datagram of the peer: media, data and its consent checks."""
    inside: Any = transport  # for its private names
    connection = inside._connection
    data_received, request_received = connection.data_received, connection.request_received

    def on_data(*arguments: Any) -> None:  # passed on as they are
        heard()
        data_received(*arguments)

    def on_request(*arguments: Any) -> None:
        heard()
        request_received(*arguments)

    connection.data_received, connection.request_received = on_data, on_request


def ice_transports(connection: aiortc.RTCPeerConnection) -> list[aiortc.RTCIceTransport]:
    """Everything of a connection that may hold sockets, also before it was negotiated."""
    inside: Any = connection
    return list(getattr(inside, "_RTCPeerConnection__iceTransports", ()))
