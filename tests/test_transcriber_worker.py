"""The worker's order of work, with pipes and no process, and a model that counts samples."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import msgspec
import numpy as np

from visavis.models.transcribers.pauses import Samples
from visavis.models.transcribers.utterance import Pass
from visavis.models.transcribers.wire import HEADER, Kind, pack, pack_pts, unpack
from visavis.models.transcribers.worker import MAX_UTTERANCES, Parts, Worker
from visavis.runtime.errors import WeightsError
from visavis.runtime.frames import HEARING_RATE
from visavis.runtime.settings import TranscriptionSettings

SECOND = np.full(HEARING_RATE, 16_000, np.int16).tobytes()


class Loud:
    """Everything that is not quiet is speech."""

    def judge(self, slots: Sequence[int], windows: Samples) -> Samples:
        return np.full(1, float(np.abs(windows).mean() > 0.1), np.float32)

    def reset(self, slot: int) -> None:
        pass


def count(window: Samples, language: str | None, prompt: str) -> Pass:
    """One word: how many seconds it was given."""
    if len(window) == 3 * HEARING_RATE:
        raise ValueError("three is too many")
    return Pass(((f" {len(window) / HEARING_RATE:g}s", 0.0, 1.0, 0.5),), language or "fr", 1.0)


loaded = threading.Event()
"""What the model "slow" waits for."""


def loads(settings: TranscriptionSettings) -> Parts:
    if settings.model == "slow":
        loaded.wait(30)
    if settings.model == "none":
        raise WeightsError("there is no such model: make one")
    return Parts(count, Loud(), "counter", is_multilingual=settings.model != "english")


class Pipe:
    """The other end of a worker that runs on a thread."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self.requests = requests
        self.answers = answers

    def send(self, kind: Kind, number: int = 0, body: bytes = b"") -> None:
        self.requests.write(pack(kind, number, body))
        self.requests.flush()

    def open(self, number: int, language: str = "", start_pts: int = 0) -> None:
        told = {"start_pts": start_pts, "language": language, "prompt": ""}
        self.send(Kind.OPEN, number, json.dumps(told).encode())

    def read(self) -> tuple[Kind, int, bytes]:
        size, kind, number = unpack(self.answers.read(HEADER.size))
        return kind, number, self.answers.read(size)

    def progress(self) -> tuple[int, dict[str, Any]]:
        kind, number, body = self.read()
        assert kind is Kind.PROGRESS, body
        return number, json.loads(body)


@contextmanager
def working(**settings: Any) -> Generator[Pipe]:
    theirs, ours = os.pipe()
    from_worker, to_us = os.pipe()
    with (
        os.fdopen(theirs, "rb") as its_requests,
        os.fdopen(to_us, "wb") as its_answers,
        os.fdopen(from_worker, "rb") as answers,
        os.fdopen(ours, "wb") as requests,
    ):
        worker = Worker(its_requests, its_answers, loads)
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        pipe = Pipe(requests, answers)
        pipe.send(Kind.CONFIG, 0, msgspec.json.encode(TranscriptionSettings(**settings)))
        yield pipe
        requests.close()
        thread.join(30)
        assert not thread.is_alive()


def words(progress: dict[str, Any]) -> list[str]:
    return [text for text, *_ in progress["words"]]


def test_an_utterance_from_beginning_to_end() -> None:
    with working(step_ms=10_000) as pipe:
        assert pipe.read() == (Kind.READY, 0, b"counter")
        pipe.open(5, "de", start_pts=100)
        pipe.send(Kind.AUDIO, 5, SECOND)
        pipe.send(Kind.AUDIO, 5, SECOND)
        pipe.send(Kind.END, 5, pack_pts(100 + 2 * HEARING_RATE))
        number, told = pipe.progress()
        assert number == 5 and told["is_final"] and words(told) == [" 2s"]
        assert told["language"] == "de" and told["words"][0][1:3] == [100, 100 + HEARING_RATE]
        assert told["seconds"] == 2


def test_whoever_is_waited_for_goes_first_and_a_failure_stays_alone() -> None:
    with working(step_ms=10_000) as pipe:
        pipe.read()
        for number in (1, 2, 3):
            pipe.open(number)
        pipe.send(Kind.AUDIO, 1, SECOND * 3)
        pipe.send(Kind.AUDIO, 2, SECOND)
        pipe.send(Kind.AUDIO, 3, SECOND * 2)
        pipe.send(Kind.DROP, 3)
        pipe.send(Kind.CATCH_UP, 1, pack_pts(0))
        assert pipe.read() == (Kind.FAILED, 1, b"ValueError: three is too many")
        pipe.send(Kind.END, 1, pack_pts(0))  # it is gone: nothing comes of it
        pipe.send(Kind.CATCH_UP, 2, pack_pts(0))
        number, told = pipe.progress()
        assert (number, told["tentative"], told["is_final"]) == (2, "1s", False)


def test_a_model_that_cant_be_had_is_told() -> None:
    with working(model="none") as pipe:
        assert pipe.read() == (Kind.REFUSED, 0, b"there is no such model: make one")


def test_an_english_model_refuses_other_languages() -> None:
    with working(model="english") as pipe:
        pipe.read()
        pipe.open(1, "de")
        kind, number, why = pipe.read()
        assert (kind, number) == (Kind.FAILED, 1) and b"English only, not 'de'" in why


def test_too_many_utterances_are_refused_one_by_one() -> None:
    with working() as pipe:
        pipe.read()
        for number in range(1, MAX_UTTERANCES + 2):
            pipe.open(number)
        kind, number, _ = pipe.read()
        assert (kind, number) == (Kind.FAILED, MAX_UTTERANCES + 1)
        pipe.send(Kind.DROP, 1)
        pipe.open(100)
        pipe.send(Kind.END, 100, pack_pts(0))
        assert pipe.progress()[0] == 100


def test_what_is_too_far_behind_fails() -> None:
    with working(model="slow") as pipe:
        pipe.open(1)
        for _ in range(31):
            pipe.send(Kind.AUDIO, 1, SECOND * 2)
        pipe.open(2)
        loaded.set()
        assert pipe.read()[0] is Kind.READY
        kind, number, why = pipe.read()
        assert (kind, number) == (Kind.FAILED, 1) and b"60 s behind" in why
