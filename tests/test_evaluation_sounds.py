"""Counting what the sound spotter makes of recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visavis.models.evaluation.page import sound_figures
from visavis.models.evaluation.sounds import LINES, Score, measure
from visavis.models.training.make_sounds import DISTRACTIONS, STEADY, Clip
from visavis.runtime.sounds import Loudness, Pitch, Sound, SoundKind


def beep(start: int, *, level: Loudness = Loudness.LOUD, pitch: Pitch = Pitch.LOW) -> Sound:
    return Sound(SoundKind.BEEP, level, pitch, start, start + 100)


def clap(start: int) -> Sound:
    return Sound(SoundKind.CLAP, Loudness.LOUD, None, start, start + 100)


def clip(*sounds: Sound) -> Clip:
    return Clip(np.zeros(1000, np.float32), sounds)


def test_what_was_named_is_counted_against_what_was_there() -> None:
    score = Score()
    score.add(clip(beep(0), beep(500)), [beep(10, level=Loudness.SOFT), clap(510), clap(900)])
    score.add(clip(beep(0, pitch=Pitch.HIGH)), [beep(0)])
    score.add(clip(clap(0)), [])
    told = score.report()
    assert told["confusion"]["beep"] == {"beep": 2, "clap": 1}
    assert told["confusion"]["nothing"] == {"clap": 1}
    assert told["confusion"]["clap"] == {"nothing": 1}
    beeps = told["kinds"]["beep"]
    assert beeps["recall"]["right"] == round(2 / 3, 4) and beeps["precision"]["right"] == 1.0
    assert beeps["count"] == {**beeps["count"], "right": 0.5, "samples": 2}
    assert beeps["pitch"]["right"] == 0.5
    assert told["kinds"]["clap"]["precision"]["right"] == 0.0
    assert told["level"]["right"] == 0.5
    assert "pitch" not in told["kinds"]["clap"]


def test_the_report_is_whole_and_the_page_shows_it(tmp_path: Path) -> None:
    told = measure(1, 3, tmp_path)
    assert set(told["lines"]) == set(LINES)
    assert set(told["false_alarms"]) == {*DISTRACTIONS, *STEADY}  # no speech in that folder
    assert all(value["minutes"] > 0.1 for value in told["false_alarms"].values())
    drawn = "".join(sound_figures(told))
    assert "whistle: recall" in drawn and "Taken for a sound" in drawn
    assert measure(1, 3, tmp_path) == told
