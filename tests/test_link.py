"""A link closes what it opened, also when aiortc can't."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiortc import RTCConfiguration
from transport_fakes import Client, ToneTrack, until

from visavis.runtime.errors import BadInput
from visavis.transports.webrtc.link import Ends, Link
from visavis.transports.webrtc.signalling import check_offer


def ends() -> Ends:
    return Ends(
        voice=ToneTrack,
        microphone=lambda: pytest.fail("nothing is hooked before the offer is taken"),
        camera=lambda index: None,
        channel=lambda channel: None,
        changed=lambda link, state: None,
        now=lambda: 0.0,
    )


def test_a_link_that_was_never_whole_closes_its_sockets(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        client = Client(ToneTrack())
        offer = check_offer(await client.offer())
        files = len(os.listdir("/proc/self/fd"))
        link = Link(RTCConfiguration(iceServers=[]), ends())
        with pytest.raises(BadInput, match="can't be answered"):
            # rtcp-mux is demanded by aiortc itself: the offer is refused half-way
            await link.answer(
                type(offer)(
                    offer.sdp.replace("a=rtcp-mux", "a=x"),
                    offer.ufrag,
                    offer.pwd,
                    offer.fingerprints,
                    offer.candidates,
                    offer.is_lite,
                )
            )

        async def fail() -> None:
            raise AttributeError("half a connection")

        monkeypatch.setattr(link._connection, "close", fail)  # pyright: ignore[reportPrivateUsage]
        await link.close()
        await until(lambda: len(os.listdir("/proc/self/fd")) == files)
        await client.close()

    asyncio.run(main())
    assert "failed to close" in caplog.text
