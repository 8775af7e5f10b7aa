"""The scripted person's turns, pictures and sounds."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest

from visavis.latency_bench.clips import PACKET, clip, noise, speak, voiced
from visavis.latency_bench.pictures import COLOURS, HEIGHT, SHAPES, WIDTH, Scene, Thing
from visavis.latency_bench.script import PAUSE_MS, QUESTIONS, VOICES, Kind, script
from visavis.runtime.frames import SPEAKING_RATE


def tone(seconds: float, level: float = 8000.0) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    at = np.arange(round(seconds * SPEAKING_RATE)) / SPEAKING_RATE
    return (level * np.sin(2 * np.pi * 300 * at)).astype(np.int16)


def test_the_same_seed_is_the_same_script() -> None:
    assert script(30, seed=3) == script(30, seed=3)
    assert script(30, seed=3) != script(30, seed=4)


def test_every_kind_of_turn_comes_up() -> None:
    turns = script(20)
    kinds = Counter(turn.kind for turn in turns)
    rare = {Kind.NOISE: 2, Kind.BACK_CHANNEL: 2}
    assert kinds == {Kind.PLAIN: 6, Kind.PAUSED: 6, Kind.BARGE_IN: 4, **rare}
    assert all(turn.opener and turn.parts for turn in turns if turn.kind is Kind.BACK_CHANNEL)


def test_pauses_are_natural_and_between_the_parts() -> None:
    for turn in script(50):
        if turn.kind is Kind.PAUSED:
            assert len(turn.pauses_ms) == len(turn.parts) - 1 > 0
            assert all(PAUSE_MS[0] <= pause <= PAUSE_MS[1] for pause in turn.pauses_ms)


def test_without_a_camera_it_is_right_to_see_nothing() -> None:
    turns = script(10, has_camera=False)
    assert all(turn.scene == () for turn in turns)
    asked = [turn for turn in turns if turn.kind not in (Kind.NOISE, Kind.BACK_CHANNEL)]
    assert all("can't" in turn.expected for turn in asked)


def test_nothing_is_judged_where_nothing_understands() -> None:
    assert all(turn.expected == () for turn in script(10, is_judged=False))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_thing_has_its_colour_where_it_is_and_the_wall_around_it(shape: str) -> None:
    picture = Scene((Thing(shape, "red", x=0.25, y=0.6, size=0.4),)).picture(0)
    assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == np.uint8
    inside = picture[int(0.6 * HEIGHT), int(0.25 * WIDTH)].astype(int)
    assert np.abs(inside - COLOURS["red"]).max() < 15
    wall = picture[int(0.6 * HEIGHT), int(0.8 * WIDTH)].astype(int)
    assert wall.max() - wall.min() < 25


def test_pictures_are_never_quite_still_and_repeatable() -> None:
    scene = Scene(QUESTIONS[0][1])
    assert not np.array_equal(scene.picture(0), scene.picture(1))
    assert np.array_equal(scene.picture(5), scene.picture(5))


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="'blob'"):
        Scene((Thing("blob", "red"),))


def test_a_clip_ends_with_its_last_sound_and_with_a_packet() -> None:
    silence = np.zeros(3333, np.int16)
    made = clip([np.concatenate([silence, tone(0.5), silence])])
    assert len(made.pcm) == made.packets * PACKET and (made.last + 1) % PACKET == 0
    assert abs(made.last + 1 - made.first - 0.5 * SPEAKING_RATE) < 500
    assert made.pcm[made.last - 240 : made.last + 1].max() > 1000


def test_a_soft_beginning_is_said_but_is_not_voiced_yet() -> None:
    soft, loud = tone(0.1, 100.0), tone(0.4, 8000.0)
    made = clip([np.concatenate([soft, loud])])
    assert abs((made.last - made.first) / SPEAKING_RATE - 0.4) < 0.02
    assert np.abs(made.pcm[: made.first]).max() > 0


def test_pauses_are_exactly_as_long_as_asked() -> None:
    alone, paused = clip([tone(0.3), tone(0.3)], [0]), clip([tone(0.3), tone(0.3)], [400])
    longer = (paused.last - paused.first) - (alone.last - alone.first)
    assert longer == 400 * SPEAKING_RATE // 1000


def test_silence_is_no_clip() -> None:
    with pytest.raises(ValueError, match="no sound"):
        voiced(np.zeros(4800, np.int16))


@pytest.mark.parametrize("name", ["cough", "throat", "knock"])
def test_noises_are_short_and_loud(name: str) -> None:
    made = noise(name)
    assert 0.1 < len(made.pcm) / SPEAKING_RATE < 0.4
    assert int(np.abs(made.pcm).max()) > 10_000
    assert np.array_equal(made.pcm, noise(name).pcm)


def test_an_unknown_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="'sneeze'"):
        noise("sneeze")


def test_voices_speak_and_differ() -> None:
    spoken = asyncio.run(speak([(VOICES[0], "what is this"), (VOICES[2], "what is this")]))
    one, other = spoken[VOICES[0], "what is this"], spoken[VOICES[2], "what is this"]
    assert 0.4 < len(one) / SPEAKING_RATE < 2.0
    assert len(one) != len(other) or not np.array_equal(one, other)
