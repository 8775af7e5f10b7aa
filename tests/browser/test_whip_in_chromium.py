"""A WHIP sender (Eyevinn's client) and a WHEP player in a real Chromium."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from browser.browser import HAS_CHROMIUM
from browser.clients import bundle, client_page
from browser.media import red_ball, write_camera, write_microphone
from browser.servers import served
from browser.test_answers import PERSON

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not HAS_CHROMIUM, reason="chromium is not installed"),
]


def sessions(address: str) -> int:
    with urllib.request.urlopen(f"{address}health", timeout=20) as answer:
        return int(json.load(answer)["sessions"])


def test_a_sender_is_answered_and_a_player_hears_it(tmp_path: Path) -> None:
    camera = write_camera(tmp_path / "camera.y4m", red_ball())
    said = [4.0, "How long did I speak just now?", 4.0]
    words = write_microphone(tmp_path / "words.wav", said, PERSON)
    with served("echo") as address:
        script = bundle("whip", tmp_path)
        with client_page(script, wav=words, video=camera, loop=True) as page:
            sent = page.run("(endpoint) => send(endpoint)", f"{address}whip")
            assert sent["trickles"] and sent["etag"].startswith('"')
            assert sent["resource"].startswith(f"{address}whip/whip_")
            assert sessions(address) == 1
            connected = 'sender.peer.connectionState === "connected"'
            page.wait_for(lambda: bool(page.run(connected)), 30, "the sender to be connected")
            call_id = sent["resource"].rpartition("/")[2]
            played = page.run("(endpoint) => play(endpoint)", f"{address}whep/{call_id}")
            page.wait_for(lambda: page.heard_ms() > 300, 60, "the agent's voice at the player")
            # Both move to another network in the middle of it.
            for name, peer, resource in (
                ("sender", "sender.peer", sent["resource"]),
                ("player", "player", played),
            ):
                etag = page.run(f"(resource) => restart({peer}, resource)", resource)
                assert etag and etag != sent["etag"]
                is_up = f'{peer}.iceConnectionState !== "checking" && {peer}.connectionState'
                page.wait_for(
                    lambda is_up=is_up: page.run(is_up) == "connected", 30, f"the {name} again"
                )
            page.run("heard.length = 0")
            page.wait_for(lambda: page.heard_ms() > 300, 60, "the voice after the restart")
            gone = page.run("(url) => fetch(url, {method: 'DELETE'}).then((r) => r.status)", played)
            assert gone == 200 and sessions(address) == 1
            page.run("sender.destroy()")
            page.wait_for(lambda: sessions(address) == 0, 20, "the conversation to end")
            assert page.problems == []
