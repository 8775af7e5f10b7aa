"""The default voice: espeak-ng in a worker process, phrase by phrase, served fairly.

Knows phrases, turns and who waits for them; the sound is made in `worker.py`. All on the event
loop, over pipes; nothing here blocks or needs a thread.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import logging
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...runtime.clock import Clock, MonotonicClock
from ...runtime.errors import ConfigError, EngineDied
from ...runtime.events import Event, StageFailed, VoiceReady
from ...runtime.frames import SPEAKING_RATE
from ...runtime.protocols import Delivery
from ...runtime.settings import VoiceSettings
from ..worker_process import end, environment
from .wire import HEADER, Kind, pack, unpack, unpack_audio

log = logging.getLogger(__name__)

Deliver = Callable[[list[Delivery]], None]

WORKER = (sys.executable, "-m", "visavis.models.voice.worker")
START_S = 20.0
"""Longest start of the worker; 0.2 s is usual."""
SILENT_S = 5.0
"""A worker that says nothing for so long, with a phrase to say, hangs and is replaced."""
RETRY_S = 5.0
"""After so long it is tried again to start a worker that could not be started."""


@dataclass(slots=True)
class _Phrase:
    handle: int
    turn: int
    text: str
    is_last: bool
    asked: float
    said: int = 0
    """Samples delivered; a phrase that is said again goes on from there."""
    words: int = 0
    """Words delivered as begun."""
    crashes: int = 0
    is_cancelled: bool = False


@dataclass(slots=True)
class _Client:
    deliver: Deliver
    phrases: deque[_Phrase] = field(default_factory=deque[_Phrase])


class EspeakVoice:
    """Implements the runtime's `Voice`. `await ready()` first, `await stop()` at the end.

    One phrase is said at a time and handles take turns; a phrase takes some milliseconds. A
    phrase that was under way when the worker crashed goes on from where it was: espeak-ng says the
    same words alike to within a millisecond (its oscillator keeps its phase between phrases).
    """

    def __init__(
        self,
        settings: VoiceSettings,
        *,
        clock: Clock | None = None,
        command: Sequence[str] = WORKER,
    ) -> None:
        """`command` starts the worker."""
        self.restarts = 0
        """Workers that had to be replaced."""
        self.phrases_said = 0
        self._settings = settings
        self._clock = clock or MonotonicClock()
        self._command = tuple(command)
        self._clients: dict[int, _Client] = {}
        self._turn_of_handles: deque[int] = deque()  # who is served next
        self._last_handle = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._saying: _Phrase | None = None
        self._skip = 0  # samples of the phrase in hand that were delivered before a crash
        self._skip_words = 0
        self._number = 0
        self._watchdog: asyncio.TimerHandle | None = None
        self._death: str | None = None

    # --- life ------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Start the worker. Raises `ConfigError` for a voice that does not exist and `EngineDied`
        when espeak-ng can't be started."""
        if self._reader is None:
            self._process = await self._start_worker()
            self._reader = asyncio.create_task(self._serve(), name="voice worker")

    async def stop(self) -> None:
        """End the worker. Idempotent."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._process is not None:
            await end(self._process)
            self._process = None

    async def _start_worker(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        is_started = False
        try:
            assert process.stdin is not None
            process.stdin.write(_config(self._settings))
            async with asyncio.timeout(START_S):
                _, kind, body = await _read(process)
            _judge(kind, body, self._settings)
            is_started = True
        except (TimeoutError, asyncio.IncompleteReadError, OSError, ValueError) as error:
            raise EngineDied(_cant_start(self._command)) from error
        finally:
            if not is_started:
                await end(process)
        return process

    @property
    def worker_pid(self) -> int | None:
        """The process that speaks, for monitoring; None while there is none."""
        return self._process.pid if self._process is not None else None

    def use_command(self, command: Sequence[str]) -> None:
        """What starts the next worker, when this one ends."""
        self._command = tuple(command)

    # --- the runtime's Voice ---------------------------------------------------------------

    def open(self, deliver: Deliver) -> int:
        """A handle for one conversation."""
        self._last_handle += 1
        self._clients[self._last_handle] = _Client(deliver)
        return self._last_handle

    def speak(self, handle: int, turn: int, phrase: str, is_last: bool) -> None:
        """Stamped "voice_asked" now and "first_voice" when its first audio is here."""
        client = self._clients.get(handle)
        if client is None:
            return
        asked = _Phrase(handle, turn, phrase, is_last, self._clock.now())
        if self._death is not None:
            asyncio.get_running_loop().call_soon(self._fail, asked, self._death)
            return
        client.phrases.append(asked)
        if handle not in self._turn_of_handles:
            self._turn_of_handles.append(handle)
        self._say_next()

    def cancel(self, handle: int, turn: int) -> None:
        """Nothing of this turn is delivered after this call returns."""
        client = self._clients.get(handle)
        if client is None:
            return
        client.phrases = deque(p for p in client.phrases if p.turn != turn)
        saying = self._saying
        if saying is not None and saying.handle == handle and saying.turn == turn:
            saying.is_cancelled = True
            self._send(pack(Kind.CANCEL, self._number))

    def close(self, handle: int) -> None:
        """What is still to be said is dropped."""
        if self._clients.pop(handle, None) is None:
            return
        saying = self._saying
        if saying is not None and saying.handle == handle:
            saying.is_cancelled = True
            self._send(pack(Kind.CANCEL, self._number))

    # --- to the worker ---------------------------------------------------------------------

    def _say_next(self) -> None:
        """Give the worker its next phrase, unless it has one."""
        if self._saying is not None or self._process is None:
            return
        phrase = self._next_phrase()
        if phrase is not None:
            self._say(phrase)

    def _next_phrase(self) -> _Phrase | None:
        while self._turn_of_handles:
            handle = self._turn_of_handles.popleft()
            client = self._clients.get(handle)
            if client is None or not client.phrases:
                continue
            phrase = client.phrases.popleft()
            if client.phrases:
                self._turn_of_handles.append(handle)
            return phrase
        return None

    def _say(self, phrase: _Phrase) -> None:
        self._saying = phrase
        self._skip, self._skip_words = phrase.said, phrase.words
        self._number += 1
        text = phrase.text.encode(errors="replace")
        self._send(pack(Kind.SAY, self._number, bytes([phrase.is_last]) + text))
        self._expect()

    def _send(self, frame: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(frame)

    def _expect(self) -> None:
        """The worker must say something soon."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = None
        if self._saying is not None and self._process is not None:
            loop = asyncio.get_running_loop()
            self._watchdog = loop.call_later(SILENT_S, self._kill, self._process)

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        log.warning("the voice's worker hangs and is replaced")
        if process.returncode is None:
            process.kill()

    # --- from the worker -------------------------------------------------------------------

    async def _serve(self) -> None:
        """Take what the worker says; put a new one in the place of one that ended."""
        while True:
            try:
                await self._take_frames()
            except (asyncio.IncompleteReadError, OSError, ValueError):
                log.warning("the voice's worker ended and is replaced")
            await self._replace()

    async def _take_frames(self) -> None:
        assert self._process is not None
        while True:
            number, kind, body = await _read(self._process)
            self._expect()
            if number == self._number and kind in (Kind.AUDIO, Kind.DONE):
                self._take(kind, body)

    def _take(self, kind: Kind, body: bytes) -> None:
        phrase = self._saying
        if phrase is None:
            return
        text, raw = unpack_audio(body)
        is_done = kind is Kind.DONE
        pcm = np.frombuffer(raw, np.int16)
        words = text.split()
        if phrase.crashes:
            skipped, skipped_words = min(self._skip, len(pcm)), min(self._skip_words, len(words))
            self._skip -= skipped
            self._skip_words -= skipped_words
            pcm, words = pcm[skipped:], words[skipped_words:]
        if not phrase.is_cancelled and (len(pcm) or is_done):
            stamps: dict[str, float] = {}
            if phrase.said == 0:
                stamps = {"voice_asked": phrase.asked, "first_voice": self._clock.now()}
            phrase.said += len(pcm)
            phrase.words += len(words)
            is_last = is_done and phrase.is_last
            self._deliver(phrase, VoiceReady(phrase.turn, pcm, " ".join(words), is_last), stamps)
        if is_done:
            self.phrases_said += 1
            self._saying = None
            self._expect()
            self._say_next()

    def _deliver(
        self, phrase: _Phrase, event: Event, stamps: Mapping[str, float] | None = None
    ) -> None:
        client = self._clients.get(phrase.handle)
        if client is None:
            return
        try:
            client.deliver([Delivery(event, stamps or {})])
        except Exception:  # the edge of one conversation: the others go on
            log.exception("a conversation failed to take its voice")

    # --- when the worker fails -------------------------------------------------------------

    async def _replace(self) -> None:
        """A new worker; the phrase in hand is said again, once. While none can be started, every
        phrase fails at once."""
        if self._process is not None:
            process, self._process = self._process, None
            await end(process)
        phrase, self._saying = self._saying, None
        while True:
            self.restarts += 1
            try:
                self._process = await self._start_worker()
                break
            except (EngineDied, ConfigError) as error:
                log.error("the voice's worker can't be replaced", extra={"why": str(error)})
                self._death = str(error)
                while phrase is not None or (phrase := self._next_phrase()) is not None:
                    self._fail(phrase, self._death)
                    phrase = None
                await asyncio.sleep(RETRY_S)
        self._death = None
        if phrase is not None and not phrase.is_cancelled:
            phrase.crashes += 1
            if phrase.crashes == 1:
                self._say(phrase)
                return
            self._fail(phrase, "espeak-ng crashed twice on the same words")
        self._say_next()

    def _fail(self, phrase: _Phrase, why: str) -> None:
        """The phrase stays unsaid: its conversation is told, and the turn still ends."""
        if not phrase.is_cancelled:
            self._deliver(phrase, StageFailed("voice", why, is_fatal=False))
            nothing = np.zeros(0, np.int16)
            self._deliver(phrase, VoiceReady(phrase.turn, nothing, "", phrase.is_last))


def check(settings: VoiceSettings, command: Sequence[str] = WORKER) -> str:
    """Start the worker once and say what it is, for `visavis doctor`. Blocks for some 0.2 s.

    Raises `ConfigError` for a voice that does not exist, `EngineDied` when nothing can speak.
    """
    try:
        done = subprocess.run(
            command,
            input=_config(settings),
            stdout=subprocess.PIPE,
            env=environment(),
            timeout=START_S,
            check=True,
        )
        size, kind, _ = unpack(done.stdout[: HEADER.size])
        told = _judge(kind, done.stdout[HEADER.size : HEADER.size + size], settings)
    except (subprocess.SubprocessError, OSError, ValueError, struct.error) as error:
        raise EngineDied(_cant_start(command)) from error
    return f"espeak-ng {told['version']}, voice {settings.name}, {told['sample_rate']} Hz"


def _config(settings: VoiceSettings) -> bytes:
    body = {
        "voice": settings.name,
        "rate_wpm": settings.rate_wpm,
        "pitch": settings.pitch,
        "sample_rate": SPEAKING_RATE,
    }
    return pack(Kind.CONFIG, body=json.dumps(body).encode())


def _judge(kind: Kind, body: bytes, settings: VoiceSettings) -> dict[str, Any]:
    """The worker's answer to its configuration: any JSON object."""
    told: dict[str, Any] = json.loads(body)
    if kind is Kind.READY:
        return told
    language, plus, variant = settings.name.partition("+")
    voices: list[str] = told["voices"]
    variants: list[str] = told["variants"]
    if plus and language in voices:
        some = ", ".join(difflib.get_close_matches(variant, variants, 6, 0.0))
        raise ConfigError(
            f"voice.name is {settings.name!r}: espeak-ng's {language} has no variant {variant!r}; "
            f"some it has: {some}"
        )
    near = difflib.get_close_matches(language, voices, 3, 0.5)
    some = ", ".join(dict.fromkeys([*near, *(v for v in voices if v.startswith("en")), "de", "fr"]))
    raise ConfigError(
        f"voice.name is {settings.name!r}: espeak-ng has no such voice; some it has: {some}"
    )


def _cant_start(command: Sequence[str]) -> str:
    shown = " ".join(command)
    return (
        f"espeak-ng's worker ({shown}) can't be started, see above: "
        "run `pip install --force-reinstall espeakng-loader`"
    )


async def _read(process: asyncio.subprocess.Process) -> tuple[int, Kind, bytes]:
    """One frame of the worker: number of the phrase, kind, body."""
    assert process.stdout is not None
    size, kind, number = unpack(await process.stdout.readexactly(HEADER.size))
    return number, kind, await process.stdout.readexactly(size)
