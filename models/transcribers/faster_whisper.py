"""A Whisper model of faster-whisper (CTranslate2): found, loaded, and asked about one window.

Used inside the worker's process only: the library is heavy, and a pass takes a core for long.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol, cast

from ...runtime.errors import WeightsError
from ...runtime.frames import HEARING_RATE
from ...runtime.settings import TranscriptionSettings
from .pauses import Samples
from .utterance import Pass

TOKENS = 24
TOKENS_PER_S = 12
MOST_TOKENS = 200
"""A window of speech has no more tokens than these tell; a model that goes on is repeating itself."""
NEEDED = ("model.bin", "config.json")
"""Files of a CTranslate2 model."""
TOKENIZER = "tokenizer.json"
"""Comes with most; where it is missing, the library fetches Whisper's own."""


class _Word(Protocol):
    word: str
    start: float
    end: float
    probability: float


class _Segment(Protocol):
    words: list[_Word] | None


class _Info(Protocol):
    language: str
    language_probability: float


class FasterWhisper:
    """Implements `Recognise`. One thread at a time."""

    def __init__(self, settings: TranscriptionSettings) -> None:
        """Loads the model, which takes seconds (a download: minutes). Raises `WeightsError` when it
        can't be had."""
        path = locate(settings)
        from faster_whisper import WhisperModel

        try:
            model = WhisperModel(
                path,
                device=settings.device,
                compute_type=settings.compute_type,
                cpu_threads=settings.threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise WeightsError(
                f"transcription.model {settings.model!r} ({path}) can't be loaded with "
                f"transcription.device={settings.device!r} and "
                f"transcription.compute_type={settings.compute_type!r}: {error}"
            ) from error
        self._model = cast(Any, model)  # the library's types name no element types
        self._beam_size = settings.beam_size

    @property
    def is_multilingual(self) -> bool:
        """False for an English-only model."""
        return bool(self._model.model.is_multilingual)

    def __call__(self, window: Samples, language: str | None, prompt: str) -> Pass:
        """One pass. `window` is [N] in -1..1 at HEARING_RATE, at most 30 s."""
        seconds = len(window) / HEARING_RATE
        # No second tries at higher temperatures: the next pass is the second try.
        found = self._model.transcribe(
            window,
            language=language,
            beam_size=self._beam_size,
            temperature=0.0,
            condition_on_previous_text=False,
            initial_prompt=prompt or None,
            word_timestamps=True,
            max_new_tokens=min(MOST_TOKENS, TOKENS + math.ceil(TOKENS_PER_S * seconds)),
        )
        segments = cast(Iterable[_Segment], found[0])
        info = cast(_Info, found[1])
        words = tuple(
            (word.word, float(word.start), float(word.end), float(word.probability))
            for segment in segments
            for word in segment.words or ()
        )
        return Pass(words, info.language, float(info.language_probability))


def locate(settings: TranscriptionSettings) -> str:
    """The folder of the model that the settings name; downloads it only if they allow that.

    Raises `WeightsError` when it is not there, saying how to get it.
    """
    name = settings.model
    needed: tuple[str, ...] = NEEDED
    if not settings.download:
        # Before the library is imported: the network is not even asked whether there is a newer one.
        os.environ["HF_HUB_OFFLINE"] = "1"
        needed = (*NEEDED, TOKENIZER)
    folder = Path(name).expanduser()
    if folder.is_dir():
        missing = [file for file in needed if not (folder / file).is_file()]
        if missing:
            raise WeightsError(
                f"transcription.model is {name!r}, a folder without {' and '.join(missing)}: give a "
                "folder that ct2-transformers-converter made, or the name of a size"
            )
        return str(folder)
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise WeightsError(
            f"transcription.model is {name!r}: there is no such folder; give the folder of a "
            "CTranslate2 Whisper model, or the name of a size, for example 'base'"
        )
    return _from_hub(settings)


def _from_hub(settings: TranscriptionSettings) -> str:
    name = settings.model
    from faster_whisper.utils import available_models, download_model

    if "/" not in name and name not in available_models():
        sizes = ", ".join(available_models())
        raise WeightsError(f"transcription.model is {name!r}: the sizes are {sizes}")
    try:
        return cast(str, download_model(name, local_files_only=not settings.download))
    except Exception as error:  # the hub's client raises whatever its HTTP library does
        if settings.download:
            raise WeightsError(
                f"transcription.model {name!r} is not on this disk and can't be downloaded "
                f"({type(error).__name__}: {error}): check the network, or copy the model's folder "
                "here and give its path"
            ) from error
        raise WeightsError(
            f"transcription.model {name!r} is not on this disk: allow its download with "
            "transcription.download=true, or copy the model's folder here and give its path"
        ) from error
