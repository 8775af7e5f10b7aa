"""From RTP packets to pictures: VP8 and H.264, complete with their own last packet."""

from __future__ import annotations

import fractions

import av
import numpy as np
import pytest
from aiortc.codecs import depayload
from aiortc.codecs.base import Encoder
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from transport_fakes import InlineThreads, rtp

from visavis.runtime.clock import run_virtual
from visavis.runtime.frames import VideoFrame
from visavis.transports.picture_limits import PictureLimits
from visavis.transports.webrtc.picture_assembly import CodedPicture
from visavis.transports.webrtc.sync import SenderClock
from visavis.transports.webrtc.watching import Camera, PictureDecoder

RED = (200, 30, 30)


class Film:
    """A camera's packets, coded by aiortc's encoders."""

    def __init__(self, codec: str, width: int = 320, height: int = 240) -> None:
        self.codec = codec
        self._encoder: Encoder = Vp8Encoder() if codec == "VP8" else H264Encoder()
        self._size = (height, width)
        self._parameters = RTCRtpCodecParameters(f"video/{codec}", 90_000, payloadType=97)
        self._count = self._seq = 0

    def shoot(self, *, key: bool = False, colour: tuple[int, int, int] = RED) -> list[object]:
        """The packets of the next picture, as aiortc hands them on."""
        # Coarse noise: it survives the encoder's denoising and makes pictures of many packets.
        height, width = self._size
        blocks = np.random.default_rng(self._count).integers(0, 30, (height // 8, width // 8, 3))
        noise = blocks.repeat(8, 0).repeat(8, 1)
        frame = av.VideoFrame.from_ndarray(
            np.asarray(noise + np.array(colour), np.uint8), format="rgb24"
        )
        frame.pts, frame.time_base = self._count * 3000, fractions.Fraction(1, 90_000)
        payloads, timestamp = self._encoder.encode(frame, force_keyframe=key)
        packets: list[object] = []
        for index, payload in enumerate(payloads):
            packet = rtp(self._seq, payload, marker=int(index == len(payloads) - 1))
            packet.timestamp = timestamp
            packet._data = depayload(self._parameters, payload)
            packets.append(packet)
            self._seq += 1
        self._count += 1
        return packets


class Watch:
    """A camera sink with what it delivered and refused."""

    def __init__(self, codec: str, max_pixels: int = 1 << 20) -> None:
        self.codec = codec
        self.seen: list[VideoFrame] = []
        self.refused: list[tuple[int, int]] = []
        self.asked = 0
        self.now = 0.0
        self.camera = Camera(
            InlineThreads(),
            "camera",
            PictureLimits(max_pixels),
            SenderClock(),
            self.seen.append,
            lambda width, height: self.refused.append((width, height)),
        )

    def push(self, packets: list[object]) -> None:
        self.now += 1 / 30
        for packet in packets:
            self.asked += self.camera.push(packet, self.codec, self.now)  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_every_picture_comes_out_with_its_own_last_packet(codec: str) -> None:
    async def main() -> None:
        film, watch = Film(codec), Watch(codec)
        for count in range(1, 11):
            packets = film.shoot()
            watch.push(packets[:-1])
            assert len(watch.seen) == count - 1
            watch.push(packets[-1:])
            assert len(watch.seen) == count
        frame = watch.seen[-1]
        assert (frame.width, frame.height, frame.pts) == (320, 240, 27_000)
        assert frame.source == "camera" and frame.arrived == watch.now
        assert frame.pixels.luma().shape == (240, 320)
        colour = frame.pixels.rgb(32, 32).mean((0, 1))
        assert np.abs(colour - (np.array(RED) + 15)).max() < 12
        watch.camera.close()

    run_virtual(main())


def test_after_a_loss_a_whole_picture_is_asked_for_and_nothing_torn_is_shown() -> None:
    async def main() -> None:
        film, watch = Film("VP8", 640, 480), Watch("VP8")
        watch.push(film.shoot())
        torn = film.shoot()
        assert len(torn) > 1
        watch.push(torn[1:])
        for _ in range(10):
            watch.push(film.shoot())
        assert len(watch.seen) == 1 and watch.asked >= 1
        watch.push(film.shoot(key=True))
        watch.push(film.shoot())
        assert len(watch.seen) == 3
        watch.camera.close()

    run_virtual(main())


def test_a_picture_that_can_not_be_decoded_asks_for_a_whole_one() -> None:
    async def main() -> None:
        film, watch = Film("VP8"), Watch("VP8")
        watch.push(film.shoot())
        bad = rtp(1000, b"\x10" + b"\x10" + 50 * b"\xff", marker=1)
        bad._data = b"\x10" + 50 * b"\xff"
        bad.sequence_number = film._seq  # pyright: ignore[reportPrivateUsage]
        film._seq += 1  # pyright: ignore[reportPrivateUsage]
        watch.push([bad])
        assert watch.camera.damaged == 1
        watch.push(film.shoot())
        assert watch.asked == 1 and len(watch.seen) == 1
        watch.push(film.shoot(key=True))
        assert len(watch.seen) == 2
        watch.camera.close()

    run_virtual(main())


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_absurd_sizes_are_refused_once_and_not_shown(codec: str) -> None:
    async def main() -> None:
        film, watch = Film(codec, 640, 480), Watch(codec, max_pixels=320 * 240)
        for _ in range(5):
            watch.push(film.shoot(key=True))
        assert watch.seen == [] and watch.camera.damaged == 5
        assert watch.refused == [(640, 480)]
        watch.camera.close()

    run_virtual(main())


def test_an_unknown_codec_gives_no_picture() -> None:
    picture = CodedPicture(b"x", 0, 0.0, True, "VP9")
    assert PictureDecoder(PictureLimits()).decode(picture) is None


def test_another_sender_is_shown_from_its_first_whole_picture() -> None:
    async def main() -> None:
        first, second, watch = Film("VP8"), Film("VP8"), Watch("VP8")
        watch.push(first.shoot())
        second.shoot()
        for packets in (second.shoot(), second.shoot(key=True), second.shoot()):
            for packet in packets:
                packet.ssrc = 2  # type: ignore[attr-defined]
                packet.timestamp += 4_000_000_000  # type: ignore[attr-defined]
            watch.push(packets)
        assert len(watch.seen) == 3
        assert [frame.pts for frame in watch.seen] == [0, 6000, 9000]
        watch.camera.close()

    run_virtual(main())
