"""What a listener is sent, packet by packet."""

from __future__ import annotations

import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError

from visavis.transports.playout import Sent, Spoken
from visavis.transports.webrtc.overhearing import WAITING, Overheard, OverheardTrack


def sent(number: int, pts: int) -> Sent:
    return Sent(Spoken(bytes([number]), 1, 960, False), pts, 960)


async def waiting(overheard: Overheard, count: int) -> list[tuple[bytes, int]]:
    return [await overheard.next() for _ in range(count)]


def test_time_is_counted_from_when_the_listener_came() -> None:
    clock = [100.0]
    overheard = Overheard(lambda: clock[0])
    clock[0] = 102.0
    overheard.hear(sent(1, 960_000))
    overheard.hear(sent(2, 960_960))
    overheard.hear(sent(3, 960_000 + 48_000))  # a second of silence
    got = asyncio.run(waiting(overheard, 3))
    assert got == [(b"\x01", 96_000), (b"\x02", 96_960), (b"\x03", 144_000)]


def test_a_greeting_comes_before_what_is_said_and_once() -> None:
    overheard = Overheard(lambda: 5.0)
    overheard.hello()
    overheard.hello()
    overheard.hear(sent(1, 7))
    overheard.hello()
    got = asyncio.run(waiting(overheard, 6))
    assert [pts for _, pts in got] == [960 * n for n in range(6)]
    assert got[5][0] == b"\x01" and got[0][0] != b"\x01"


def test_a_slow_listener_loses_the_oldest() -> None:
    overheard = Overheard(lambda: 0.0)
    for number in range(WAITING + 3):
        overheard.hear(sent(number, number * 960))
    assert overheard.dropped == 3
    assert asyncio.run(overheard.next()) == (b"\x03", 3 * 960)


def test_a_track_ends_with_what_it_reads_from() -> None:
    async def main() -> None:
        overheard = Overheard(lambda: 0.0)
        track = OverheardTrack(overheard)
        reading = asyncio.create_task(track.recv())
        await asyncio.sleep(0)
        overheard.hear(sent(4, 0))
        packet = await reading
        assert (bytes(packet), packet.pts) == (b"\x04", 0)
        reading = asyncio.create_task(track.recv())
        await asyncio.sleep(0)
        overheard.close()
        overheard.hear(sent(5, 960))
        with pytest.raises(MediaStreamError):
            await reading
        track.stop()
        with pytest.raises(MediaStreamError):
            await track.recv()

    asyncio.run(main())
