"""A person made of files: a transport whose microphone and camera are recordings.

The recording plays at the speed of a conversation, or without the waiting: then the clock of the
whole conversation is put forward by the time in which nothing is left to compute. Whatever is
computed takes as long as it takes in both, so latencies mean the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from ..runtime.frames import HEARING_RATE, WINDOW, AudioChunk, Pcm, VideoFrame
from ..runtime.mailboxes import Bounded, Latest
from ..runtime.protocols import Playout
from ..runtime.runner import SessionRunner

CHUNK = HEARING_RATE // 50
CHUNK_S = CHUNK / HEARING_RATE
LEAD_S = 0.6
"""Silence, and a first look, before the recording: a person opens the call before speaking."""
SETTLED_S = 0.8
"""Silence after the recording, with nothing under way, that ends the conversation."""
LONGEST_S = 15.0
"""Silence after the recording that ends it whatever is under way."""
PICTURE_LIMIT_S = 5.0
POLL_S = 0.001


class SkippingClock:
    """The machine's monotonic clock and what was skipped. Read by any thread, moved by one."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> float:
        return time.monotonic() + self._skipped

    def skip_to(self, when: float) -> None:
        """Forward only."""
        self._skipped += max(0.0, when - self.now())


@dataclass(slots=True)
class Talk:
    """What the other end said."""

    transcripts: list[str] = field(default_factory=list[str])
    answers: list[str] = field(default_factory=list[str])
    ledgers: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    errors: list[str] = field(default_factory=list[str])
    has_seen: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: Mapping[str, object]) -> None:
        """Note what matters of a server's message."""
        match message["type"]:
            case "conversation.item.input_audio_transcription.completed":
                self.transcripts.append(str(message["transcript"]))
            case "response.output_audio_transcript.done":
                self.answers.append(str(message["transcript"]))
            case "visavis.ledger":
                self.ledgers.append({k: message[k] for k in ("ms", "stages_ms", "counts")})
            case "visavis.picture.seen":
                self.has_seen.set()
            case "error":
                error = cast("Mapping[str, object]", message["error"])  # its shape in messages.py
                self.errors.append(str(error["message"]))
            case _:
                pass


class SwiftPlayout:
    """Everything is played the moment it is there."""

    def __init__(self, clock: SkippingClock) -> None:
        self.played: Callable[[int, int, bool, float], None] | None = None
        self._clock = clock
        self._turn = -1
        self._samples = 0

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        if turn != self._turn:
            self._turn, self._samples = turn, 0
        self._samples += len(pcm)
        if self.played is not None:
            self.played(turn, self._samples, is_last, self._clock.now())

    def flush(self) -> int:
        return self._samples


class FilePeer:
    """A `Transport`. `perform` is the person; the conversation runs beside it."""

    def __init__(self, clock: SkippingClock, *, is_real_time: bool) -> None:
        self.talk = Talk()
        self.audio: Bounded[AudioChunk] = Bounded(50)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Bounded[Mapping[str, object]] = Bounded(16)
        self._swift = SwiftPlayout(clock)
        self.playout: Playout = self._swift
        self._clock = clock
        self._is_real_time = is_real_time
        self._pts = 0
        self._began = clock.now()
        self._next_picture: VideoFrame | None = None

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        self._swift.played = played

    def send(self, message: Mapping[str, object]) -> None:
        self.talk.take(message)

    async def close(self, why: str) -> None:
        self.audio.close()
        self.video.close()
        self.messages.close()

    async def perform(
        self,
        runner: SessionRunner,
        audio: Iterator[AudioChunk] | None,
        video: Iterator[VideoFrame] | None,
        text: str | None,
    ) -> None:
        """Show, then speak or type, then listen until all is said; ends the conversation."""
        self._began = self._clock.now()
        pictures = video or iter(())
        await self._be_silent(runner, pictures, LEAD_S)
        await self._until_seen(video is not None)
        if text is not None:
            self._type(text)
        for chunk in audio or ():
            await self._speak(runner, pictures, chunk.pcm)
        silence = 0.0
        while silence < LONGEST_S:
            await self._be_silent(runner, pictures, CHUNK_S)
            silence += CHUNK_S
            is_over = runner.session.state == "listening" and not self._waits_for_answer(text)
            if (is_over and silence > SETTLED_S) or runner.session.is_ended:
                break
        await self.close("the recording ended")

    def _waits_for_answer(self, text: str | None) -> bool:
        return text is not None and not self.talk.ledgers and not self.talk.errors

    def _type(self, text: str) -> None:
        part = {"type": "input_text", "text": text}
        item = {"type": "message", "role": "user", "content": [part]}
        self.messages.put({"type": "conversation.item.create", "item": item})
        self.messages.put({"type": "response.create"})

    async def _be_silent(
        self, runner: SessionRunner, pictures: Iterator[VideoFrame], seconds: float
    ) -> None:
        for _ in range(round(seconds / CHUNK_S)):
            await self._speak(runner, pictures, np.zeros(CHUNK, np.int16))

    async def _until_seen(self, has_pictures: bool) -> None:
        """The question is about what was shown: a slow machine gets the time to look."""
        if not has_pictures:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PICTURE_LIMIT_S):
                await self.talk.has_seen.wait()

    async def _speak(self, runner: SessionRunner, pictures: Iterator[VideoFrame], pcm: Pcm) -> None:
        """20 ms of the recording, at its time."""
        self._pts += len(pcm)
        await self._wait_until(runner, self._began + self._pts / HEARING_RATE)
        now = self._clock.now()
        self._show(pictures, now)
        self.audio.put(AudioChunk(pcm, self._pts - len(pcm), now))

    async def _wait_until(self, runner: SessionRunner, when: float) -> None:
        """Until it is `when`; without the waiting if that is wanted and nothing is under way."""
        while (left := when - self._clock.now()) > 0:
            is_computing = (
                runner.session.gate.pts < self._pts - CHUNK - WINDOW
                or runner.session.state in ("deciding", "answering")
            )
            if self._is_real_time:
                await asyncio.sleep(left)
            elif is_computing:
                await asyncio.sleep(min(left, POLL_S))
            else:
                self._clock.skip_to(when)
        await asyncio.sleep(0)

    def _show(self, pictures: Iterator[VideoFrame], now: float) -> None:
        """The newest picture whose time has come; `arrived` of a file's picture counts from 0."""
        shown: VideoFrame | None = None
        while True:
            picture = self._next_picture or next(pictures, None)
            self._next_picture = picture
            if picture is None or picture.arrived > now - self._began:
                break
            shown, self._next_picture = picture, None
        if shown is not None:
            self.video.put(replace(shown, arrived=now))
