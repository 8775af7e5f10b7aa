"""The page in a real Chromium: what a person does, reads and hears, and what it says when things fail.

The server is the real one with the pipeline `echo`, which needs no model; where the page must be
refused, a small server that only refuses.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from browser.browser import HAS_CHROMIUM, DemoPage, launch
from browser.media import red_ball, write_camera, write_microphone
from browser.servers import free_port, refusing, served

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


# What is said is said over and over, so that it does not matter how soon the line comes up.


def test_a_spoken_turn_is_seen_read_and_heard(address: str, camera: Path, tmp_path: Path) -> None:
    words = write_microphone(tmp_path / "words.wav", [3.0, "What colour is this?", 6.0])
    with launch(address, wav=words, video=camera, loop=True) as demo:
        demo.listen()
        demo.start()
        demo.wait_for_answers(1)
        demo.wait_for(lambda: demo.heard_ms() > 500, 20, "the answer's voice")
        demo.wait_for(lambda: demo.looked() > 0, 10, "a picture to be looked at")
        stages = {"modal_vision", "fusion", "commit", "first_audio"}
        demo.wait_for(lambda: stages <= demo.timeline().keys(), 20, "the turn's timeline")
        assert demo.notices() == []
        demo.hang_up()
        demo.wait_for(lambda: demo.line() == "ended", 5, "the end")
        assert demo.part("start-again").is_visible()
        assert demo.problems == []


def test_speaking_interrupts_the_answer(address: str, tmp_path: Path) -> None:
    words = write_microphone(tmp_path / "words.wav", [1.2, "What do you see on the table?"])
    with launch(address, wav=words, loop=True) as demo:
        demo.start()
        demo.wait_for(
            lambda: "interrupted" in [message.status for message in demo.messages()],
            40,
            "an answer to be interrupted",
        )


def test_typed_questions_are_answered_aloud(address: str) -> None:
    with launch(address) as demo:
        demo.listen()
        demo.start()
        demo.toggle_mute()
        demo.ask("How many are there?")
        demo.wait_for_answers(1)
        assert "How many are there?" in demo.questions()
        demo.wait_for(lambda: demo.heard_ms() > 300, 10, "the answer's voice")
        assert demo.part("question").input_value() == ""


def test_the_camera_goes_off_and_on(address: str, camera: Path) -> None:
    with launch(address, video=camera) as demo:
        demo.start()
        demo.wait_for(lambda: demo.looked() > 0, 20, "a picture to be looked at")
        demo.toggle_camera()
        demo.wait_for(lambda: not demo.part("camera-view").is_visible(), 5, "the camera to go")
        demo.page.wait_for_timeout(1000)  # what was under way arrives
        count = demo.looked()
        demo.page.wait_for_timeout(1500)
        assert demo.looked() == count
        demo.toggle_camera()
        demo.wait_for(lambda: demo.looked() > count, 20, "the camera to be looked at again")


def test_a_server_that_went_away_is_called_again() -> None:
    port = free_port()
    with ExitStack() as first, launch_at(port, first) as demo:
        demo.start()
        demo.toggle_mute()
        demo.ask("hello")
        demo.wait_for_answers(1)
        first.close()
        demo.wait_for(lambda: demo.line() == "reconnecting", 20, "the page to notice")
        assert "ended" in demo.wait_for_notice("line").title
        with served("echo", port=port):
            demo.wait_for(lambda: demo.line() == "live", 40, "the line to come back")
            demo.ask("still there?")
            demo.wait_for_answers(2)
            roles = [message.role for message in demo.messages()]
            assert roles == ["user", "assistant", "note", "user", "assistant"]


@contextmanager
def launch_at(port: int, server: ExitStack) -> Generator[DemoPage]:
    """The page of a server that `server` holds, and may let go while the page is open."""
    with launch(server.enter_context(served("echo", port=port))) as demo:
        yield demo


def test_without_permission_typed_questions_still_work(address: str) -> None:
    with launch(address, allow=False) as demo:
        demo.listen()
        demo.start()
        notice = demo.wait_for_notice("microphone")
        assert notice.title == "Microphone and camera are not allowed"
        assert notice.actions == ("Try again",)
        demo.ask("Are you there?")
        demo.wait_for_answers(1)
        demo.wait_for(lambda: demo.heard_ms() > 300, 10, "the answer's voice")


def test_a_full_server_is_waited_for() -> None:
    full = refusing(503, "all 2 places are taken", headers={"Retry-After": "30"}, sessions=2)
    with full as address, launch(address) as demo:
        assert "taken" in demo.wait_for_notice("line").title
        demo.press_start()
        demo.wait_for(lambda: demo.line() == "waiting", 20, "the page to wait")
        notice = demo.wait_for_notice("line")
        assert "All 2 places are taken." in notice.body
        assert notice.actions == ("Try now", "Stop waiting")
        demo.page.get_by_text("Stop waiting").click()
        assert demo.line() == "ended"


def test_a_refusal_is_told_in_the_servers_words() -> None:
    refusal = refusing(400, "the offer has no audio", code="invalid_sdp")
    with refusal as address, launch(address) as demo:
        demo.press_start()
        demo.wait_for(lambda: demo.line() == "ended" and bool(demo.notices()), 20, "a reason")
        assert "The offer has no audio." in demo.notices()[0].body
        assert demo.part("start-again").is_visible()


def test_an_address_without_devices_says_what_to_open_instead() -> None:
    """Chromium hides microphone and camera on plain http of another host."""
    with refusing(503, "full") as address:
        elsewhere = address.replace("127.0.0.1", "elsewhere.test")
        rule = ("--host-resolver-rules=MAP elsewhere.test 127.0.0.1",)
        with launch(elsewhere, more_flags=rule) as demo:
            notice = demo.wait_for_notice("microphone")
            assert "https" in notice.body
            assert "typing" in demo.part("start").inner_text()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(address: str, width: int) -> None:
    with launch(address, width=width, height=740) as demo:
        wider = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert demo.page.evaluate(wider) == 0
        demo.start()
        assert demo.page.evaluate(wider) == 0


def test_it_is_started_and_asked_by_keyboard_alone(address: str) -> None:
    with launch(address) as demo:
        keys = demo.page.keyboard
        keys.press("Tab")
        assert demo.page.evaluate("() => document.activeElement.className") == "skip"
        keys.press("Tab")
        keys.press("Enter")
        demo.wait_for(lambda: demo.line() == "live", 20, "the line to be up")
        for _ in range(12):
            if demo.page.evaluate("() => document.activeElement.id") == "question":
                break
            keys.press("Tab")
        keys.type("How many words are these?")
        keys.press("Enter")
        demo.wait_for(lambda: "How many words are these?" in demo.questions(), 10, "the question")
