"""A peer whose client is a real Chromium: it restarts ICE in the middle of an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from browser.browser import CHROMIUM, FLAGS, HAS_CHROMIUM
from playwright.async_api import Route, async_playwright
from transport_fakes import SETTINGS, Report, recorder, tone, until

from visavis.transports.webrtc import Peer, answer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not HAS_CHROMIUM, reason="chromium is not installed"),
]

CONNECT = """
async () => {
  const pc = globalThis.pc = new RTCPeerConnection();
  const channel = globalThis.channel = pc.createDataChannel("oai-events");
  globalThis.got = [];
  channel.onmessage = event => got.push(event.data);
  const media = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  for (const track of media.getTracks()) pc.addTrack(track, media);
  globalThis.loudest = 0;
  pc.ontrack = event => {
    if (event.track.kind !== "audio") return;
    const speaker = new Audio();
    speaker.muted = true;
    speaker.srcObject = event.streams[0];
    speaker.play();
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(event.streams[0]).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      loudest = Math.max(loudest, ...samples.map(Math.abs));
    }, 20);
  };
  await pc.setLocalDescription(await pc.createOffer());
  await pc.setRemoteDescription({type: "answer", sdp: await signal(pc.localDescription.sdp)});
  await new Promise(done => channel.readyState === "open" ? done() : channel.onopen = done);
  channel.send('{"type": "hello"}');
}
"""
RESTART = """
async () => {
  await pc.setLocalDescription(await pc.createOffer({iceRestart: true}));
  await pc.setRemoteDescription({type: "answer", sdp: await signal(pc.localDescription.sdp)});
}
"""


async def permit(route: Route) -> None:
    await route.fulfill(body="<!doctype html>", content_type="text/html")


def test_an_ice_restart_is_not_heard() -> None:
    async def main() -> None:
        peers: list[Peer] = []
        answers: list[str] = []

        async def signal(offer: str) -> str:
            if peers:
                answers.append(await peers[0].restart(offer))
            else:
                sdp, peer = await answer(offer, SETTINGS)
                answers.append(sdp)
                peers.append(peer)
            return answers[-1]

        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*FLAGS, "--use-fake-ui-for-media-stream"]
            )
            page: Any = await browser.new_page()  # its callbacks have no types
            await page.route("http://localhost/**", permit)
            await page.goto("http://localhost/")
            await page.expose_function("signal", signal)
            await page.evaluate(CONNECT)
            (peer,) = peers
            link: Any = peer._link  # pyright: ignore[reportPrivateUsage]
            assert await peer.messages.get() == {"type": "hello"}
            frame = await peer.video.get()
            assert frame.width >= 320 and frame.pixels.luma().any()
            reports: list[Report] = []
            peer.set_played(recorder(reports))
            peer.playout.play(1, tone(48_000 * 30, 48_000), is_last=False)
            await until(lambda: len(reports) > 20)
            assert await page.evaluate("loudest") > 0.1
            await page.evaluate(RESTART)
            assert (
                answers[0].split("a=ice-ufrag:")[1][:4] != answers[1].split("a=ice-ufrag:")[1][:4]
            )
            assert await link._restart
            await page.evaluate('loudest = 0; channel.send(\'{"type": "after"}\')')
            assert await peer.messages.get() == {"type": "after"}
            peer.send({"type": "welcome"})
            said = len(reports)
            await until(lambda: len(reports) > said + 50)
            assert await page.evaluate("loudest") > 0.1
            assert "welcome" in (await page.evaluate("got"))[-1]
            assert await page.evaluate("pc.connectionState") == "connected"
            while len(peer.audio):
                await peer.audio.get()
            assert 0 in [(await peer.audio.get()).concealed for _ in range(50)]
            assert peer._link is link  # pyright: ignore[reportPrivateUsage]
            await page.evaluate("pc.close()")
            await until(lambda: peer.closed_why is not None)
            assert peer.closed_why == "the client closed the connection"
            await peer.close("enough")
            await browser.close()

    asyncio.run(main())
