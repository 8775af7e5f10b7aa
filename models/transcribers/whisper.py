"""The transcriber's near end: conversations, their utterances, and the worker that serves them all.

All on the event loop, over pipes; nothing here blocks. The worker (`worker.py`) is started by the
first conversation that wants a transcript; one that ends is started again by the next utterance.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from ...runtime.errors import BadInput
from ...runtime.events import SpokenWord, Transcribed, TranscriptionFailed
from ...runtime.frames import HEARING_RATE, AudioChunk, Pcm
from ...runtime.settings import TranscriptionSettings
from ..worker_process import end, environment
from .languages import LANGUAGES
from .wire import HEADER, Kind, pack, pack_pts, unpack

log = logging.getLogger(__name__)

Deliver = Callable[[Transcribed | TranscriptionFailed], None]

WORKER = (sys.executable, "-m", "visavis.models.transcribers.worker")
LOAD_S = 900.0
"""Longest load of a model; most of it is a download."""
HANG_S = 60.0
"""A worker that says nothing for so long, while somebody waits, hangs and is replaced."""
RETRY_S = 10.0
"""After so long it is tried again to start a worker that could not be started."""
KEPT_S = 3
"""Audio kept before an utterance is known to have begun."""
LEAD = HEARING_RATE // 10
"""Audio before the beginning of an utterance that is heard with it."""
LONGEST_GAP_S = 30
EARLY_S = 60
"""Audio of an utterance that may wait for the model to be loaded."""
MAX_UNREAD = 8 << 20
"""Bytes that may wait for a worker that does not read."""


@dataclass(slots=True)
class _Utterance:
    number: int
    handle: int
    item_id: str
    next_pts: int
    start_pts: int
    text: str = ""
    words: tuple[SpokenWord, ...] = ()
    is_ended: bool = False
    is_waited_for: bool = False
    failure: str = ""
    """Why there is no transcript; told when somebody asks for it."""


@dataclass(slots=True)
class _Client:
    deliver: Deliver
    language: str
    prompt: str
    heard: deque[AudioChunk] = field(default_factory=deque[AudioChunk])
    kept: int = 0


class WhisperTranscriber:
    """Implements the runtime's `Transcriber`. `await stop()` at the end."""

    def __init__(self, settings: TranscriptionSettings, *, command: Sequence[str] = WORKER) -> None:
        """`command` starts the worker. Raises `BadInput` for a language Whisper doesn't know."""
        _check_language(settings.language)
        self.starts = 0
        """Workers that were started."""
        self.failed = 0
        """Utterances that got no transcript."""
        self._settings = settings
        self._command = tuple(command)
        self._clients: dict[int, _Client] = {}
        self._utterances: dict[int, _Utterance] = {}
        self._last_handle = 0
        self._last_number = 0
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._unsent: list[bytes] = []
        self._is_loaded = False
        self._refused = ""
        self._retry_at = 0.0
        self._watchdog: asyncio.TimerHandle | None = None

    @property
    def worker_pid(self) -> int | None:
        """The process that transcribes, for monitoring; None while there is none."""
        return self._process.pid if self._process is not None else None

    @property
    def is_loaded(self) -> bool:
        """The model is there."""
        return self._is_loaded

    async def stop(self) -> None:
        """End the worker. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._ending.add(task)
        await asyncio.gather(*self._ending, return_exceptions=True)

    # --- the runtime's Transcriber ---------------------------------------------------------

    def open(self, deliver: Deliver, *, language: str | None = None, prompt: str = "") -> int:
        """A handle for one conversation; the model is loaded from now on."""
        _check_language(language or "")
        self._last_handle += 1
        self._clients[self._last_handle] = _Client(
            deliver, language or self._settings.language, prompt
        )
        self._start()
        return self._last_handle

    def hear(self, handle: int, chunk: AudioChunk) -> None:
        """Audio outside of an utterance is kept for some seconds."""
        client = self._clients.get(handle)
        if client is None:
            return
        client.heard.append(chunk)
        client.kept += len(chunk.pcm)
        while client.kept > KEPT_S * HEARING_RATE and len(client.heard) > 1:
            client.kept -= len(client.heard.popleft().pcm)
        for utterance in [u for u in self._of(handle) if not u.is_ended and not u.failure]:
            self._send_audio(utterance, chunk)

    def begin(self, handle: int, item_id: str, start_pts: int) -> None:
        """An utterance under way is ended by it."""
        client = self._clients.get(handle)
        if client is None:
            return
        for before in [u for u in self._of(handle) if not u.is_ended]:
            self.end(handle, before.item_id, start_pts)
        self._last_number = self._last_number % 0xFFFF_FFFF + 1
        earliest = client.heard[0].pts if client.heard else start_pts
        utterance = _Utterance(
            self._last_number,
            handle,
            item_id,
            max(start_pts - LEAD, earliest, 0),
            max(start_pts, 0),
        )
        self._utterances[utterance.number] = utterance
        if not self._start():
            self._fail(utterance, self._refused)
            return
        told = {
            "start_pts": utterance.next_pts,
            "language": client.language,
            "prompt": client.prompt,
        }
        self._send(pack(Kind.OPEN, utterance.number, json.dumps(told).encode()))
        for chunk in client.heard:
            if not utterance.failure:
                self._send_audio(utterance, chunk)

    def catch_up(self, handle: int, item_id: str, end_pts: int) -> None:
        """Goes before every pass that nobody waits for."""
        for utterance in self._named(handle, item_id):
            utterance.is_waited_for = True
            if utterance.failure:
                self._tell_soon(utterance)
                continue
            self._send(pack(Kind.CATCH_UP, utterance.number, pack_pts(end_pts)))
            self._expect()

    def end(self, handle: int, item_id: str, end_pts: int) -> None:
        """Audio after `end_pts` is not looked at."""
        for utterance in self._named(handle, item_id):
            utterance.is_ended = True
            if utterance.failure:
                self._tell_soon(utterance)
                continue
            self._send(pack(Kind.END, utterance.number, pack_pts(end_pts)))
            self._expect()

    def drop(self, handle: int, item_id: str) -> None:
        """Also for an utterance that has ended already."""
        for utterance in [u for u in self._of(handle) if u.item_id == item_id]:
            del self._utterances[utterance.number]
            self._send(pack(Kind.DROP, utterance.number))

    def close(self, handle: int) -> None:
        """Its utterances are dropped."""
        for utterance in self._of(handle):
            self.drop(handle, utterance.item_id)
        self._clients.pop(handle, None)

    def _of(self, handle: int) -> list[_Utterance]:
        return [u for u in self._utterances.values() if u.handle == handle]

    def _named(self, handle: int, item_id: str) -> list[_Utterance]:
        return [u for u in self._of(handle) if u.item_id == item_id and not u.is_ended]

    # --- to the worker ---------------------------------------------------------------------

    def _send_audio(self, utterance: _Utterance, chunk: AudioChunk) -> None:
        """The part of a chunk that is new; what was lost on the way is silence."""
        skipped = max(0, utterance.next_pts - chunk.pts)
        if skipped >= len(chunk.pcm):
            return
        gap = max(0, chunk.pts - utterance.next_pts)
        if gap > LONGEST_GAP_S * HEARING_RATE:
            self._fail(utterance, f"the audio stopped for more than {LONGEST_GAP_S} s")
            return
        if not self._is_loaded and (chunk.pts - utterance.start_pts > EARLY_S * HEARING_RATE):
            self._fail(utterance, f"the model took more than {EARLY_S} s to load: try again")
            return
        pcm: Pcm = chunk.pcm[skipped:]
        if gap:
            pcm = np.concatenate([np.zeros(gap, np.int16), pcm])
        utterance.next_pts = chunk.pts + len(chunk.pcm)
        self._send(pack(Kind.AUDIO, utterance.number, pcm.astype("<i2", copy=False).tobytes()))

    def _send(self, frame: bytes) -> None:
        process = self._process
        if process is None:
            if self._task is not None:  # it is being started
                self._unsent.append(frame)
            return
        assert process.stdin is not None
        process.stdin.write(frame)
        if process.stdin.transport.get_write_buffer_size() > MAX_UNREAD:
            self._kill(process)

    def _expect(self) -> None:
        """Somebody waits: the worker must say something in time."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = None
        is_waited_for = any(
            (u.is_ended or u.is_waited_for) and not u.failure for u in self._utterances.values()
        )
        if is_waited_for and self._is_loaded and self._process is not None:
            loop = asyncio.get_running_loop()
            self._watchdog = loop.call_later(HANG_S, self._kill, self._process)

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        log.warning("the transcriber's worker hangs and is replaced")
        if process.returncode is None:
            process.kill()

    # --- the worker's life -----------------------------------------------------------------

    def _start(self) -> bool:
        """False while it is too early to try again."""
        if self._task is None:
            loop = asyncio.get_running_loop()
            if loop.time() < self._retry_at:
                return False
            self._unsent = []
            self._task = loop.create_task(self._live(), name="transcriber")
        return True

    async def _live(self) -> None:
        """One worker from its start to its end; whoever it leaves without a transcript is told."""
        why = "the transcriber ended in the middle: what is said next is transcribed again"
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment(),
            )
            self.starts += 1
            self._send(pack(Kind.CONFIG, body=msgspec.json.encode(self._settings)))
            unsent, self._unsent = self._unsent, []
            for frame in unsent:
                self._send(frame)
            async with asyncio.timeout(LOAD_S):
                _, kind, body = await _read(self._process)
            if kind is not Kind.READY:
                why = self._refused = body.decode()
                self._retry_at = asyncio.get_running_loop().time() + RETRY_S
                log.error("the transcriber can't be loaded", extra={"why": why})
                return
            self._is_loaded = True
            self._expect()
            while True:
                self._take(*await _read(self._process))
        except TimeoutError:
            why = f"the model was not loaded within {LOAD_S:g} s"
        except (asyncio.IncompleteReadError, OSError, ValueError) as error:
            log.warning("the transcriber's worker ended", extra={"error": repr(error)})
            if not self._is_loaded:
                why = "the transcriber could not be started: see the server's log"
                self._retry_at = asyncio.get_running_loop().time() + RETRY_S
                self._refused = why
        finally:
            self._is_loaded = False
            process, self._process = self._process, None
            if self._task is not None:  # else it is being stopped
                self._ending.add(self._task)
                self._task.add_done_callback(self._ending.discard)
                self._task = None
            if self._watchdog is not None:
                self._watchdog.cancel()
            for utterance in list(self._utterances.values()):
                self._fail(utterance, why)
            if process is not None:
                await end(process)

    def _take(self, number: int, kind: Kind, body: bytes) -> None:
        utterance = self._utterances.get(number)
        if utterance is not None and kind is Kind.FAILED:
            self._fail(utterance, body.decode())
        elif utterance is not None and kind is Kind.PROGRESS:
            self._progress(utterance, json.loads(body))
        self._expect()

    def _progress(self, utterance: _Utterance, told: dict[str, Any]) -> None:
        utterance.is_waited_for = False
        words: list[tuple[str, int, int, float]] = told["words"]
        utterance.text += "".join(text for text, *_ in words)
        utterance.words += tuple(
            SpokenWord(text.strip(), start, end, probability)
            for text, start, end, probability in words
        )
        if told["is_final"]:
            del self._utterances[utterance.number]
        self._deliver(
            utterance,
            Transcribed(
                utterance.item_id,
                utterance.text.strip(),
                str(told["tentative"]),
                utterance.words,
                str(told["language"]),
                int(told["pts"]),
                float(told["seconds"]),
                bool(told["is_final"]),
            ),
        )

    def _fail(self, utterance: _Utterance, why: str) -> None:
        """Told at once to whoever waits, else when the utterance ends: before, there may be no item
        that it could be told of."""
        if utterance.failure or utterance.number not in self._utterances:
            return
        self.failed += 1
        utterance.failure = why
        self._send(pack(Kind.DROP, utterance.number))
        if utterance.is_ended or utterance.is_waited_for:
            self._tell_failure(utterance)

    def _tell_soon(self, utterance: _Utterance) -> None:
        asyncio.get_running_loop().call_soon(self._tell_failure, utterance)

    def _tell_failure(self, utterance: _Utterance) -> None:
        if self._utterances.pop(utterance.number, None) is not None:
            self._deliver(utterance, TranscriptionFailed(utterance.item_id, utterance.failure))

    def _deliver(self, utterance: _Utterance, event: Transcribed | TranscriptionFailed) -> None:
        client = self._clients.get(utterance.handle)
        if client is None:
            return
        try:
            client.deliver(event)
        except Exception:  # the edge of one conversation: the others go on
            log.exception("a conversation failed to take its transcript")


def _check_language(language: str) -> None:
    if language and language not in LANGUAGES:
        raise BadInput(
            f"language is {language!r}: an ISO 639-1 code such as 'en' or 'de' is needed, or none "
            "to detect it",
            param="audio.input.transcription.language",
        )


async def _read(process: asyncio.subprocess.Process) -> tuple[int, Kind, bytes]:
    """One frame of the worker: number of the utterance, kind, body."""
    assert process.stdout is not None
    size, kind, number = unpack(await process.stdout.readexactly(HEADER.size))
    return number, kind, await process.stdout.readexactly(size)
