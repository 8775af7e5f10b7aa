"""An ICE restart under a living connection, with a client that restarts the same way."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCIceTransport
from aiortc.sdp import SessionDescription
from transport_fakes import Client, connected, until

from visavis.runtime.errors import BadInput
from visavis.runtime.settings import WebrtcSettings
from visavis.transports.webrtc.ice_restart import IceRestart


def transport_of(client: Client) -> RTCIceTransport:
    return client.connection.getTransceivers()[0].receiver.transport.transport


async def restarted_offer(client: Client) -> tuple[IceRestart, str]:
    """The client's offer with new credentials and candidates; aiortc has no restart of its own,
    so ours serves at this end too."""
    restart = IceRestart(transport_of(client), RTCConfiguration(iceServers=[]))
    await restart.prepare([])
    return restart, await client.offer()


async def finish(client: Client, restart: IceRestart, answer: str) -> bool:
    ice = SessionDescription.parse(answer).media[0].ice
    assert ice is not None and ice.usernameFragment and ice.password
    await client.accept(answer)
    return await restart.finish(ice.usernameFragment, ice.password, False, 10.0, lambda: None)


def ufrag(sdp: str) -> str:
    found = re.search(r"a=ice-ufrag:(\S+)", sdp)
    assert found is not None
    return found[1]


def test_media_data_and_dtls_go_on_over_new_sockets() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            link: Any = peer._link  # pyright: ignore[reportPrivateUsage]
            chunk = await peer.audio.get()
            before = link._connection.localDescription.sdp
            old_sockets = list(transport_of(client)._connection._protocols)  # pyright: ignore
            restart, offer = await restarted_offer(client)
            answer = await peer.restart(offer)
            assert ufrag(answer) != ufrag(before)
            assert "a=setup:passive" in answer and "a=candidate:" in answer
            assert await finish(client, restart, answer)
            assert await link._restart
            assert peer._link is link  # pyright: ignore[reportPrivateUsage]
            assert all(protocol.transport.is_closing() for protocol in old_sockets)
            client.channel.send('{"type": "after"}')
            assert await asyncio.wait_for(peer.messages.get(), 20) == {"type": "after"}
            peer.send({"type": "welcome"})
            assert "welcome" in await asyncio.wait_for(client.messages.get(), 20)
            while len(peer.audio):
                await peer.audio.get()
            after = [await peer.audio.get() for _ in range(10)]
            assert after[-1].pts > chunk.pts and peer.closed_why is None
            # and once more
            restart, offer = await restarted_offer(client)
            assert await finish(client, restart, await peer.restart(offer))
            assert await link._restart

    asyncio.run(main())


def test_a_restart_that_never_connects_leaves_the_old_path_in_use() -> None:
    async def main() -> None:
        async with connected(settings=WebrtcSettings(ice_timeout_s=0.5)) as (client, peer):
            link: Any = peer._link  # pyright: ignore[reportPrivateUsage]
            offer = await client.offer()
            moved = re.sub(r"a=ice-ufrag:\S+", "a=ice-ufrag:abcd", offer)
            moved = re.sub(r"a=candidate:.*\r\n", "", moved)
            await peer.restart(moved)
            assert not await link._restart
            client.channel.send('{"type": "still here"}')
            assert await asyncio.wait_for(peer.messages.get(), 20) == {"type": "still here"}

    asyncio.run(main())


def test_closing_in_the_middle_of_a_restart_is_clean() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            offer = re.sub(r"a=ice-ufrag:\S+", "a=ice-ufrag:abcd", await client.offer())
            await peer.restart(re.sub(r"a=candidate:.*\r\n", "", offer))
            await peer.close("enough")
        await until(lambda: len(asyncio.all_tasks()) == 1)

    asyncio.run(main())


def test_an_offer_that_can_not_be_used_changes_nothing() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            with pytest.raises(BadInput):
                await peer.restart("garbage")
            offer = await client.offer()
            with pytest.raises(BadInput):
                await peer.restart(
                    re.sub(r"a=ice-ufrag:\S+", "a=ice-ufrag:abcd", offer).replace(
                        "a=rtcp-mux", "a=x"
                    )
                )
            client.channel.send('{"type": "still here"}')
            assert await asyncio.wait_for(peer.messages.get(), 20) == {"type": "still here"}

    asyncio.run(main())
