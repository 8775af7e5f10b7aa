"""A peer at the other end of a real aiortc client, on this machine's own addresses."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import os
import re
import threading
from typing import Any

import numpy as np
import pytest
from aiortc import RTCPeerConnection
from transport_fakes import (
    SETTINGS,
    Client,
    PictureTrack,
    Report,
    ToneTrack,
    connected,
    recorder,
    tone,
    until,
)

from visavis.runtime.errors import BadInput
from visavis.runtime.frames import AudioChunk
from visavis.runtime.mailboxes import MailboxClosed
from visavis.runtime.protocols import Transport
from visavis.runtime.settings import WebrtcSettings
from visavis.transports.picture_limits import PictureLimits
from visavis.transports.webrtc import Peer, answer


def media_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("media")]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def sections(sdp: str) -> list[str]:
    return re.split(r"(?m)^m=", sdp)[1:]


def test_audio_pictures_and_messages_come_in() -> None:
    async def main() -> None:
        async with connected(ToneTrack(), PictureTrack()) as (client, peer):
            transport: Transport = peer
            client.channel.send('{"type": "session.update"}')
            assert await transport.messages.get() == {"type": "session.update"}
            chunks = [await transport.audio.get() for _ in range(20)]
            assert [chunk.pts for chunk in chunks] == [320 * n for n in range(20)]
            assert np.abs(np.concatenate([chunk.pcm for chunk in chunks])).max() > 4000
            frame = await transport.video.get()
            assert (frame.width, frame.height) == (320, 240)
            assert np.abs(frame.pixels.rgb(8, 8).mean((0, 1)) - (200, 30, 30)).max() < 15
            assert peer.is_connected and peer.closed_why is None

    asyncio.run(main())


def test_the_voice_goes_out_and_its_position_comes_back() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            reports: list[Report] = []
            peer.set_played(recorder(reports))
            peer.playout.play(3, tone(9600, 48_000), is_last=True)
            await until(lambda: bool(reports) and reports[-1][2])
            assert [report[:3] for report in reports] == [
                (3, 960 * n, n == 10) for n in range(1, 11)
            ]
            peer.playout.play(4, tone(480_000, 48_000), is_last=False)
            await until(lambda: reports[-1][0] == 4)
            position = peer.playout.flush()
            await asyncio.sleep(0.1)
            sent = max(samples for turn, samples, _, _ in reports if turn == 4)
            assert 0 < position == sent
            loudest = 0
            while not client.heard.empty():
                loudest = max(loudest, int(np.abs(client.heard.get_nowait()).max()))
            assert loudest > 4000

    asyncio.run(main())


def test_every_message_out_has_an_event_id_and_bad_ones_in_are_answered() -> None:
    async def main() -> None:
        settings = WebrtcSettings(max_message_bytes=2000)
        async with connected(settings=settings) as (client, peer):
            peer.send({"type": "session.created"})
            for bad in ("ping: 12", "[]", '{"type": 1}', 2001 * "x"):
                client.channel.send(bad)
            client.channel.send('{"type": "fine"}')
            got: list[dict[str, Any]] = [json.loads(await client.messages.get()) for _ in range(5)]
            assert [message["type"] for message in got] == ["session.created"] + 4 * ["error"]
            assert len({message["event_id"] for message in got}) == 5
            assert await peer.messages.get() == {"type": "fine"}
            assert [message["error"]["code"] for message in got[1:]] == [
                "invalid_json",
                "invalid_message",
                "invalid_value",
                "message_too_large",
            ]

    asyncio.run(main())


def test_the_answer_is_what_clients_need() -> None:
    async def main() -> None:
        client = Client(ToneTrack(), PictureTrack())
        sdp, peer = await answer(await client.offer(), SETTINGS)
        audio, video, data = sections(sdp)
        assert "a=sendrecv" in audio and "a=msid:" in audio and "opus/48000/2" in audio
        assert "PCMU" not in audio and "a=recvonly" in video
        assert data.startswith("application")
        for section in (audio, video, data):
            assert "a=setup:passive" in section and "a=candidate:" in section
            assert "a=end-of-candidates" in section
        await client.close()
        await peer.close("enough")

    asyncio.run(main())


@pytest.mark.parametrize("trickled", [False, True])
def test_offers_without_candidates_connect(trickled: bool) -> None:
    async def main() -> None:
        client = Client(ToneTrack())
        offer = await client.offer()
        candidates = re.findall(r"a=(candidate:.*)\r\n", offer)
        bare = re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", offer)
        assert candidates and "candidate" not in bare
        sdp, peer = await answer(bare, SETTINGS)
        await client.accept(sdp)
        if trickled:
            for candidate in candidates:
                await peer.add_candidate(candidate, sdp_mid="0", sdp_mline_index=0)
            await peer.add_candidate(None)
            with pytest.raises(BadInput):
                await peer.add_candidate("candidate:rubbish", sdp_mid="0")
        await asyncio.wait_for(client.opened.wait(), 20)
        assert (await peer.audio.get()).pts == 0
        await client.close()
        await peer.close("enough")

    asyncio.run(main())


def test_bad_offers_leave_nothing_behind() -> None:
    async def main() -> None:
        client = Client(ToneTrack())
        offer = await client.offer()
        tasks, files = len(asyncio.all_tasks()), open_files()
        for bad in (
            "",
            "garbage",
            offer[: len(offer) // 2],
            offer.replace("opus/48000/2", "PCMU/8000"),
            offer.replace("a=rtcp-mux", "a=other"),
            offer.replace("a=fingerprint:sha-256", "a=fingerprint:md4"),
            offer.replace("a=mid:0", "a=mid:1"),
            offer + "a=x\r\n" * 20_000,
        ):
            try:
                _, peer = await answer(bad, SETTINGS)
            except BadInput as error:
                assert str(error) and error.param == "sdp"
            else:  # nothing that we can see is wrong with it: the connection will tell
                await peer.close("enough")
        await until(lambda: len(asyncio.all_tasks()) <= tasks and open_files() <= files)
        await until(lambda: media_threads() == [])
        await client.close()

    asyncio.run(main())


def test_a_client_that_leaves_ends_the_mailboxes() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            await client.close()
            with pytest.raises(MailboxClosed):
                while True:
                    await asyncio.wait_for(peer.audio.get(), 20)
            with pytest.raises(MailboxClosed):
                await peer.video.get()
            with pytest.raises(MailboxClosed):
                await peer.messages.get()
            assert peer.closed_why == "the client closed the connection"
            peer.send({"type": "to nobody"})
            peer.playout.play(1, tone(960, 48_000), is_last=True)
            assert peer.playout.flush() == 0
            with pytest.raises(BadInput, match="closed"):
                await peer.restart("v=0")

    asyncio.run(main())


def test_a_client_that_vanishes_is_gone_within_the_time_set() -> None:
    async def main() -> None:
        async with connected(settings=WebrtcSettings(disconnected_s=1.0)) as (client, peer):
            await peer.audio.get()
            cut_the_line(client.connection)
            async with asyncio.timeout(20):
                with pytest.raises(MailboxClosed):
                    while True:
                        await peer.audio.get()
            assert peer.closed_why is not None and "vanished" in peer.closed_why

    asyncio.run(main())


def cut_the_line(connection: RTCPeerConnection) -> None:
    """The client's sockets are gone from one moment to the next, without a goodbye."""
    ice: Any = connection.getTransceivers()[0].receiver.transport.transport
    for protocol in ice._connection._protocols:
        protocol.transport.abort()


def test_a_client_that_can_not_be_reached_is_given_up() -> None:
    async def main() -> None:
        client = Client(ToneTrack())
        _, peer = await answer(await client.offer(), WebrtcSettings(ice_timeout_s=0.6))
        await until(lambda: peer.closed_why is not None)
        assert peer.closed_why == "the client could not be reached within 0.6 s"
        await peer.close("again")
        await client.close()

    asyncio.run(main())


def test_a_client_that_takes_no_audio_still_ends_its_turns() -> None:
    async def main() -> None:
        client = Client(ToneTrack())
        offer = (await client.offer()).replace("a=sendrecv", "a=sendonly")
        sdp, peer = await answer(offer, SETTINGS)
        assert "a=recvonly" in sections(sdp)[0]
        done: list[int] = []
        peer.set_played(lambda turn, samples, is_done, at: done.append(turn) if is_done else None)
        peer.playout.play(5, tone(2000, 48_000), is_last=True)
        await until(lambda: done == [5])
        await client.close()
        await peer.close("enough")

    asyncio.run(main())


def test_the_conversation_survives_a_new_connection() -> None:
    async def main() -> None:
        async with connected(audio_chunks=1000) as (_, peer):
            chunks: list[AudioChunk] = []

            async def listen() -> None:
                with contextlib.suppress(MailboxClosed):
                    while True:
                        chunks.append(await peer.audio.get())

            listening = asyncio.create_task(listen())
            reports: list[Report] = []
            peer.set_played(recorder(reports))
            peer.playout.play(1, tone(960 * 1000, 48_000), is_last=False)
            await until(lambda: len(reports) > 3 and len(chunks) > 3)
            again = Client(ToneTrack())
            await again.accept(await peer.restart(await again.offer()))
            await asyncio.wait_for(again.opened.wait(), 20)
            again.channel.send('{"type": "back"}')
            assert await peer.messages.get() == {"type": "back"}
            peer.send({"type": "welcome"})
            assert json.loads(await again.messages.get())["type"] == "welcome"
            said, heard = len(reports), len(chunks)
            await until(lambda: len(reports) > said + 3 and len(chunks) > heard + 3)
            positions = [samples for _, samples, _, _ in reports]
            assert positions == [960 * n for n in range(1, len(positions) + 1)]
            assert peer.closed_why is None and peer.audio.dropped == 0
            for before, after in itertools.pairwise(chunks):
                assert after.pts == before.pts + len(before.pcm) + after.gap
            await again.close()
        await listening

    asyncio.run(main())


RETURNING = WebrtcSettings(resume_s=20.0)


def test_a_client_that_may_return_is_waited_for_and_finds_its_conversation() -> None:
    async def main() -> None:
        async with connected(settings=RETURNING) as (client, peer):
            peer.may_return()
            ups: list[int] = []
            peer.on_connected = lambda: ups.append(1)
            client.channel.send('{"type": "hello"}')
            assert await peer.messages.get() == {"type": "hello"}
            peer.playout.play(1, tone(960 * 500, 48_000), is_last=False)
            pts = (await peer.audio.get()).pts
            await client.close()
            # What was being said to it is cut, and what it was saying forgotten.
            assert await peer.messages.get() == {"type": "output_audio_buffer.clear"}
            assert await peer.messages.get() == {"type": "input_audio_buffer.clear"}
            peer.playout.flush()
            assert not peer.is_connected and peer.closed_why is None
            peer.send({"type": "meanwhile"})
            again = Client(ToneTrack())
            await again.accept(await peer.resume(await again.offer()))
            await asyncio.wait_for(again.opened.wait(), 20)
            assert json.loads(await again.messages.get())["type"] == "meanwhile"
            await until(lambda: peer.is_connected)
            assert ups == [1] and len(peer.messages) == 0
            last = pts
            while len(peer.audio):
                last = (await peer.audio.get()).pts
            assert (await peer.audio.get()).pts > last >= pts
            reports: list[Report] = []
            peer.set_played(recorder(reports))
            peer.playout.play(2, tone(960 * 5, 48_000), is_last=True)
            await until(lambda: bool(reports) and reports[-1][2])
            assert {report[0] for report in reports} == {2}
            await again.close()

    asyncio.run(main())


def test_a_client_may_come_back_before_it_was_missed() -> None:
    async def main() -> None:
        async with connected(settings=RETURNING) as (client, peer):
            peer.may_return()
            await peer.audio.get()
            cut_the_line(client.connection)
            again = Client(ToneTrack())
            await again.accept(await peer.resume(await again.offer()))
            await asyncio.wait_for(again.opened.wait(), 20)
            assert await peer.messages.get() == {"type": "output_audio_buffer.clear"}
            assert await peer.messages.get() == {"type": "input_audio_buffer.clear"}
            with pytest.raises(BadInput):
                await peer.resume("v=0")
            again.channel.send('{"type": "still here"}')
            assert await peer.messages.get() == {"type": "still here"}
            await again.close()

    asyncio.run(main())


def test_one_that_does_not_return_is_gone_after_the_grace_time() -> None:
    async def main() -> None:
        async with connected(settings=WebrtcSettings(resume_s=0.3)) as (client, peer):
            peer.may_return()
            await client.close()
            with pytest.raises(MailboxClosed):
                while True:
                    await asyncio.wait_for(peer.audio.get(), 20)
            assert peer.closed_why == (
                "the client closed the connection, and did not come back within 0.3 s"
            )
            with pytest.raises(BadInput, match="closed"):
                await peer.resume("v=0")

    asyncio.run(main())


def test_one_that_was_never_there_is_not_waited_for() -> None:
    async def main() -> None:
        client = Client(ToneTrack())
        _, peer = await answer(await client.offer(), WebrtcSettings(ice_timeout_s=0.6))
        peer.may_return()
        await until(lambda: peer.closed_why is not None)
        assert peer.closed_why == "the client could not be reached within 0.6 s"
        await client.close()

    asyncio.run(main())


def test_absurd_pictures_are_refused_with_one_error_event() -> None:
    async def main() -> None:
        async with connected(
            ToneTrack(), PictureTrack(640, 480), pictures=PictureLimits(320 * 240)
        ) as (
            client,
            peer,
        ):
            message = json.loads(await asyncio.wait_for(client.messages.get(), 20))
            assert message["error"]["code"] == "picture_too_large"
            assert "640x480" in message["error"]["message"]
            assert (await peer.audio.get()).pts >= 0 and peer.closed_why is None

    asyncio.run(main())


def test_twenty_connections_leave_nothing_running() -> None:
    async def once() -> None:
        async with connected(ToneTrack(), PictureTrack()) as (_, peer):
            await peer.audio.get()
            assert len(media_threads()) >= 1

    async def main() -> None:
        await once()  # what is loaded once for good is loaded
        gc.collect()
        await asyncio.sleep(0.2)
        tasks, threads, files = len(asyncio.all_tasks()), threading.active_count(), open_files()
        for _ in range(20):
            await once()
        await until(lambda: media_threads() == [])
        # The client's pictures are encoded in the loop's executor: its threads are not ours.
        ours = [t for t in threading.enumerate() if not t.name.startswith("asyncio_")]
        assert len(ours) <= threads
        await until(lambda: len(asyncio.all_tasks()) <= tasks and open_files() <= files)

    asyncio.run(main())


def test_the_default_executor_is_never_used() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        async with connected() as (_, peer):
            peer.playout.play(1, tone(48_000, 48_000), is_last=False)
            for _ in range(20):
                await peer.audio.get()
            peer.playout.flush()
        assert loop._default_executor is None

    asyncio.run(main())


def test_closing_while_connecting_is_clean() -> None:
    async def main() -> None:
        for delay_s in (0.0, 0.01, 0.05, 0.1, 0.2):
            client = Client(ToneTrack())
            sdp, peer = await answer(await client.offer(), SETTINGS)
            accepting = asyncio.create_task(client.accept(sdp))
            await asyncio.sleep(delay_s)
            await peer.close("never mind")
            await accepting
            await client.close()
            assert peer.closed_why == "never mind"

    asyncio.run(main())


def test_two_peers_do_not_know_each_other() -> None:
    async def main() -> None:
        async with connected() as (client, peer), connected() as (_, other):
            client.channel.send("rubbish")
            await client.messages.get()
            await client.close()
            await until(lambda: peer.closed_why is not None)
            assert other.closed_why is None and isinstance(other, Peer)
            for _ in range(5):
                await other.audio.get()

    asyncio.run(main())
