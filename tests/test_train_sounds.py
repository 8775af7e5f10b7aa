"""The recipe of the network that names sounds, on little data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visavis.models.sound_events import Event
from visavis.models.sound_features import NAMES
from visavis.models.sound_spotter import CLASSES, KINDS, SoundNetwork
from visavis.models.training import make_speech, train_sounds
from visavis.models.training.dsp import to_int16
from visavis.models.training.make_speech import Shard
from visavis.models.training.train_sounds import (
    Examples,
    chances_of,
    examples,
    fit,
    label,
    save,
    talk,
    thresholds,
)
from visavis.runtime.sounds import Loudness, Pitch, Sound, SoundKind

RATE = 16_000


def event(start_s: float, end_s: float) -> Event:
    return Event(
        int(start_s * RATE), int(end_s * RATE), -10, 40, 10, 0, np.zeros(len(NAMES), np.float32)
    )


def sound(kind: SoundKind, start_s: float, end_s: float) -> Sound:
    return Sound(kind, Loudness.LOUD, Pitch.LOW, int(start_s * RATE), int(end_s * RATE))


BEEP, WHISTLE = 1 + KINDS.index(SoundKind.BEEP), 1 + KINDS.index(SoundKind.WHISTLE)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (event(1.0, 1.3), BEEP),
        (event(1.0, 1.45), BEEP),  # and the room's fading
        (event(1.0, 1.1), None),  # a third of it
        (event(1.35, 1.45), None),  # the room's echo
        (event(1.0, 1.9), None),  # it and something else
        (event(2.0, 2.2), 0),
    ],
)
def test_events_are_labelled_by_what_was_put_in(found: Event, wanted: int | None) -> None:
    assert label(found, [sound(SoundKind.BEEP, 1.0, 1.3)]) == wanted


def test_a_part_of_a_whistle_is_a_whistle() -> None:
    whistle = sound(SoundKind.WHISTLE, 1.0, 2.0)
    assert label(event(1.0, 1.4), [whistle]) == WHISTLE
    assert label(event(1.0, 1.05), [whistle]) is None


def two_groups(seed: int, apart: float = 6.0) -> Examples:
    """Nothing and beeps, whose first numbers differ by so many deviations."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, 400)
    summaries = random.standard_normal((400, len(NAMES))).astype(np.float32)
    summaries[:, 0] += apart * labels
    return Examples(summaries, labels)


def test_a_network_learns_and_is_used_above_its_thresholds(tmp_path: Path) -> None:
    tensors = fit(two_groups(0), seed=1, steps=400)
    judged = two_groups(1)
    named = chances_of(tensors, judged.summaries).argmax(axis=1)
    assert (named == judged.labels).mean() > 0.95
    tensors["threshold"] = thresholds(tensors, judged)
    save(tensors, tmp_path / "sounds.safetensors")
    network = SoundNetwork.load(tmp_path / "sounds.safetensors")
    oks = [
        (network.name(one) is SoundKind.BEEP) == (what == BEEP)
        for one, what in zip(judged.summaries, judged.labels, strict=True)
    ]
    assert sum(oks) > 0.95 * len(oks)
    np.testing.assert_allclose(
        network.chances(judged.summaries[:3]), chances_of(tensors, judged.summaries[:3])
    )


def test_a_threshold_asks_for_no_more_and_no_less_than_it_may() -> None:
    for apart, wanted in ((12.0, train_sounds.LEAST_SURE), (1.0, train_sounds.MOST_SURE)):
        tensors = fit(two_groups(0, apart), seed=1, steps=400)
        found = thresholds(tensors, two_groups(1, apart))
        assert found[BEEP] == pytest.approx(wanted) and found.shape == (len(CLASSES),)


def test_the_same_seed_learns_the_same() -> None:
    one, other = (fit(two_groups(0), seed=1, steps=50) for _ in range(2))
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor, other[name])


def test_recordings_become_examples() -> None:
    random = np.random.default_rng(2)
    made = examples(train_sounds.clips(random, 5), "a few", 5)
    assert made.summaries.shape == (len(made.labels), len(NAMES))
    assert set(made.labels) <= set(range(len(CLASSES))) and made.labels.any()


def test_of_speech_only_what_nothing_was_added_to_is_used(tmp_path: Path) -> None:
    pcm = to_int16(np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1)
    shard = Shard(
        np.concatenate([pcm] * 3),
        np.array([0, RATE, 2 * RATE, 3 * RATE]),
        ["a question", "another", ""],
        ["espeak/en", "espeak/en", "none"],
        np.array([np.inf, 10.0, np.inf], np.float32),
    )
    make_speech.save(shard, make_speech.path_of("train", 7, tmp_path))
    clips = list(talk(np.random.default_rng(1), "train", 7, 1, tmp_path))
    assert [clip.pcm.size for clip in clips] == [RATE] and clips[0].sounds == ()
