"""The real library loads a tiny model of random weights and looks at real speech-shaped audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_whisper

from visavis.models.transcribers.faster_whisper import FasterWhisper, locate
from visavis.models.transcribers.languages import LANGUAGES
from visavis.models.transcribers.pauses import Samples
from visavis.runtime.errors import WeightsError
from visavis.runtime.frames import HEARING_RATE
from visavis.runtime.settings import TranscriptionSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.make(tmp_path_factory.mktemp("whisper"))


def settings(model: Path | str) -> TranscriptionSettings:
    return TranscriptionSettings(model=str(model), device="cpu", threads=1)


def noise(seconds: float) -> Samples:
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.1, round(seconds * HEARING_RATE)).astype(np.float32)


def test_a_window_becomes_words_with_times_and_a_language(folder: Path) -> None:
    model = FasterWhisper(settings(folder))
    assert model.is_multilingual
    found = model(noise(2.0), None, "")
    assert found.words
    assert found.language in LANGUAGES and 0 < found.language_probability < 1
    for text, start, end, probability in found.words:
        assert text and 0 <= start <= end <= 2.0 and 0 <= probability <= 1
    assert model(noise(2.0), None, "") == found


def test_a_language_that_is_told_is_not_detected(folder: Path) -> None:
    found = FasterWhisper(settings(folder))(noise(1.0), "de", "Guten Tag")
    assert (found.language, found.language_probability) == ("de", 1)


def test_an_english_model_says_so(tmp_path: Path) -> None:
    model = FasterWhisper(settings(tiny_whisper.make(tmp_path, is_multilingual=False)))
    assert not model.is_multilingual
    assert model(noise(1.0), None, "").language == "en"


def test_the_languages_are_those_of_the_library() -> None:
    from faster_whisper import tokenizer

    assert set(getattr(tokenizer, "_LANGUAGE_CODES")) == LANGUAGES  # noqa: B009 - it is private


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nowhere", "~/nowhere"])
def test_a_path_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(WeightsError, match="there is no such folder"):
        locate(settings(name))


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"without model.bin and config.json and tokenizer"):
        locate(settings(tmp_path))


def test_an_unknown_size_lists_the_sizes() -> None:
    with pytest.raises(WeightsError, match=r"'gigantic': the sizes are tiny.en, tiny, "):
        locate(settings("gigantic"))


def test_a_size_that_is_not_here_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"transcription.download=true, or copy"):
        locate(settings("tiny"))


def test_a_damaged_model_is_named(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"can't be loaded with transcription.device='cpu'"):
        FasterWhisper(settings(tmp_path))
