"""Training the audio encoder: its data, its disturbances, its measures, and a run of a few steps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import TINY, ints, tiny_model
from training_fakes import QUESTIONS, CountedTime, write_speech

from visavis.models import tensors
from visavis.models.spelling import BLANK
from visavis.models.training import schedule
from visavis.models.training.train_audio import (
    Utterances,
    disturbed,
    edits,
    greedy,
    halfway_and_whole,
    hurried,
    masked,
    padded,
    train,
    word_errors,
)

words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6)


def test_a_pool_takes_in_what_was_written_since(tmp_path: Path) -> None:
    pool = Utterances(tmp_path, "train")
    assert pool.refresh() == 0
    write_speech(tmp_path)
    assert pool.refresh() == pool.refresh() == len(QUESTIONS)
    assert pool.texts == list(QUESTIONS)
    assert [len(pcm) for pcm in pool.pcm] == [16_000 + 700 * len(text) for text in QUESTIONS]


def test_utterances_are_padded_to_whole_windows() -> None:
    pcm, frames = padded([np.full(512, 16384, np.int16), np.full(513, -32768, np.int16)], 512)
    assert pcm.shape == (2, 1024) and ints(frames) == [1, 2]
    assert pcm[0, :512].eq(0.5).all() and pcm[0, 512:].eq(0).all() and pcm[1, 512] == -1


def test_a_disturbed_utterance_is_the_same_in_bounds() -> None:
    tensors.seed(0)
    pcm = torch.randn(8, 16_000) * 0.1
    found = disturbed(pcm, np.random.default_rng(0))
    assert found.shape == pcm.shape and float(found.abs().max()) <= 1
    likeness = torch.nn.functional.cosine_similarity(found, pcm, dim=1)
    assert float(likeness.min()) > 0.9


def test_of_the_silence_behind_the_last_word_some_stays() -> None:
    pcm = np.arange(20_000).astype(np.int16)
    for seed in range(20):
        found = hurried(pcm, np.random.default_rng(seed))
        assert 0.25 <= (len(pcm) - len(found)) / 16_000 <= 0.45
        np.testing.assert_array_equal(found, pcm[: len(found)])


def test_masks_take_away_and_add_nothing() -> None:
    stacked = torch.ones(4, 30, 41)
    found = masked(stacked, 10, 4, np.random.default_rng(1))
    assert bool(found.eq(0).logical_or(found.eq(1)).all())
    assert stacked.eq(1).all(), "the original stays"
    assert float(found.mean()) > 0.2


def test_the_best_path_merges_repeats_and_drops_blanks() -> None:
    path = [BLANK, 1, 1, BLANK, 1, 2, 2, BLANK]
    logits = torch.nn.functional.one_hot(torch.tensor(path), 4).float()
    assert greedy(logits) == [1, 1, 2]


@given(words, words)
def test_edits_are_a_distance(one: list[str], other: list[str]) -> None:
    found = edits(one, other)
    assert found == edits(other, one)
    assert abs(len(one) - len(other)) <= found <= max(len(one), len(other))
    assert (found == 0) == (one == other)


def test_edits_of_an_example() -> None:
    assert edits(["what", "colour", "is", "this"], ["what", "is", "that"]) == 2


def test_the_whole_depth_is_the_encoders() -> None:
    encoder = tiny_model().audio
    tensors.seed(0)
    stacked = torch.randn(2, 9, TINY.mels * TINY.stack + 1)
    halfway, whole = halfway_and_whole(encoder, stacked)
    wanted, _, _ = encoder.encode(stacked, encoder.new_state(2).frames)
    torch.testing.assert_close(whole, wanted)
    assert halfway.shape == whole.shape and not torch.allclose(halfway, whole)


def test_word_errors_count_what_was_heard(tmp_path: Path) -> None:
    pool = Utterances(write_speech(tmp_path), "seen")
    pool.refresh()
    rate, exact, heard = word_errors(tiny_model().audio, pool, limit=3)
    assert len(heard) == 3
    wanted: list[list[str]] = [list[str](text.split()) for text in QUESTIONS[:3]]
    wrong = sum(edits(text, got.split()) for text, got in zip(wanted, heard, strict=True))
    assert rate == pytest.approx(wrong / sum(map(len, wanted)))
    assert 0 <= exact <= 1


def test_a_run_of_a_few_steps_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "time", CountedTime())
    pool, out = write_speech(tmp_path / "speech"), tmp_path / "runs"
    steps: list[int] = []
    for minutes in (0.2, 0.4):
        train(minutes, pool, out, batch=2, peak=1e-3, seed=1)
        state = torch.load(out / "audio.pt", weights_only=True)
        steps.append(state["step"])
    assert 0 < steps[0] < steps[1]
    assert all(t.isfinite().all() for t in state["parts"]["encoder"].values())
    rows = [json.loads(line) for line in (out / "audio.jsonl").read_text().splitlines()]
    assert {"wer_seen", "wer_unseen", "exact_seen"} <= rows[-1].keys()
