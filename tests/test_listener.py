"""A real aiortc player that hears what the agent says to a peer."""

from __future__ import annotations

import asyncio
import re

import numpy as np
import pytest
from aiortc import RTCPeerConnection
from transport_fakes import SETTINGS, Client, ToneTrack, connected, tone, until

from visavis.runtime.errors import BadInput
from visavis.transports.webrtc import Listener, answer, listen
from visavis.transports.webrtc.listener import MAX_LISTENERS


class Player(Client):
    """Offers to receive audio, and nothing else."""

    def __init__(self) -> None:
        super().__init__(channel=False)
        self.connection.addTransceiver("audio", "recvonly")

    async def is_loud(self) -> None:
        while int(np.abs(await self.heard.get()).max()) < 4000:
            pass


def test_two_hear_what_is_said_to_one_and_leave_with_it() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            players = [Player(), Player()]
            listeners: list[Listener] = []
            for player in players:
                sdp, listener = await listen(peer, await player.offer(), SETTINGS)
                assert "a=sendonly" in sdp and "opus" in sdp and "m=application" not in sdp
                await player.accept(sdp)
                listeners.append(listener)
            assert peer.companions == 2
            await until(lambda: all(listener.is_connected for listener in listeners))
            peer.playout.play(1, tone(48_000 * 20, 48_000), is_last=False)
            async with asyncio.timeout(20):
                for player in players:
                    await player.is_loud()
                while int(np.abs(await client.heard.get()).max()) < 4000:
                    pass
            await players[0].close()
            await until(lambda: peer.companions == 1)
            assert peer.closed_why is None and listeners[1].is_connected
            await peer.close("enough")
            assert listeners[1].closed_why == "the conversation ended" and peer.companions == 0
            await players[1].close()

    asyncio.run(main())


def test_a_listener_that_can_not_be_answered_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with connected() as (_, peer):
            with pytest.raises(BadInput):
                await listen(peer, "garbage", SETTINGS)
            player = Player()
            offer = await player.offer()
            with pytest.raises(BadInput):
                await listen(peer, offer.replace("a=rtcp-mux", "a=other"), SETTINGS)
            assert peer.companions == 0
            listeners = [(await listen(peer, offer, SETTINGS))[1] for _ in range(MAX_LISTENERS)]
            with pytest.raises(BadInput, match="one must leave first"):
                await listen(peer, offer, SETTINGS)
            await listeners[0].close("enough")
            assert peer.companions == MAX_LISTENERS - 1
            await player.close()
        with pytest.raises(BadInput, match="has ended"):
            await listen(peer, offer, SETTINGS)

    asyncio.run(main())


def test_who_is_not_to_hear_is_answered_recvonly_and_its_turns_end() -> None:
    async def main() -> None:
        client = Client(ToneTrack(), channel=False)
        sdp, peer = await answer(await client.offer(), SETTINGS, is_heard=False)
        assert "a=recvonly" in sdp and "a=sendrecv" not in sdp
        await client.accept(sdp)
        done: list[int] = []
        peer.set_played(lambda turn, samples, is_done, at: done.append(turn) if is_done else None)
        player = Player()
        text, _ = await listen(peer, await player.offer(), SETTINGS)
        await player.accept(text)
        assert (await peer.audio.get()).pts == 0
        await until(lambda: player.connection.connectionState == "connected")
        peer.playout.play(5, tone(48_000, 48_000), is_last=True)
        async with asyncio.timeout(20):
            await player.is_loud()
        await until(lambda: done == [5])
        await client.close()
        await player.close()
        await peer.close("enough")

    asyncio.run(main())


def credentials(sdp: str) -> tuple[str, str]:
    ufrag, pwd = re.findall(r"a=ice-ufrag:(\S+)", sdp), re.findall(r"a=ice-pwd:(\S+)", sdp)
    return ufrag[0], pwd[0]


def test_an_ice_restart_by_its_credentials_alone() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            other = RTCPeerConnection()  # lends new credentials and candidates
            other.addTransceiver("audio")
            await other.setLocalDescription(await other.createOffer())
            sdp = other.localDescription.sdp
            before = credentials(client.connection.remoteDescription.sdp)
            text = await peer.restart_ice(*credentials(sdp), re.findall(r"a=(candidate:.*)\r", sdp))
            assert credentials(text) != before
            assert text.count("a=fingerprint:sha-256") >= 1
            # Nobody answers there: what was connected stays in use.
            assert peer.is_connected
            client.channel.send('{"type": "still here"}')
            assert await peer.messages.get() == {"type": "still here"}
            await other.close()
        with pytest.raises(BadInput, match="closed"):
            await peer.restart_ice("abcd", "abcdefghijklmnopqrstuvwx")

    asyncio.run(main())
