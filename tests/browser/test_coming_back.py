"""A page that goes away and comes back, in a real Chromium: the conversation goes on."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Generator
from pathlib import Path

import pytest
from browser.browser import HAS_CHROMIUM, SILENT_RMS, DemoPage, launch
from browser.media import red_ball, write_camera, write_microphone
from browser.servers import served
from browser.test_answers import SEED, film

from visavis.models.training.scenes import objects_scene

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not HAS_CHROMIUM, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    with served("echo") as address:
        yield address


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camera(tmp_path_factory.mktemp("camera") / "ball.y4m", red_ball())


def sessions(address: str) -> int:
    with urllib.request.urlopen(f"{address}health", timeout=20) as answer:
        return int(json.load(answer)["sessions"])


def is_heard(demo: DemoPage) -> bool:
    """Any voice at all: a short answer may fall between two looks of a busy machine."""
    return any(instant.rms > SILENT_RMS for instant in demo.heard())


def test_after_a_reload_the_conversation_goes_on(address: str, camera: Path) -> None:
    with launch(address, video=camera) as demo:
        demo.start()
        demo.toggle_mute()
        demo.ask("How many are there?")
        demo.wait_for_answers(1)
        demo.wait_for_phase("listening")
        before = demo.messages()
        demo.page.reload()
        demo.wait_for(lambda: demo.line() == "live", 40, "the line to be up again")
        demo.wait_for(lambda: len(demo.messages()) == 2, 20, "what was said before")
        assert demo.messages() == before
        assert sessions(address) == 1  # the same one
        assert demo.part("mute").inner_text() == "Unmute"  # as the person left it
        demo.listen()
        demo.ask("And now, please?")
        assert demo.wait_for_answers(2)[1] != demo.answers()[0]
        demo.wait_for(lambda: is_heard(demo), 20, "the answer's voice")
        roles = [message.role for message in demo.messages()]
        assert roles == ["user", "assistant", "user", "assistant"]
        assert demo.notices() == [] and demo.problems == []
        demo.hang_up()
        demo.wait_for(lambda: sessions(address) == 0, 10, "the end")
        demo.page.reload()
        assert demo.part("start").is_visible()


def test_what_was_seen_is_remembered_over_a_reload(tmp_path: Path) -> None:
    """That an answer is cut where it was heard is tested in `tests/clients/test_coming_back.py`."""
    scene = objects_scene(random.Random(SEED), [("circle", "red")])
    camera = write_camera(tmp_path / "camera.y4m", film(scene))
    silence = write_microphone(tmp_path / "silence.wav", [1.0])
    with served("fused") as address, launch(address, wav=silence, video=camera) as demo:
        demo.start()
        demo.wait_for(lambda: demo.looked() > 0, 30, "a picture to be looked at")
        demo.ask("what colour is this")
        demo.wait_for_answers(1, timeout_s=40)
        demo.wait_for_phase("listening")
        demo.page.reload()
        demo.wait_for(lambda: demo.line() == "live", 40, "the line to be up again")
        demo.wait_for(lambda: len(demo.messages()) == 2, 20, "what was said before")
        demo.listen()
        demo.ask("what colour is this")
        assert "red" in demo.wait_for_answers(2, timeout_s=40)[1].lower(), demo.shows()
        demo.wait_for(lambda: is_heard(demo), 20, "the answer's voice")
        assert demo.problems == []


def test_a_conversation_that_is_over_is_told_and_a_new_one_begins() -> None:
    with (
        served("echo", settings=["webrtc.resume_s=0.5"]) as address,
        launch(address) as demo,
    ):
        demo.start()
        demo.toggle_mute()
        demo.ask("hello")
        demo.wait_for_answers(1)
        demo.page.goto("about:blank")
        demo.wait_for(lambda: sessions(address) == 0, 20, "the conversation to end")
        demo.page.goto(address)
        demo.wait_for(lambda: demo.line() == "live", 40, "a new line")
        notice = demo.wait_for_notice("line")
        assert notice.title == "The earlier conversation could not go on"
        assert "did not come back within 0.5 s" in notice.body
        assert [message.role for message in demo.messages()] == ["note"]
        demo.ask("hello again")
        demo.wait_for_answers(1)
        assert sessions(address) == 1 and demo.problems == []


def test_a_copy_of_the_tab_does_not_take_the_conversation_away(address: str) -> None:
    with launch(address) as demo:
        demo.start()
        copied = demo.page.evaluate("() => JSON.stringify(sessionStorage)")
        page = demo.page.context.new_page()
        page.add_init_script(
            f"for (const [k, v] of Object.entries({copied})) sessionStorage.setItem(k, v);"
        )
        page.goto(address)
        page.get_by_test_id("start").wait_for(state="visible")
        page.wait_for_timeout(3000)
        assert page.get_by_test_id("start").is_visible()
        assert page.evaluate("() => sessionStorage.getItem('visavis.resume')") is None
        assert demo.line() == "live" and sessions(address) == 1
        page.close()
