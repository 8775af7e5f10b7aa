"""A peer inside the process: samples and messages both ways, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from visavis.runtime.errors import BadInput
from visavis.runtime.frames import HEARING_RATE, SPEAKING_RATE
from visavis.runtime.mailboxes import MailboxClosed
from visavis.runtime.protocols import Transport
from visavis.transports.in_process import (
    MAX_WAITING,
    Cleared,
    Closed,
    Happening,
    InProcess,
    Spoken,
    Told,
)
from visavis.transports.telephony.line import Encoding


def go(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(main())


async def until(peer: InProcess, kind: type[Happening]) -> list[Happening]:
    """Everything up to the first of this kind."""
    seen: list[Happening] = []
    while not seen or not isinstance(seen[-1], kind):
        seen.append(await peer.next())
    return seen


def test_it_is_a_transport() -> None:
    async def test() -> None:
        def given(transport: Transport) -> Transport:
            return transport

        peer = InProcess()
        assert given(peer) is peer
        peer.shut("done")

    go(test)


@pytest.mark.parametrize(
    ("encoding", "rate", "size"),
    [(Encoding.L16, 8_000, 320), (Encoding.MULAW, 8_000, 160), (Encoding.L16, 48_000, 1920)],
)
def test_what_the_caller_says_arrives_at_the_hearing_rate(
    encoding: Encoding, rate: int, size: int
) -> None:
    async def test() -> None:
        peer = InProcess(encoding, rate)
        for _ in range(50):
            peer.hear(bytes(size))
        samples, pts = 0, 0
        while samples < HEARING_RATE - 320:
            chunk = await peer.audio.get()
            assert chunk.pts == pts and chunk.gap == 0
            samples += len(chunk.pcm)
            pts += len(chunk.pcm)
        peer.shut("done")

    go(test)


def test_the_agents_voice_comes_in_packets_at_the_pace_of_speech() -> None:
    async def test() -> None:
        peer = InProcess(Encoding.L16, 8_000)
        reports: list[tuple[int, int, bool]] = []
        peer.set_played(lambda turn, samples, is_done, at: reports.append((turn, samples, is_done)))
        loop = asyncio.get_running_loop()
        began = loop.time()
        tone = (5_000 * np.sin(np.arange(SPEAKING_RATE // 5) / 20)).astype(np.int16)
        peer.playout.play(3, tone, is_last=True)
        packets: list[bytes] = []
        while len(packets) < 10:
            happening = await peer.next()
            assert isinstance(happening, Spoken)
            packets.append(happening.payload)
        assert loop.time() - began > 0.15
        while not reports[-1][2]:  # noqa: ASYNC110 - the last report comes with no happening
            await asyncio.sleep(0.02)
        assert {len(packet) for packet in packets} == {320}
        assert reports[-1][0] == 3 and reports[-1][1] >= len(tone) - 1
        loud = np.frombuffer(b"".join(packets), "<i2").astype(float)
        assert np.sqrt(np.mean(loud**2)) > 2_000
        peer.shut("done")

    go(test)


def test_an_interruption_takes_back_what_was_not_taken() -> None:
    async def test() -> None:
        peer = InProcess(Encoding.L16, 16_000)
        peer.playout.play(1, np.ones(SPEAKING_RATE, np.int16), is_last=True)
        assert isinstance(await peer.next(), Spoken)
        await asyncio.sleep(0.1)  # some more have come, and nobody took them
        peer.send({"type": "still there"})
        peer.playout.flush()
        seen = await until(peer, Cleared)
        assert seen == [Told({"type": "still there"}), Cleared()]
        peer.shut("done")

    go(test)


def test_the_end_comes_last_and_once() -> None:
    async def test() -> None:
        peer = InProcess()
        peer.send({"type": "one"})
        await peer.close("enough")
        await peer.close("again")
        peer.send({"type": "late"})
        peer.hear(bytes(320))
        peer.ask({"type": "late"})
        assert await until(peer, Closed) == [Told({"type": "one"}), Closed("enough")]
        with pytest.raises(MailboxClosed):
            await peer.next()
        with pytest.raises(MailboxClosed):
            await peer.audio.get()

    go(test)


def test_a_host_that_does_not_listen_is_closed() -> None:
    async def test() -> None:
        peer = InProcess()
        for _ in range(MAX_WAITING + 1):
            peer.send({"type": "hello"})
        assert peer.closed_why == "the host does not take what the agent says"

    go(test)


def test_what_is_no_audio_is_refused() -> None:
    async def test() -> None:
        with pytest.raises(BadInput, match="11025: samples per second can be 8000, 16000"):
            InProcess(rate=11_025)
        peer = InProcess(Encoding.L16, 8_000)
        with pytest.raises(BadInput, match="3 bytes are no whole samples"):
            peer.hear(bytes(3))
        with pytest.raises(BadInput, match="at most 10 s"):
            peer.hear(bytes(160_002))
        peer.shut("done")

    go(test)
