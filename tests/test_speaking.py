"""The voice to a peer, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from transport_fakes import HeldThreads, InlineThreads, Report, recorder, tone

from visavis.runtime.clock import run_virtual
from visavis.transports.media_threads import MediaThreads
from visavis.transports.opus import SILENT_PACKET, new_decoder
from visavis.transports.playout import Sent
from visavis.transports.webrtc.speaking import Speaker, SpeakerTrack


class Line:
    """A speaker with a sender that takes packets as aiortc does."""

    def __init__(self, threads: MediaThreads | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.speaker = Speaker(threads or InlineThreads(), loop.time)
        self.sent: list[tuple[float, Sent]] = []
        self.reports: list[Report] = []
        self.speaker.set_played(recorder(self.reports))
        self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sent = await self.speaker.next()
            self.sent.append((loop.time(), sent))

    async def close(self) -> None:
        self.speaker.close()
        with pytest.raises(MediaStreamError):
            await self._task


def virtually(test: Callable[[Line], Awaitable[None]]) -> None:
    async def main() -> None:
        line = Line()
        await test(line)
        await line.close()

    run_virtual(main())


def test_packets_are_paced_and_each_is_reported() -> None:
    async def test(line: Line) -> None:
        await asyncio.sleep(3.0)
        line.speaker.play(1, tone(4800, 48_000), is_last=True)
        await asyncio.sleep(1.0)
        times = [at for at, sent in line.sent if sent.packet.turn == 1]
        assert times == pytest.approx([3.0, 3.02, 3.04, 3.06, 3.08])
        assert [r[:3] for r in line.reports] == [(1, 960 * n, n == 5) for n in range(1, 6)]

    virtually(test)


def test_nothing_is_sent_while_there_is_nothing_to_say_but_time_goes_on() -> None:
    async def test(line: Line) -> None:
        line.speaker.hello()
        await asyncio.sleep(1.0)
        hello = [sent.packet.payload for _, sent in line.sent]
        assert hello == [SILENT_PACKET] * 5
        await asyncio.sleep(10.0)
        assert len(line.sent) == 5 and line.reports == []
        line.speaker.play(1, tone(960, 48_000), is_last=False)
        await asyncio.sleep(0.1)
        assert line.sent[-1][1].pts == 11 * 48_000

    virtually(test)


def test_the_first_packet_of_an_answer_waits_for_no_thread() -> None:
    async def main() -> None:
        threads = HeldThreads()
        line = Line(threads)
        for turn in (1, 2):
            pcm = tone(4800, 48_000)
            line.speaker.play(turn, pcm, is_last=False)
            line.speaker.play(turn, pcm, is_last=True)
            await asyncio.sleep(0.001)
            assert [r[:3] for r in line.reports if r[0] == turn] == [(turn, 960, False)]
            threads.go()
            await asyncio.sleep(1.0)
            # All of it came, once and in order.
            assert [r[1] for r in line.reports if r[0] == turn] == [960 * n for n in range(1, 11)]
        decoder = new_decoder()
        payloads = [sent.packet.payload for _, sent in line.sent if sent.packet.turn == 1]
        out = np.concatenate([decoder.decode(payload) for payload in payloads])
        wanted = np.concatenate([tone(4800, 48_000)] * 2)[::3]
        lag = 16_000 * 65 // 10_000  # of the codec
        assert np.corrcoef(out[lag:], wanted[: len(out) - lag])[0, 1] > 0.95
        await line.close()

    run_virtual(main())


def test_what_is_being_encoded_comes_before_what_is_played_later() -> None:
    async def main() -> None:
        threads = HeldThreads()
        line = Line(threads)
        line.speaker.play(1, tone(1920, 48_000), is_last=True)
        await asyncio.sleep(0.5)  # the first packet is gone, the second is still in the making
        line.speaker.play(2, tone(1920, 48_000), is_last=True)
        threads.go()
        await asyncio.sleep(0.5)
        assert [r[0] for r in line.reports] == [1, 1, 2, 2]
        await line.close()

    run_virtual(main())


def test_flush_stops_within_one_packet_and_tells_the_position() -> None:
    async def test(line: Line) -> None:
        line.speaker.play(1, tone(48_000, 48_000), is_last=False)
        await asyncio.sleep(0.105)
        assert line.speaker.flush() == 6 * 960
        await asyncio.sleep(1.0)
        voiced = [sent for _, sent in line.sent if sent.packet.turn == 1]
        silence = [sent for _, sent in line.sent if sent.packet.turn == -1]
        assert len(voiced) == 6 and len(silence) == 3
        assert line.reports[-1][:3] == (1, 6 * 960, False)
        line.speaker.play(2, tone(960, 48_000), is_last=True)
        assert line.speaker.flush() == 0
        await asyncio.sleep(0.1)
        assert line.reports[-1][0] == 1

    virtually(test)


def test_audio_in_small_pieces_is_one_stream() -> None:
    async def test(line: Line) -> None:
        pcm = tone(9600, 48_000)
        for at in range(0, 9600, 700):
            line.speaker.play(1, pcm[at : at + 700], is_last=False)
        line.speaker.play(1, np.zeros(0, np.int16), is_last=True)
        await asyncio.sleep(1.0)
        assert line.reports[-1][:3] == (1, 9600, True)
        decoder = new_decoder()
        payloads = [sent.packet.payload for _, sent in line.sent if sent.packet.turn == 1]
        out = np.concatenate([decoder.decode(payload) for payload in payloads])
        assert len(out) == 3520 and np.abs(np.diff(out[800:2800].astype(int))).max() < 2500

    virtually(test)


def test_an_answer_without_audio_ends_too() -> None:
    async def test(line: Line) -> None:
        line.speaker.play(4, np.zeros(0, np.int16), is_last=True)
        await asyncio.sleep(0.1)
        assert [r[:3] for r in line.reports] == [(4, 0, True)]

    virtually(test)


def test_the_next_turn_follows_without_a_hole() -> None:
    async def test(line: Line) -> None:
        line.speaker.play(1, tone(1920, 48_000), is_last=True)
        line.speaker.play(2, tone(1920, 48_000), is_last=True)
        await asyncio.sleep(0.5)
        assert [(r[0], r[1]) for r in line.reports] == [(1, 960), (1, 1920), (2, 960), (2, 1920)]
        assert [r[3] for r in line.reports] == pytest.approx([0.0, 0.02, 0.04, 0.06])

    virtually(test)


def test_the_track_gives_finished_packets() -> None:
    async def main() -> None:
        speaker = Speaker(InlineThreads(), asyncio.get_running_loop().time)
        track = SpeakerTrack(speaker)
        speaker.play(1, tone(1920, 48_000), is_last=True)
        packets = [await track.recv(), await track.recv()]
        assert [packet.pts for packet in packets] == [0, 960]
        assert float(packets[0].time_base) == 1 / 48_000
        track.stop()
        with pytest.raises(MediaStreamError):
            await track.recv()
        speaker.close()

    run_virtual(main())
