"""The chosen transcriber: one transcript for as long as the client wants the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from visavis.runtime.effects import BeginTranscript, DropTranscript, EndTranscript
from visavis.runtime.errors import BadInput
from visavis.runtime.events import Transcribed, TranscriptionFailed
from visavis.runtime.frames import AudioChunk
from visavis.runtime.protocols import Transcriber
from visavis.runtime.scribe import Scribe

Written = Callable[[Transcribed | TranscriptionFailed], None]
CHUNK = AudioChunk(np.zeros(320, np.int16), 0, 0.0)


class Notes(Transcriber):
    """Writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def open(self, deliver: Written, *, language: str | None = None, prompt: str = "") -> int:
        if language == "xx":
            raise BadInput("there is no language xx")
        self.calls.append(("open", language, prompt))
        return len(self.calls)

    def hear(self, handle: int, chunk: AudioChunk) -> None:
        self.calls.append(("hear", handle))

    def begin(self, handle: int, item_id: str, start_pts: int) -> None:
        self.calls.append(("begin", handle, item_id, start_pts))

    def catch_up(self, handle: int, item_id: str, end_pts: int) -> None:
        raise AssertionError("nobody asked for it")

    def end(self, handle: int, item_id: str, end_pts: int) -> None:
        self.calls.append(("end", handle, item_id, end_pts))

    def drop(self, handle: int, item_id: str) -> None:
        self.calls.append(("drop", handle, item_id))

    def close(self, handle: int) -> None:
        self.calls.append(("close", handle))


def ignore(_: Transcribed | TranscriptionFailed) -> None:
    pass


def test_nothing_is_opened_before_it_is_wished_for() -> None:
    notes = Notes()
    scribe = Scribe(notes, ignore)
    scribe.hear(CHUNK, None)
    assert notes.calls == []
    scribe.hear(CHUNK, ("en", "visavis"))
    scribe.hear(CHUNK, ("en", "visavis"))
    assert notes.calls == [("open", "en", "visavis"), ("hear", 1), ("hear", 1)]


def test_another_wish_closes_the_one_before_and_closing_is_idempotent() -> None:
    notes = Notes()
    scribe = Scribe(notes, ignore)
    scribe.hear(CHUNK, ("en", ""))
    scribe.hear(CHUNK, ("de", ""))
    assert [call[:2] for call in notes.calls] == [
        ("open", "en"), ("hear", 1), ("close", 1), ("open", "de"), ("hear", 4),
    ]  # fmt: skip
    scribe.close()
    scribe.close()
    assert notes.calls[5:] == [("close", 4)]


def test_utterances_are_begun_ended_and_dropped() -> None:
    notes = Notes()
    scribe = Scribe(notes, ignore)
    scribe.hear(CHUNK, ("en", ""))
    for effect in (BeginTranscript("a", 1), EndTranscript("a", 9), DropTranscript("b")):
        assert scribe.carry_out(effect) is None
    assert notes.calls[2:] == [("begin", 1, "a", 1), ("end", 1, "a", 9), ("drop", 1, "b")]


def test_a_transcript_nobody_writes_is_failed_with_the_reason() -> None:
    alone = Scribe(None, ignore)
    assert alone.carry_out(BeginTranscript("a", 0)) is None
    assert alone.carry_out(EndTranscript("a", 1)) == TranscriptionFailed(
        "a", "no transcriber is there"
    )
    scribe = Scribe(Notes(), ignore)
    scribe.hear(CHUNK, ("xx", ""))
    assert scribe.carry_out(EndTranscript("a", 1)) == TranscriptionFailed(
        "a", "there is no language xx"
    )
