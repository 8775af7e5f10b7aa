"""The whole thing as a person meets it: a spoken question about what the camera shows, in a real
Chromium, answered rightly by the shipped model, in words on the page and in audible speech.

Pictures are rendered by the training's recipe from seeds that training never drew; the voice that
asks is espeak-ng's.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
from browser.browser import HAS_CHROMIUM, DemoPage, launch
from browser.media import Picture, write_camera, write_microphone
from browser.servers import served

from visavis.models.training.scenes import Scene, card_scene, objects_scene, render_frames
from visavis.runtime.settings import VoiceSettings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not HAS_CHROMIUM, reason="chromium is not installed"),
]

SEED = 990_001
"""Training's seeds are small numbers."""
PERSON = VoiceSettings(name="en-gb-x-rp", rate_wpm=150)
LEAD_S = 5.0
"""Silence before the first question, for the line to come up."""
PICTURES = Path(__file__).parents[2] / "build"


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    with served("fused") as address:
        yield address


def film(scene: Scene, frames: int = 30) -> Iterator[Picture]:
    """Two seconds of a scene held into the camera by a hand."""
    yield from render_frames(scene, 640, 480, frames, np.random.default_rng(SEED))


def answers(demo: DemoPage, count: int) -> list[str]:
    """The first `count` answers, once they are whole; in lower case."""
    demo.wait_for_answers(count, timeout_s=40)
    return [answer.lower() for answer in demo.answers()]


def test_a_spoken_question_is_answered_rightly_and_aloud(address: str, tmp_path: Path) -> None:
    scene = objects_scene(random.Random(SEED), [("circle", "red")])
    camera = write_camera(tmp_path / "camera.y4m", film(scene))
    asked = [LEAD_S, "What colour is this?", 4.0, "How many are there?", 30.0]
    words = write_microphone(tmp_path / "words.wav", asked, PERSON)
    with launch(address, wav=words, video=camera) as demo:
        demo.listen()
        demo.start()
        demo.wait_for_phase("speaking", timeout_s=40)
        demo.screenshot(_picture("speaking.png"))
        said = answers(demo, 2)
        demo.wait_for_phase("listening")
        demo.screenshot(_picture("page.png"))
        assert "red" in said[0] and "one" in said[1], demo.shows()
        assert demo.heard_ms() > 600
        assert {"modal_audio", "fusion", "commit", "first_audio"} <= demo.timeline().keys()
        assert demo.problems == []


def test_a_card_is_read(address: str, tmp_path: Path) -> None:
    scene = card_scene(random.Random(SEED + 4), "7")
    camera = write_camera(tmp_path / "camera.y4m", film(scene))
    with launch(address, video=camera) as demo:
        demo.start()
        demo.toggle_mute()
        demo.wait_for(lambda: demo.looked() > 0, 20, "a picture to be looked at")
        demo.ask("which number is this")
        assert "seven" in answers(demo, 1)[0], demo.shows()


def test_with_the_camera_off_it_says_that_it_sees_nothing(address: str, tmp_path: Path) -> None:
    scene = objects_scene(random.Random(SEED + 1), [("square", "blue")])
    camera = write_camera(tmp_path / "camera.y4m", film(scene))
    with launch(address, video=camera) as demo:
        demo.start()
        demo.toggle_mute()
        demo.wait_for(lambda: demo.looked() > 0, 20, "a picture to be looked at")
        demo.ask("what colour is this")
        assert "blue" in answers(demo, 1)[0], demo.shows()
        demo.wait_for_phase("listening")
        demo.toggle_camera()
        demo.wait_for(lambda: not demo.part("camera-view").is_visible(), 5, "the camera to go")
        demo.ask("what do you see")
        assert "can't see" in answers(demo, 2)[1], demo.shows()
        assert demo.problems == []


def test_a_long_answer_is_interrupted_and_the_new_question_answered(
    address: str, tmp_path: Path
) -> None:
    scene = objects_scene(random.Random(SEED + 2), [("star", "yellow")])
    camera = write_camera(tmp_path / "camera.y4m", film(scene))
    asked = [LEAD_S, "What can you do?", 2.0, "What colour is this?", 30.0]
    words = write_microphone(tmp_path / "words.wav", asked, PERSON)
    with launch(address, wav=words, video=camera) as demo:
        demo.listen()
        demo.start()
        said = answers(demo, 2)
        first = next(message for message in demo.messages() if message.role == "assistant")
        assert first.status == "interrupted", demo.shows()
        assert "yellow" in said[1], demo.shows()
        demo.wait_for_phase("listening")
        # Two separate stretches of voice: the cut answer and the new one.
        assert len(demo.voiced()) >= 2


def _picture(name: str) -> Path:
    PICTURES.mkdir(exist_ok=True)
    return PICTURES / name
