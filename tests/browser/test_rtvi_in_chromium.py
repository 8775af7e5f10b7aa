"""Pipecat's own client against a visavis server, in a real Chromium with a microphone and a camera."""

from __future__ import annotations

import random
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from browser.browser import HAS_CHROMIUM
from browser.clients import ClientPage, bundle, client_page
from browser.media import write_camera, write_microphone
from browser.servers import served
from browser.test_answers import PERSON, SEED, film

from visavis.models.training.scenes import objects_scene

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not HAS_CHROMIUM, reason="chromium is not installed"),
]

LEAD_S = 8.0
"""Silence before the question, for two offers' worth of set-up."""
KEY = "sk-visavis-0123456789abcdef0123456789abcdef"
CONNECT = """
([address, body]) => client.startBotAndConnect({
  endpoint: `${address}start`,
  requestData: {transport: "webrtc", body},
})
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle("rtvi", tmp_path_factory.mktemp("rtvi"))


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    with served("fused") as address:
        yield address


def connect(page: ClientPage, address: str, *, camera: bool) -> dict[str, Any]:
    page.run("(enableCam) => makeClient({enableCam})", camera)
    ready: dict[str, Any] = page.run(CONNECT, [address, dict[str, object]()])
    return ready


def ask(page: ClientPage, words: str, options: str = "{}") -> str:
    """Type a question; the answer in lower case, once it is whole."""
    before = len(page.told("BotLlmStopped"))
    page.run(f"(words) => client.sendText(words, {options})", words)
    page.wait_for(lambda: len(page.told("BotLlmStopped")) > before, 40, f"an answer to {words!r}")
    texts = [text for name, text, _ in page.told() if name in ("BotLlmStarted", "BotLlmText")]
    last = max(index for index, text in enumerate(texts) if text is None)
    return "".join(text["text"] for text in texts[last + 1 :]).lower()


def test_a_spoken_question_about_the_picture_is_answered(
    address: str, script: Path, tmp_path: Path
) -> None:
    scene = objects_scene(random.Random(SEED), [("circle", "red")])
    camera = write_camera(tmp_path / "camera.y4m", film(scene))
    words = write_microphone(tmp_path / "words.wav", [LEAD_S, "What colour is this?", 90.0], PERSON)
    with client_page(script, wav=words, video=camera) as page:
        ready = connect(page, address, camera=True)
        assert ready["version"].startswith("2.") and ready["about"]["library"] == "visavis"
        page.wait_for(lambda: bool(page.told("BotStoppedSpeaking")), 60, "a spoken answer")
        assert "red" in " ".join(one["text"] for one in page.told("BotOutput")).lower()
        heard = page.told("UserTranscript")
        assert [one["final"] for one in heard][-1:] == [True] and not heard[0]["final"]
        assert page.heard_ms() > 300
        order = [
            name
            for name, *_ in page.told()
            if name in {"BotReady", "UserStartedSpeaking", "UserStoppedSpeaking"}
            or name.startswith(("BotStarted", "BotStopped", "BotLlmSta", "BotTtsSta"))
        ]
        first = [order.index(name) for name in dict.fromkeys(order)]
        assert first == sorted(first)
        assert list(dict.fromkeys(order)) == [
            "BotReady",
            "UserStartedSpeaking",
            "UserStoppedSpeaking",
            "BotLlmStarted",
            "BotTtsStarted",
            "BotStartedSpeaking",
        ] + [name for name in dict.fromkeys(order) if name.startswith("BotStoppedSpeaking")], order
        statuses = [one["spoken_status"] for one in page.told("BotOutput")]
        assert statuses.count("new") == statuses.count("completed") > 0
        assert page.told("Metrics") and page.problems == []


def test_camera_text_requests_and_reconnection(address: str, script: Path, tmp_path: Path) -> None:
    scene = objects_scene(random.Random(SEED + 1), [("square", "blue")])
    camera = write_camera(tmp_path / "camera.y4m", film(scene))
    silence = write_microphone(tmp_path / "silence.wav", [1.0])
    with client_page(script, wav=silence, video=camera) as page:
        connect(page, address, camera=True)
        page.wait_for(lambda: _looked(page) > 0, 30, "a picture to be looked at")
        assert "blue" in ask(page, "what colour is this")
        # The camera goes off and on in the middle of the call.
        page.run("client.enableCam(false)")
        page.wait_for(lambda: not page.run("client.isCamEnabled"), 5, "the camera to go off")
        assert "can't see" in ask(page, "what do you see")
        looked = _looked(page)
        page.run("client.enableCam(true)")
        page.wait_for(lambda: _looked(page) > looked, 30, "a picture again")
        # An answer that is not to be spoken.
        spoken = len(page.told("BotStartedSpeaking"))
        assert "blue" in ask(page, "what colour is this", "{audio_response: false}")
        assert page.told("BotOutput")[-1]["will_be_spoken"] is False
        assert len(page.told("BotStartedSpeaking")) == spoken
        # Requests and their answers.
        asked = 'client.sendClientRequest("session.update", {session: {}}, 20000)'
        assert page.run(asked)["session"]["type"] == "realtime"
        refused = page.run('client.sendClientRequest("no.such", {}).catch((e) => e.data.error)')
        assert "not known here" in refused
        page.run('client.sendUIEvent("click", {})')
        page.wait_for(lambda: len(page.told("MessageError")) == 2, 10, "the refusal of a UI event")
        page.run('client.sendDTMF("12")')
        page.wait_for(lambda: "12" in _typed(page), 10, "the keys to arrive")
        # A network that was lost: the client makes a new connection of the same conversation.
        first = page.run("transport.pc_id")
        for attempt in ("transport.attemptReconnection(true)", _RENEGOTIATE):
            page.run(attempt)
            page.wait_for(lambda: bool(page.run(_IS_BACK)), 30, f"{attempt} to be through")
            assert page.run("transport.pc_id") == first
            assert "blue" in ask(page, "what colour is this")
        page.run("client.disconnectBot()")
        page.wait_for(lambda: bool(page.told("BotDisconnected")), 10, "the agent to leave")
        page.wait_for(lambda: page.run("client.state") == "disconnected", 10, "the end")
        assert page.told("Error") == [] and page.problems == []


_RENEGOTIATE = """
transport.handleMessage(JSON.stringify({type: "signalling", message: {type: "renegotiate"}}))
"""
_IS_BACK = """
!transport.isReconnecting && transport.pc.signalingState === "stable"
  && transport.dc.readyState === "open" && transport.pc.connectionState === "connected"
"""


def _looked(page: ClientPage) -> int:
    said = page.told("ServerMessage")
    return sum(1 for one in said if one["type"] == "visavis.picture.seen")


def _typed(page: ClientPage) -> list[str]:
    return [one["text"] for one in page.told("UserLlmText")]


def test_who_has_no_key_is_told_so(script: Path, tmp_path: Path) -> None:
    silence = write_microphone(tmp_path / "silence.wav", [1.0])
    with (
        served("echo", settings=[f"access.api_keys={KEY}"]) as address,
        client_page(script, wav=silence) as page,
    ):
        page.run("makeClient({enableCam: false})")
        why = page.run(
            "(endpoint) => client.startBotAndConnect({endpoint}).catch((e) => e.message)",
            f"{address}start",
        )
        assert "no API key was sent" in why
        (error,) = page.told("Error")
        assert error["data"] == {"message": why, "fatal": True}
        ready = page.run(
            "([endpoint, key]) => client.startBotAndConnect({endpoint, requestData: {}, "
            "headers: new Headers({Authorization: `Bearer ${key}`})})",
            [f"{address}start", KEY],
        )
        assert ready["version"].startswith("2.")
        page.run("client.disconnect()")
