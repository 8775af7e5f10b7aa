"""From RTP packets to audio chunks, on virtual time."""

from __future__ import annotations

import asyncio

import numpy as np
from transport_fakes import InlineThreads, opus_packets, rtp

from visavis.runtime.clock import run_virtual
from visavis.runtime.frames import AudioChunk
from visavis.transports.jitter_buffer import JitterLimits
from visavis.transports.webrtc.listening import Microphone
from visavis.transports.webrtc.sync import SenderClock

STEP_S = 0.020


def listened(
    missing: tuple[int, ...] = (), *, count: int = 50, ssrc_changes_at: int = 1000
) -> tuple[list[AudioChunk], Microphone]:
    """What comes out of `count` packets, 20 ms apart, without the missing ones."""

    async def main() -> tuple[list[AudioChunk], Microphone]:
        loop = asyncio.get_running_loop()
        chunks: list[AudioChunk] = []
        clock = SenderClock()
        microphone = Microphone(InlineThreads(), JitterLimits(), clock, chunks.append, loop.time)
        for number, payload in enumerate(opus_packets(count)):
            ssrc = 1 if number < ssrc_changes_at else 2
            if number not in missing:
                packet = rtp(number + 7 * ssrc, payload, ssrc=ssrc)
                assert microphone.push(packet, "opus", loop.time()) is False
            await asyncio.sleep(STEP_S)
        microphone.close()
        await asyncio.sleep(10)
        return chunks, microphone

    return run_virtual(main())


def test_audio_is_sixteen_kilohertz_and_continuous() -> None:
    chunks, _ = listened()
    assert [chunk.pts for chunk in chunks] == [320 * n for n in range(50)]
    pcm = np.concatenate([chunk.pcm for chunk in chunks])
    assert pcm.dtype == np.int16 and len(pcm) == 16_000 and np.abs(pcm[2000:]).max() > 4000
    assert not any(chunk.concealed or chunk.gap for chunk in chunks)
    assert [chunk.arrived for chunk in chunks][:3] == [0.0, STEP_S, 2 * STEP_S]


def test_a_lost_packet_is_concealed_and_marked() -> None:
    chunks, microphone = listened(missing=(20,))
    assert [chunk.pts for chunk in chunks] == [320 * n for n in range(50)]
    assert [chunk.concealed for chunk in chunks] == [320 if n == 20 else 0 for n in range(50)]
    assert microphone.counts.lost == 1
    loud = np.abs(chunks[20].pcm).max()
    assert loud > 1000


def test_a_long_hole_leaves_a_gap_that_the_pts_shows() -> None:
    chunks, _ = listened(missing=tuple(range(10, 40)), count=60)
    (jump,) = [n for n, chunk in enumerate(chunks) if chunk.gap]
    before, after = chunks[jump - 1], chunks[jump]
    assert after.pts == before.pts + len(before.pcm) + after.gap
    assert chunks[-1].pts == 59 * 320


def test_another_sender_takes_over_without_a_gap() -> None:
    chunks, microphone = listened(ssrc_changes_at=25)
    assert [chunk.pts for chunk in chunks] == [320 * n for n in range(50)]
    assert microphone.counts.restarts == 1


def test_a_loop_that_stood_still_invents_nothing_for_what_waited_in_its_sockets() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        chunks: list[AudioChunk] = []
        late_s = 0.0
        microphone = Microphone(
            InlineThreads(),
            JitterLimits(),
            SenderClock(),
            chunks.append,
            lambda: loop.time() + late_s,
        )
        packets = opus_packets(50)
        for number in range(10):
            microphone.push(rtp(number, packets[number]), "opus", loop.time())
            await asyncio.sleep(STEP_S)
        await asyncio.sleep(0.059)
        late_s = 0.6  # the timer is about to run, and finds that much more time gone by
        await asyncio.sleep(0.005)
        for number in range(10, 40):
            microphone.push(rtp(number, packets[number]), "opus", loop.time() + late_s)
        microphone.close()
        assert [chunk.pts for chunk in chunks] == [320 * n for n in range(40)]
        assert not any(chunk.concealed for chunk in chunks)

    run_virtual(main())


def test_what_is_no_opus_is_counted_and_harms_nothing() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        chunks: list[AudioChunk] = []
        microphone = Microphone(
            InlineThreads(), JitterLimits(), SenderClock(), chunks.append, loop.time
        )
        packets = opus_packets(5)
        microphone.push(rtp(0, packets[0]), "opus", 0.0)
        microphone.push(rtp(1, b""), "opus", 0.0)
        microphone.push(rtp(1, b"\xff\xff\xff"), "opus", 0.0)
        microphone.push(rtp(1, b"\x00" * 50), "PCMU", 0.0)
        microphone.push(rtp(1, b"\xf9" + b"\xff" * 40), "opus", 0.0)
        microphone.push(rtp(3, packets[3]), "opus", 0.04)
        await asyncio.sleep(0.2)
        microphone.close()
        assert microphone.bad_packets == 2
        assert sum(len(chunk.pcm) for chunk in chunks) >= 4 * 320

    run_virtual(main())


def test_pictures_find_their_place_in_what_was_heard() -> None:
    async def main() -> int | None:
        loop = asyncio.get_running_loop()
        clock = SenderClock()
        chunks: list[AudioChunk] = []
        microphone = Microphone(InlineThreads(), JitterLimits(), clock, chunks.append, loop.time)
        ntp = 3_900_000_000 << 32
        for number, payload in enumerate(opus_packets(10)):
            microphone.push(rtp(number, payload), "opus", loop.time())
            await asyncio.sleep(STEP_S)
        microphone.sender_report(99, ntp, 77)
        microphone.sender_report(1, ntp, 0)
        clock.report("camera", ntp, 0)
        microphone.close()
        return clock.audio_pts("camera", 9000)

    assert run_virtual(main()) == 1600
