"""A peer's camera: packets to whole pictures, decoded off the loop, out as VideoFrames.

Knows VP8 and H.264; nothing of peers or sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import av
from aiortc.rtp import RtpPacket
from av.codec.context import Flags
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from ...runtime.frames import VideoFrame
from ..media_threads import MediaThreads, Urgency
from ..picture_limits import PictureLimits
from ..pictures import AvPixels
from .h264_size import h264_size
from .picture_assembly import CodedPicture, PictureAssembly, begins_picture, vp8_size
from .sync import VIDEO_RATE, SenderClock


@dataclass(frozen=True, slots=True)
class _Seen:
    frame: VideoFrame
    timestamp: int


@dataclass(frozen=True, slots=True)
class _Failed:
    """A picture that gave nothing: `size` where it was refused for it, else it was damaged."""

    size: tuple[int, int] | None


class PictureDecoder:
    """Decodes one stream; runs on media threads, one picture at a time."""

    def __init__(self, limits: PictureLimits) -> None:
        self._limits = limits
        self._codec: Any = None  # a VideoCodecContext: generic in a type PyAV never names
        self._name = ""

    def decode(self, picture: CodedPicture) -> list[av.VideoFrame] | tuple[int, int] | None:
        """Pictures, or the refused size, or None when the data is damaged."""
        if self._codec is None or picture.codec != self._name:
            if picture.codec not in ("VP8", "H264"):
                return None
            self._name = picture.codec
            self._codec = self._open(picture.codec)
        read_size = vp8_size if picture.codec == "VP8" else h264_size
        size = read_size(picture.data) if picture.is_key else None
        if size is not None and not self._limits.fits(*size):
            return size
        packet: Packet[Stream] = Packet(picture.data)
        packet.pts = picture.timestamp
        try:
            frames: list[av.VideoFrame] = self._codec.decode(packet)
        except FFmpegError:
            return None
        for frame in frames:  # what was not told beforehand, or told wrongly
            if not self._limits.fits(frame.width, frame.height):
                return frame.width, frame.height
        return frames

    def _open(self, codec: str) -> av.VideoCodecContext:
        context = av.VideoCodecContext.create("vp8" if codec == "VP8" else "h264", "r")
        # One thread and no reordering: a picture comes out with its own data, not one later.
        context.thread_count = 1
        context.flags |= Flags.low_delay
        context.options = {"max_pixels": str(self._limits.max_pixels)}
        return context


class Camera:
    """The sink of one video stream. All methods on the event loop."""

    def __init__(
        self,
        threads: MediaThreads,
        source: Literal["camera", "screen"],
        limits: PictureLimits,
        clock: SenderClock,
        deliver: Callable[[VideoFrame], None],
        refuse: Callable[[int, int], None],
    ) -> None:
        self._assembly = PictureAssembly()
        self._decoder = PictureDecoder(limits)
        self._source = source
        self._clock = clock
        self._deliver = deliver
        self._refuse = refuse
        self._lane = threads.lane(self._decoded, limit=8, urgency=Urgency.PICTURES)
        self._lane_dropped = 0
        self._needs_key = False
        self._ssrc: int | None = None
        self._origin: int | None = None
        self._last_pts: int | None = None
        self._last_arrived = 0.0
        self._has_refused = False
        self.damaged = 0

    @property
    def dropped(self) -> int:
        """Pictures given up before decoding."""
        return self._assembly.dropped + self._lane.dropped

    def push(self, packet: RtpPacket, codec: str, arrived: float) -> bool:
        if packet.ssrc != self._ssrc:
            if self._ssrc is not None:
                self._assembly.lose()
                self._clock.restart(self._source)
                self._origin = None
            self._ssrc = packet.ssrc
        data: bytes = getattr(packet, "_data")  # noqa: B009  # set by aiortc, without the descriptor
        pictures, should_ask = self._assembly.push(
            packet.sequence_number,
            packet.timestamp,
            is_last=bool(packet.marker),
            starts=begins_picture(codec, packet.payload),
            data=data,
            arrived=arrived,
            codec=codec,
        )
        for picture in pictures:
            pts = self._place(picture)
            self._lane.put(lambda picture=picture, pts=pts: self._decode(picture, pts))  # type: ignore[misc]
        if self._lane.dropped > self._lane_dropped:  # the next ones build on what was dropped
            self._lane_dropped = self._lane.dropped
            self._assembly.broken()
        needs_key, self._needs_key = self._needs_key, False
        return should_ask or needs_key

    def sender_report(self, ssrc: int, ntp: int, timestamp: int) -> None:
        if ssrc == self._ssrc:
            self._clock.report(self._source, ntp, timestamp)

    def close(self) -> None:
        self._lane.close()

    def _place(self, picture: CodedPicture) -> int:
        """The picture's `pts`: the sender's clock from its first picture on. Another sender's
        clock goes on from there by the time that passed between."""
        if self._origin is None:
            went_by = round((picture.arrived - self._last_arrived) * VIDEO_RATE)
            start = 0 if self._last_pts is None else self._last_pts + went_by
            self._origin = picture.timestamp - start
        self._last_pts = picture.timestamp - self._origin
        self._last_arrived = picture.arrived
        return self._last_pts

    def _decode(self, picture: CodedPicture, pts: int) -> list[_Seen | _Failed]:
        result = self._decoder.decode(picture)
        if not isinstance(result, list):
            return [_Failed(result)]
        return [
            _Seen(
                VideoFrame(
                    AvPixels(frame),
                    frame.width,
                    frame.height,
                    pts,
                    picture.arrived,
                    source=self._source,
                ),
                picture.timestamp,
            )
            for frame in result
        ]

    def _decoded(self, results: list[_Seen | _Failed]) -> None:
        for result in results:
            match result:
                case _Seen(frame, timestamp):
                    place = self._clock.audio_pts(self._source, timestamp)
                    self._deliver(replace(frame, audio_pts=place))
                case _Failed(size):
                    self._assembly.broken()
                    self._needs_key = size is None
                    self.damaged += 1
                    if size is not None and not self._has_refused:
                        self._has_refused = True
                        self._refuse(*size)
