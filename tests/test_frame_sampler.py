"""Which pictures are looked at, and why not."""

from __future__ import annotations

import numpy as np

from visavis.runtime.frame_sampler import FrameSampler, Verdict
from visavis.runtime.frames import Picture
from visavis.runtime.settings import VisionSettings

FRAME = 6000  # ticks of one picture at 15 per second


def scene(
    level: int = 100, *, is_sharp: bool = True, size: tuple[int, int] = (480, 640)
) -> Picture:
    base = np.full(size, level, np.float64)
    if is_sharp:
        base += np.random.default_rng(0).integers(-20, 20, size)
    return base.clip(0, 255).astype(np.uint8)


class Camera:
    def __init__(self, settings: VisionSettings | None = None) -> None:
        self.sampler = FrameSampler(settings or VisionSettings())
        self.pts = 0
        self.now = 100.0

    def show(self, picture: Picture, *, after: float = 1 / 15, speaking: bool = False) -> Verdict:
        self.now += after
        self.pts += FRAME
        return self.sampler.judge(picture, self.pts, self.now, speaking)


def test_the_first_picture_is_looked_at() -> None:
    assert Camera().show(scene()) == Verdict(True, "first", changed=True)


def test_an_unchanged_picture_is_looked_at_now_and_then() -> None:
    camera = Camera()
    accepted = sum(camera.show(scene()).accept for _ in range(15 * 10))
    assert 5 <= accepted <= 6
    assert camera.sampler.counts["same"] > 50


def test_changing_pictures_are_looked_at_four_times_a_second() -> None:
    camera = Camera()
    accepted = sum(camera.show(scene(60 + 30 * (i % 5))).accept for i in range(15 * 4))
    assert 14 <= accepted <= 16
    assert camera.sampler.counts["rate"] > 30


def test_a_small_change_in_one_place_is_seen() -> None:
    camera = Camera()
    camera.show(scene())
    moved = scene()
    moved[200:280, 300:380] = 250
    assert camera.show(moved, after=0.5) == Verdict(True, "changed", changed=True)


def test_noise_is_no_change() -> None:
    camera = Camera()
    camera.show(scene())
    noisy = (scene() + np.random.default_rng(1).normal(0, 6, (480, 640))).clip(0, 255)
    assert camera.show(noisy.astype(np.uint8), after=0.5).reason == "same"


def test_a_fresh_picture_is_taken_when_somebody_begins_to_speak() -> None:
    camera = Camera()
    camera.show(scene())
    assert not camera.show(scene(), after=1.0).accept
    assert camera.show(scene(), speaking=True) == Verdict(True, "speech", changed=False)
    assert not camera.show(scene(), speaking=True).accept


def test_a_blurred_change_is_waited_out_but_not_for_ever() -> None:
    camera = Camera()
    camera.show(scene())
    blurred = scene(160, is_sharp=False)
    assert camera.show(blurred, after=0.5) == Verdict(False, "blurred", changed=True)
    assert camera.show(scene(160)).reason == "changed"
    verdicts = [camera.show(scene(220, is_sharp=False)) for _ in range(15)]
    assert sum(v.accept for v in verdicts) == 1


def test_a_dark_camera_is_shown_and_said() -> None:
    camera = Camera()
    camera.show(scene())
    assert camera.show(scene(0, is_sharp=False), after=0.5) == Verdict(
        True, "changed", changed=True, is_usable=False
    )


def test_absurd_pictures_are_left_out() -> None:
    camera = Camera()
    assert camera.show(np.zeros((2, 4000), np.uint8)).reason == "too_small"
    assert camera.show(scene(size=(12, 12))).accept
    assert camera.show(scene(160, size=(1, 1))).reason == "too_small"


def test_a_picture_is_not_taken_twice() -> None:
    camera = Camera()
    camera.show(scene())
    verdict = camera.sampler.judge(scene(200), camera.pts, camera.now + 1, is_speaking=False)
    assert verdict.reason == "late"


def test_after_forget_the_next_picture_is_the_first() -> None:
    camera = Camera()
    camera.show(scene())
    camera.sampler.forget()
    assert camera.show(scene()).reason == "first"


def test_the_sender_is_told_what_is_enough() -> None:
    hint = FrameSampler(VisionSettings(send_max_fps=10, send_max_width=320)).hint
    assert (hint.max_fps, hint.max_width) == (10, 320)
