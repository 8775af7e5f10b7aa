"""The pool: shards follow from their numbers, hold what they say, and keep the unseen voice out."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from visavis.models.training import make_speech
from visavis.models.training.dsp import RATE
from visavis.models.training.make_speech import (
    SPLITS,
    Shard,
    load,
    main,
    make_shard,
    path_of,
    plan,
    save,
)

LETTERS = set("abcdefghijklmnopqrstuvwxyz' ")


def tiny(texts: list[str]) -> Shard:
    pcm = np.arange(len(texts) * 10, dtype=np.int16)
    offsets = np.arange(len(texts) + 1, dtype=np.int64) * 10
    snr_db = np.full(len(texts), np.inf, dtype=np.float32)
    return Shard(pcm, offsets, texts, ["flite/awb"] * len(texts), snr_db)


@pytest.mark.parametrize("split", SPLITS)
def test_a_shard_holds_speech_that_fits_its_words(split: str) -> None:
    shard = make_shard(split, 0, 12)
    assert len(shard.texts) == len(shard.voices) == len(shard.snr_db) == 12
    assert shard.offsets[0] == 0
    assert shard.offsets[-1] == shard.pcm.size
    for place, text in enumerate(shard.texts):
        audio = shard.utterance(place)
        assert 0.7 < audio.size / RATE < 9
        assert np.abs(audio.astype(np.int32)).max() > 10
        assert set(text) <= LETTERS
        assert len(text) / (audio.size / RATE - 0.6) < 45  # characters a second


def test_the_same_number_gives_the_same_shard_and_another_another() -> None:
    first, again, other = (make_shard("train", index, 6) for index in (3, 3, 4))
    assert np.array_equal(first.pcm, again.pcm)
    assert (first.texts, first.voices) == (again.texts, again.voices)
    assert first.texts != other.texts


def test_training_never_hears_the_unseen_voice_and_the_unseen_test_hears_only_it() -> None:
    rng = random.Random(0)
    trained = Counter(plan(rng, "train").label for _ in range(3000))
    assert not [voice for voice in trained if "rms" in voice]
    assert {plan(rng, "unseen").label for _ in range(50)} == {"flite/rms"}
    assert not [plan(rng, "seen") for _ in range(500) if plan(rng, "seen").voice == "rms"]


def test_training_mixes_engines_voices_and_virtual_speakers() -> None:
    rng = random.Random(1)
    plans = [plan(rng, "train") for _ in range(2000)]
    engines = Counter(item.engine for item in plans)
    assert 0.27 < engines["espeak"] / 2000 < 0.37
    assert 0.37 < engines["flite"] / 2000 < 0.47
    assert 0.20 < engines["festival"] / 2000 < 0.30
    assert 0.35 < sum(item.speaker is not None for item in plans) / 2000 < 0.47
    assert len({item.voice for item in plans if item.engine == "espeak"}) > 190
    assert 0.05 < sum(bool(item.pauses_s) for item in plans) / 2000 < 0.15


def test_a_pause_in_mid_sentence_loses_no_word() -> None:
    rng = random.Random(2)
    for _ in range(300):
        item = plan(rng, "train")
        assert " ".join(item.parts).replace(",", "").split() == item.text.split()
        assert len(item.pauses_s) == len(item.parts) - 1


def test_non_speech_is_labelled_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_speech, "NOT_SPEECH", 1.0)
    shard = make_shard("train", 0, 3)
    assert shard.texts == ["", "", ""]
    assert shard.voices == ["none", "none", "none"]
    assert np.isneginf(shard.snr_db).all()


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(ValueError, match="'tests' is not one of train, seen, unseen"):
        make_shard("tests", 0)


def test_what_is_saved_is_what_is_loaded_and_nothing_half_written_stays(tmp_path: Path) -> None:
    shard = tiny(["what is this", "", "it's red"])
    path = path_of("seen", 7, tmp_path)
    save(shard, path)
    stored = load(path)
    assert path.name == "seen-00007.npz"
    assert list(tmp_path.iterdir()) == [path]
    assert stored.texts == shard.texts
    assert stored.voices == shard.voices
    assert stored.utterance(1).tolist() == list(range(10, 20))
    assert np.isposinf(stored.snr_db).all()


def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        save(tiny(["hello"]), path_of("train", 0, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_command_makes_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, int]] = []

    def make(split: str, index: int, _size: int = 0) -> Shard:
        asked.append((split, index))
        return tiny(["hello"])

    monkeypatch.setattr(make_speech, "make_shard", make)
    save(tiny(["hello"]), path_of("train", 1, tmp_path))
    assert main(["--split", "train", "--to", "3", "--folder", str(tmp_path)]) == 0
    assert asked == [("train", 0), ("train", 2)]
    lines = capsys.readouterr().out.splitlines()
    assert "1 there" in lines[0]
    assert lines[-1].endswith("(2/2)")
