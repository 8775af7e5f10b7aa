"""A second pair of ears on a call: everything passes, listeners are told, and the peer notices nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np
import pytest
from server_fakes import FakePeer
from websocket_fakes import peer as websocket_peer

from visavis.pipelines.taps import Tapped
from visavis.runtime.audio_path import AudioFormat, AudioPath
from visavis.runtime.clock import run_virtual
from visavis.runtime.mailboxes import MailboxClosed


def test_what_the_client_is_told_the_listeners_are_told_after_it() -> None:
    peer = FakePeer()
    tap = Tapped(peer)
    told: list[tuple[str, int]] = []

    def listener(message: Mapping[str, object]) -> None:
        told.append((str(message["type"]), len(peer.sent)))

    leave = tap.listen(listener)
    tap.send({"type": "one"})
    second = tap.listen(lambda message: leave())  # one may leave while all are told
    tap.send({"type": "two"})
    tap.send({"type": "three"})
    leave()
    second()
    tap.send({"type": "four"})
    assert [message["type"] for message in peer.sent] == ["one", "two", "three", "four"]
    assert told == [("one", 1), ("two", 2)]


def test_the_session_is_remembered_as_the_client_was_told_of_it_last() -> None:
    tap = Tapped(FakePeer(), {"instructions": "be brief"})
    assert (tap.wanted, tap.session) == ({"instructions": "be brief"}, {})
    tap.send({"type": "session.created", "session": {"id": "s", "type": "realtime"}})
    tap.send({"type": "response.created", "session": "not one"})
    assert tap.session == {"id": "s", "type": "realtime"}
    tap.send({"type": "session.updated", "session": {"id": "s", "tools": []}})
    assert tap.session == {"id": "s", "tools": []}


def test_the_mailboxes_are_the_peers_own_and_closing_goes_through() -> None:
    async def main() -> None:
        peer = FakePeer()
        tap = Tapped(peer)
        assert (tap.audio, tap.video, tap.messages) == (peer.audio, peer.video, peer.messages)
        assert tap.audio_path is AudioPath.TRACK
        tap.set_played(lambda turn, samples, is_done, at: None)
        peer.messages.put({"type": "response.create"})
        assert await tap.messages.get() == {"type": "response.create"}
        await tap.close("enough")
        assert peer.closed == ["enough"]
        with pytest.raises(MailboxClosed):
            await tap.audio.get()

    run_virtual(main())


def test_audio_inside_messages_passes_and_listeners_get_none() -> None:
    async def main() -> None:
        peer = websocket_peer()
        tap = Tapped(peer)
        heard: list[object] = []
        tap.listen(heard.append)
        assert tap.audio_path is AudioPath.MESSAGES
        silence = "AAAA" * 100  # 300 bytes
        pcm = await tap.decode_audio(silence, AudioFormat.PCM)
        assert len(pcm) + len(tap.drain_audio()) >= 90  # 150 samples at 24 kHz are 100 at 16
        delta = {"type": "response.output_audio.delta", "item_id": "i", "content_index": 0}
        tap.send_audio(delta, np.zeros(480, np.int16), AudioFormat.PCM, is_last=True)
        await asyncio.sleep(0)
        assert heard == []
        await tap.close("enough")

    run_virtual(main())
