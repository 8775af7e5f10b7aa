"""The twin in memory: a whole network on virtual time, the same every time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
from transport_fakes import Report, recorder, tone

from visavis.runtime.clock import run_virtual
from visavis.runtime.frames import AudioChunk, Picture, VideoFrame
from visavis.runtime.mailboxes import MailboxClosed
from visavis.runtime.protocols import Transport
from visavis.transports.loopback import Loopback


class Plain:
    """Pixels of one grey."""

    def luma(self) -> Picture:
        return np.full((2, 2), 7, np.uint8)

    def rgb(self, width: int, height: int) -> Picture:
        return np.full((height, width, 3), 7, np.uint8)


def run(main: Coroutine[Any, Any, None]) -> None:
    run_virtual(main)


async def listen(peer: Loopback, seconds: float) -> list[AudioChunk]:
    chunks: list[AudioChunk] = []

    async def take() -> None:
        while True:
            chunks.append(await peer.audio.get())

    task = asyncio.create_task(take())
    await asyncio.sleep(seconds)
    task.cancel()
    return chunks


def test_what_is_said_is_heard_and_then_silence() -> None:
    async def main() -> None:
        peer = Loopback(delay_ms=40)
        transport: Transport = peer
        peer.client.say(tone(3200, 16_000))
        chunks = await listen(peer, 1.0)
        assert transport.audio is peer.audio
        pcm = np.concatenate([chunk.pcm for chunk in chunks])
        assert np.array_equal(pcm[:3200], tone(3200, 16_000)) and not pcm[3200:].any()
        assert [chunk.pts for chunk in chunks] == [320 * n for n in range(len(chunks))]
        assert chunks[0].arrived == pytest.approx(0.04)
        await peer.close("enough")

    run(main())


def test_named_packets_are_lost_and_concealed() -> None:
    async def main() -> None:
        peer = Loopback(loss=[5, 6])
        chunks = await listen(peer, 0.5)
        assert [n for n, chunk in enumerate(chunks) if chunk.concealed] == [5, 6]
        assert [chunk.pts for chunk in chunks] == [320 * n for n in range(len(chunks))]
        assert peer.jitter.lost == 2
        await peer.close("enough")

    run(main())


def test_a_bad_network_is_the_same_for_the_same_seed() -> None:
    def once(seed: int) -> list[tuple[float, int, int]]:
        out: list[tuple[float, int, int]] = []

        async def main() -> None:
            peer = Loopback(loss=0.05, jitter_ms=30, reorder=0.05, delay_ms=20, seed=seed)
            for chunk in await listen(peer, 20.0):
                out.append((chunk.arrived, chunk.pts, chunk.concealed))
            await peer.close("enough")

        run(main())
        return out

    first = once(1)
    assert first == once(1) != once(2)
    assert [pts for _, pts, _ in first] == [320 * n for n in range(len(first))]
    share = sum(bool(concealed) for _, _, concealed in first) / len(first)
    assert 0.02 < share < 0.09


def test_a_muted_microphone_is_time_without_sound() -> None:
    async def main() -> None:
        peer = Loopback()
        await listen(peer, 0.5)
        peer.client.mute(True)
        chunks = await listen(peer, 1.0)
        assert sum(chunk.concealed for chunk in chunks) == pytest.approx(14_500, abs=700)
        peer.client.mute(False)
        after = await listen(peer, 0.5)
        assert not any(chunk.concealed for chunk in after[4:])
        assert peer.jitter.lost == 0
        await peer.close("enough")

    run(main())


def test_the_voice_is_paced_reported_and_cut() -> None:
    async def main() -> None:
        peer = Loopback(delay_ms=50)
        reports: list[Report] = []
        peer.set_played(recorder(reports))
        peer.playout.play(1, tone(2000, 48_000), is_last=True)
        await asyncio.sleep(0.2)
        assert [report[:3] for report in reports] == [
            (1, 960, False),
            (1, 1920, False),
            (1, 2000, True),
        ]
        assert [report[3] for report in reports] == pytest.approx([0.0, 0.02, 0.04])
        assert [heard.at for heard in peer.client.heard] == pytest.approx([0.05, 0.07, 0.09])
        heard = np.concatenate([heard.pcm for heard in peer.client.heard])
        assert np.array_equal(heard[:2000], tone(2000, 48_000))
        peer.playout.play(2, tone(48_000, 48_000), is_last=True)
        await asyncio.sleep(0.09)
        assert peer.playout.flush() == 5 * 960
        await asyncio.sleep(1.0)
        assert reports[-1][:3] == (2, 5 * 960, False)
        await peer.close("enough")

    run(main())


def test_messages_and_pictures_take_their_time() -> None:
    async def main() -> None:
        peer = Loopback(delay_ms=30)
        now = asyncio.get_running_loop().time
        peer.client.send({"type": "hello"})
        message = await peer.messages.get()
        assert message["type"] == "hello" and now() == pytest.approx(0.03)
        peer.client.send("not json")
        peer.send({"type": "session.created"})
        await asyncio.sleep(0.1)
        assert [message["type"] for message in peer.client.received] == ["session.created", "error"]
        assert all(message["event_id"] for message in peer.client.received)
        peer.client.show(VideoFrame(Plain(), 2, 2, 90, 0.0, audio_pts=16))
        frame = await peer.video.get()
        assert (frame.pts, frame.audio_pts, frame.arrived) == (90, 16, now())
        await peer.close("enough")

    run(main())


def test_a_client_that_leaves_ends_everything() -> None:
    async def main() -> None:
        peer = Loopback(delay_ms=30)
        peer.client.send({"type": "too late"})
        await peer.client.leave()
        await peer.close("twice")
        with pytest.raises(MailboxClosed):
            await peer.audio.get()
        with pytest.raises(MailboxClosed):
            await peer.messages.get()
        peer.send({"type": "to nobody"})
        peer.playout.play(1, tone(960, 48_000), is_last=True)
        await asyncio.sleep(1.0)
        assert peer.client.received == [] == peer.client.heard
        assert peer.closed_why == "the client closed the connection"

    run(main())
