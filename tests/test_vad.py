"""Silero VAD with its installed weights: batches, streams and real speech."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.models.vad import Samples, SileroVad, installed_weights
from visavis.models.voice.phrase_audio import Pcm
from visavis.models.voice.resample import Resampler
from visavis.models.voice.worker import Espeak
from visavis.runtime.errors import WeightsError
from visavis.runtime.frames import WINDOW


@pytest.fixture(scope="module")
def speech() -> Samples:
    """One spoken question at 16 kHz, cut to whole windows: [N, 512]."""
    espeak = Espeak()
    assert espeak.configure("en-us", 175, 50)
    heard: list[Pcm] = []

    def take(raw: Pcm, _word_starts: list[tuple[int, int]]) -> bool:
        heard.append(raw)
        return True

    espeak.say("How many blue squares can you see on the table in front of me?", take)
    raw = np.concatenate(heard).astype(np.float32) / np.float32(32768)
    samples = Resampler(espeak.rate, 16_000).push(raw)
    return samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)


def noise(windows: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.02, (windows, WINDOW)).astype(np.float32)


def stream(vad: SileroVad, slot: int, windows: Samples) -> list[float]:
    return [float(vad.judge([slot], window[None])[0]) for window in windows]


def test_speech_scores_high_and_noise_low(speech: Samples) -> None:
    vad = SileroVad(2)
    spoken = stream(vad, 0, speech)
    assert np.mean(np.array(spoken) > 0.5) > 0.7
    assert np.percentile(spoken, 90) > 0.9
    assert max(stream(vad, 1, noise(60))) < 0.3
    vad.reset(1)
    assert max(stream(vad, 1, np.zeros((30, WINDOW), np.float32))) < 0.3


def test_a_batch_is_as_its_singles(speech: Samples) -> None:
    batched, single = SileroVad(3), SileroVad(3)
    streams = [speech[:30], noise(30), speech[10:40]]
    for step in range(30):
        slots = [2, 0, 1]
        together = batched.judge(slots, np.stack([streams[slot][step] for slot in slots]))
        alone = [single.judge([slot], streams[slot][step][None])[0] for slot in slots]
        np.testing.assert_allclose(together, alone, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sets(st.integers(0, 2), min_size=1), min_size=5, max_size=20))
def test_who_else_is_in_a_batch_changes_nothing(rounds: list[set[int]]) -> None:
    mixed, alone = SileroVad(3), SileroVad(3)
    for number, slots in enumerate(rounds):
        windows = noise(3, seed=number) * 10
        rows = sorted(slots)
        together = mixed.judge(rows, windows[rows])
        for row, slot in enumerate(rows):
            np.testing.assert_allclose(
                together[row], alone.judge([slot], windows[slot][None])[0], atol=1e-5
            )


def test_a_reset_slot_is_as_a_fresh_one_and_the_others_go_on(speech: Samples) -> None:
    vad = SileroVad(2)
    stream(vad, 0, speech[:20])
    before = stream(vad, 1, speech[:10])
    vad.reset(0)
    assert stream(vad, 0, speech[:10]) == before
    assert stream(vad, 1, speech[10:20]) == stream(vad, 0, speech[10:20])


def test_a_window_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 480\)"):
        SileroVad(1).judge([0], np.zeros((1, 480), np.float32))


def test_missing_and_damaged_weights_are_told_with_their_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="pip install silero-vad"):
        SileroVad(1, tmp_path / "nothing.onnx")
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(installed_weights().read_bytes()[:1000])
    with pytest.raises(WeightsError, match="force-reinstall"):
        SileroVad(1, damaged)


def test_neither_torch_nor_the_package_is_imported() -> None:
    code = (
        "import sys; from visavis.models.vad import SileroVad; SileroVad(1);"
        "print({'torch', 'torchaudio', 'silero_vad'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"
