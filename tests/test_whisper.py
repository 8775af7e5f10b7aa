"""The transcriber end to end: the real process, the real library, a tiny model, a spoken question."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import tiny_whisper
from said_aloud import spoken

from visavis.models.transcribers.whisper import LEAD, WhisperTranscriber
from visavis.runtime.errors import BadInput
from visavis.runtime.events import Transcribed, TranscriptionFailed
from visavis.runtime.frames import HEARING_RATE, AudioChunk, Pcm
from visavis.runtime.protocols import Transcriber
from visavis.runtime.settings import TranscriptionSettings

CHUNK = HEARING_RATE // 50


class Reader:
    """What one conversation was told."""

    def __init__(self) -> None:
        self.told: list[Transcribed | TranscriptionFailed] = []
        self._changed = asyncio.Event()

    def __call__(self, event: Transcribed | TranscriptionFailed) -> None:
        self.told.append(event)
        self._changed.set()

    async def until(self, is_it: Callable[[Transcribed | TranscriptionFailed], bool]) -> None:
        async with asyncio.timeout(60):
            while not any(is_it(event) for event in self.told):
                self._changed.clear()
                await self._changed.wait()

    async def final(self, item_id: str) -> Transcribed:
        await self.until(
            lambda e: e.item_id == item_id and (isinstance(e, TranscriptionFailed) or e.is_final)
        )
        last = [event for event in self.told if event.item_id == item_id][-1]
        assert isinstance(last, Transcribed), last
        return last

    async def failure(self, item_id: str) -> str:
        await self.until(lambda e: e.item_id == item_id and isinstance(e, TranscriptionFailed))
        return next(e.why for e in self.told if isinstance(e, TranscriptionFailed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.make(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def speech() -> Pcm:
    """A spoken sentence of some seconds at HEARING_RATE."""
    return spoken("How many red circles are on the left of it?", HEARING_RATE)


@asynccontextmanager
async def transcribing(model: Path | str, **more: object) -> AsyncGenerator[WhisperTranscriber]:
    settings = TranscriptionSettings(model=str(model), device="cpu", threads=1, step_ms=500)
    transcriber = WhisperTranscriber(settings, **more)  # type: ignore[arg-type]
    try:
        yield transcriber
    finally:
        await transcriber.stop()


def hear(transcriber: WhisperTranscriber, handle: int, pcm: Pcm, pts: int = 0) -> int:
    """In chunks; returns where it ended."""
    for at in range(0, len(pcm), CHUNK):
        part = pcm[at : at + CHUNK]
        transcriber.hear(handle, AudioChunk(part, pts + at, 0.0))
    return pts + len(pcm)


def go(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def test_it_is_the_transcriber_of_the_runtime() -> None:
    def given(transcriber: Transcriber) -> Transcriber:
        return transcriber

    transcriber = WhisperTranscriber(TranscriptionSettings())
    assert given(transcriber) is transcriber


def test_an_unknown_language_is_refused_at_once() -> None:
    async def test() -> None:
        async with transcribing("base") as transcriber:
            with pytest.raises(BadInput, match="'english': an ISO 639-1 code"):
                transcriber.open(Reader(), language="english")
            assert transcriber.starts == 0

    go(test)


def test_a_sentence_is_transcribed_as_it_is_spoken(folder: Path, speech: Pcm) -> None:
    async def test() -> None:
        reader = Reader()
        async with transcribing(folder) as transcriber:
            assert transcriber.worker_pid is None
            handle = transcriber.open(reader, language="en")
            end = hear(transcriber, handle, np.zeros(HEARING_RATE, np.int16))
            half = len(speech) // 2
            end = hear(transcriber, handle, speech[:half], end)
            transcriber.begin(handle, "item_1", HEARING_RATE)
            transcriber.catch_up(handle, "item_1", end)
            await reader.until(lambda e: isinstance(e, Transcribed) and e.pts >= end)
            assert transcriber.is_loaded and transcriber.worker_pid is not None
            end = hear(transcriber, handle, speech[half:], end)
            transcriber.end(handle, "item_1", end)
            hear(transcriber, handle, np.zeros(HEARING_RATE, np.int16), end)
            final = await reader.final("item_1")
            # The next utterance of the same conversation, and then one that is noise.
            transcriber.begin(handle, "item_2", end)
            transcriber.end(handle, "item_2", end + CHUNK)
            assert (await reader.final("item_2")).text == ""
        assert final.language == "en" and final.tentative == "" and final.words
        assert " ".join(word.text for word in final.words) == final.text
        assert all(HEARING_RATE - LEAD <= w.start_pts <= w.end_pts <= end for w in final.words)
        assert final.seconds == pytest.approx(len(speech) / HEARING_RATE, abs=0.2)
        texts = [
            e.text for e in reader.told if isinstance(e, Transcribed) and e.item_id == "item_1"
        ]
        assert all(after.startswith(before) for before, after in itertools.pairwise(texts))

    go(test)


def test_conversations_do_not_mix_and_a_closed_one_hears_nothing(folder: Path, speech: Pcm) -> None:
    async def test() -> None:
        one, two, gone = Reader(), Reader(), Reader()
        async with transcribing(folder) as transcriber:
            handles = [transcriber.open(r, language=c) for r, c in ((one, "de"), (two, "fr"))]
            left, end = transcriber.open(gone), 0
            for handle in (*handles, left):
                transcriber.begin(handle, "item", 0)
                end = hear(transcriber, handle, speech)
                transcriber.end(handle, "item", end)
            transcriber.close(left)
            assert (await one.final("item")).language == "de"
            assert (await two.final("item")).language == "fr"
            transcriber.begin(handles[0], "dropped", end)
            transcriber.drop(handles[0], "dropped")
            transcriber.begin(handles[0], "kept", end)
            transcriber.end(handles[0], "kept", end)
            await one.final("kept")
        assert gone.told == []
        assert not [event for event in one.told if event.item_id == "dropped"]
        assert transcriber.starts == 1

    go(test)


def test_a_model_that_is_not_there_fails_every_utterance_with_the_reason() -> None:
    async def test() -> None:
        reader = Reader()
        async with transcribing("/nowhere/whisper") as transcriber:
            handle = transcriber.open(reader)
            transcriber.begin(handle, "item_1", 0)
            transcriber.end(handle, "item_1", CHUNK)
            assert "'/nowhere/whisper': there is no such folder" in await reader.failure("item_1")
            # Not tried again at once, and told when there is an item to tell it of.
            transcriber.begin(handle, "item_2", 0)
            await asyncio.sleep(0)
            assert len(reader.told) == 1
            transcriber.catch_up(handle, "item_2", CHUNK)
            await reader.failure("item_2")
            transcriber.begin(handle, "item_3", 0)
            transcriber.drop(handle, "item_3")
            transcriber.begin(handle, "item_4", 0)
            transcriber.begin(handle, "item_5", 0)  # which ends the one before
            await reader.failure("item_4")
            assert [event.item_id for event in reader.told] == ["item_1", "item_2", "item_4"]
            assert transcriber.starts == 1 and transcriber.failed == 5

    go(test)


def test_a_worker_that_dies_is_replaced_by_the_next_utterance(folder: Path, speech: Pcm) -> None:
    async def test() -> None:
        reader = Reader()
        async with transcribing(folder) as transcriber:
            handle = transcriber.open(reader)
            transcriber.begin(handle, "item_1", 0)
            hear(transcriber, handle, speech)
            await reader.until(lambda e: isinstance(e, Transcribed))
            assert transcriber.worker_pid is not None
            os.kill(transcriber.worker_pid, signal.SIGSTOP)  # it must not finish before it dies
            transcriber.end(handle, "item_1", len(speech))
            os.kill(transcriber.worker_pid, signal.SIGKILL)
            assert "what is said next" in await reader.failure("item_1")
            transcriber.begin(handle, "item_2", len(speech) - CHUNK)
            transcriber.end(handle, "item_2", len(speech))
            assert (await reader.final("item_2")).is_final
            assert transcriber.starts == 2

    go(test)


def test_a_program_that_is_no_worker_is_told() -> None:
    async def test() -> None:
        reader = Reader()
        async with transcribing("base", command=(sys.executable, "-c", "")) as transcriber:
            handle = transcriber.open(reader)
            transcriber.begin(handle, "item", 0)
            transcriber.end(handle, "item", CHUNK)
            assert "could not be started" in await reader.failure("item")

    go(test)


def test_a_long_hole_in_the_audio_ends_the_utterance() -> None:
    async def test() -> None:
        reader = Reader()
        command = (sys.executable, "-c", "import sys; sys.stdin.read()")
        async with transcribing("base", command=command) as transcriber:
            handle = transcriber.open(reader)
            transcriber.begin(handle, "item", 0)
            transcriber.hear(handle, AudioChunk(np.zeros(CHUNK, np.int16), 0, 0.0))
            late = AudioChunk(np.zeros(CHUNK, np.int16), 40 * HEARING_RATE, 0.0)
            transcriber.hear(handle, late)
            transcriber.end(handle, "item", late.pts)
            assert "stopped for more than 30 s" in await reader.failure("item")

    go(test)


def test_a_model_that_takes_too_long_to_load_fails_the_utterance() -> None:
    async def test() -> None:
        reader = Reader()
        command = (sys.executable, "-c", "import sys; sys.stdin.read()")
        async with transcribing("base", command=command) as transcriber:
            handle = transcriber.open(reader)
            transcriber.begin(handle, "item", 0)
            for second in range(63):
                pcm = np.zeros(HEARING_RATE, np.int16)
                transcriber.hear(handle, AudioChunk(pcm, second * HEARING_RATE, 0.0))
            transcriber.end(handle, "item", 63 * HEARING_RATE)
            assert "60 s to load" in await reader.failure("item")

    go(test)
