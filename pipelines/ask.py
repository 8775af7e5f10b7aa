"""`visavis ask`: one question from files, through the same pipeline as a call, and its answer."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ..runtime.errors import BadInput, ConfigError
from ..runtime.frames import AudioChunk, VideoFrame
from ..runtime.runner import SessionRunner
from ..runtime.settings import Settings
from .assembly import make_pipeline
from .file_peer import FilePeer, SkippingClock, Talk
from .pipeline import Pipeline

EXIT_BAD_INPUT = 2
EXIT_NO_ANSWER = 3
"""The question was taken for silence or noise, or was not finished."""


def ask(
    settings: Settings,
    *,
    audio: Path | None,
    text: str | None,
    video: Path | None,
    is_real_time: bool,
    as_json: bool,
) -> int:
    """Prints transcript, answer and latencies; with `as_json` the last line is
    `{"transcript", "answer", "ledger"}`. Returns the exit status."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    try:
        clock = SkippingClock()
        pipeline = make_pipeline(settings, clock)
        recording = _open(audio, video)
        talk = asyncio.run(_converse(pipeline, clock, recording, text, is_real_time))
    except BadInput as error:
        sys.stderr.write(f"visavis: {error}\n")
        return EXIT_BAD_INPUT
    for problem in talk.errors:
        sys.stderr.write(f"visavis: {problem}\n")
    transcript = text if text is not None else " ".join(talk.transcripts)
    answer = " ".join(talk.answers)
    ledger = talk.ledgers[-1] if talk.ledgers else {}
    if as_json:
        line = {"transcript": transcript, "answer": answer, "ledger": ledger}
        sys.stdout.write(json.dumps(line) + "\n")
    else:
        _show(transcript, answer, ledger)
    return 0 if answer else EXIT_NO_ANSWER


@dataclass(frozen=True, slots=True)
class Recording:
    """What the microphone hears and the camera sees; None where there is none."""

    audio: Iterator[AudioChunk] | None
    video: Iterator[VideoFrame] | None


def _open(audio: Path | None, video: Path | None) -> Recording:
    """Raises `BadInput` for a file that can't be used, before a model is loaded."""
    from ..transports.files import read_audio, read_video

    return Recording(
        None if audio is None else read_audio(audio), None if video is None else read_video(video)
    )


async def _converse(
    pipeline: Pipeline,
    clock: SkippingClock,
    recording: Recording,
    text: str | None,
    is_real_time: bool,
) -> Talk:
    try:
        await pipeline.load()
        peer = FilePeer(clock, is_real_time=is_real_time)
        runner = pipeline.converse(peer)
        if not isinstance(runner, SessionRunner):
            raise ConfigError(
                f"the pipeline {pipeline.name!r} can't be asked from files: it brings its own "
                "conversation; use visavis serve"
            )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(runner.run(), name="conversation")
            await peer.perform(runner, recording.audio, recording.video, text)
        return peer.talk
    finally:
        await pipeline.close()


def _show(transcript: str, answer: str, ledger: dict[str, object]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"[dim]heard[/dim]   {transcript or '(nothing)'}", markup=True)
    console.print(f"[dim]answer[/dim]  {answer or '(none: it was no question, or not finished)'}")
    latencies = cast("Mapping[str, float]", ledger.get("ms", {}))  # its shape in messages.py
    if latencies:
        table = Table("latency", "ms", box=None, pad_edge=False)
        table.columns[1].justify = "right"
        for name, ms in latencies.items():
            table.add_row(name, f"{ms:.1f}")
        console.print(table)
