"""The process that transcribes: one Whisper model behind a pipe, for every conversation in turn.

A process of its own because a pass holds a core for a long time, and so that its memory is given
back with it. Frames come in on stdin and go out on stdout (`wire.py`); it ends when either is
closed. Run as `python -m visavis.models.transcribers.worker`.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import msgspec
import numpy as np

from ...runtime.errors import VisavisError
from ...runtime.frames import HEARING_RATE
from ...runtime.settings import TranscriptionSettings
from .pauses import Judge, Samples
from .utterance import Cutting, Progress, Recognise, Utterance
from .wire import HEADER, Kind, pack, unpack, unpack_pts

MAX_UTTERANCES = 64
"""Utterances that may be open at once; each needs a place in the voice activity detection."""
BEHIND_S = 60
"""Speech of one utterance that may wait to be looked at; it fails when there is more."""


class Judges(Protocol):
    """Voice activity detection for several utterances, as `models.vad.SileroVad` is."""

    def judge(self, slots: Sequence[int], windows: Samples) -> Samples: ...

    def reset(self, slot: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker works with. `name` is for the log."""

    recognise: Recognise
    judges: Judges
    name: str
    is_multilingual: bool = True


class Worker:
    """Reads frames on a thread of its own; looks and answers on the caller's."""

    def __init__(
        self,
        requests: BinaryIO,
        answers: BinaryIO,
        load: Callable[[TranscriptionSettings], Parts],
    ) -> None:
        """`load` may take its time; what it raises as a `VisavisError` is told to the other side."""
        self._requests = requests
        self._answers = answers
        self._load = load
        self._queue: queue.SimpleQueue[tuple[Kind, int, bytes] | None] = queue.SimpleQueue()
        self._utterances: dict[int, Utterance] = {}
        self._places: dict[int, int] = {}
        self._free = list(range(MAX_UTTERANCES))
        self._cutting = Cutting()
        self._is_busy = False
        self._parts: Parts

    def run(self) -> None:
        """Until stdin ends."""
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        while self._take(wait=True):
            while (number := self._next()) is not None:
                self._advance(number)
                if not self._take(wait=False):
                    return

    def _read(self) -> None:
        while len(header := self._requests.read(HEADER.size)) == HEADER.size:
            size, kind, number = unpack(header)
            self._queue.put((kind, number, self._requests.read(size)))
        if self._is_busy:
            os._exit(0)  # nobody waits for the pass it makes
        self._queue.put(None)

    def _send(self, kind: Kind, number: int, body: bytes) -> None:
        self._answers.write(pack(kind, number, body))
        self._answers.flush()

    def _take(self, *, wait: bool) -> bool:
        """Everything that has come in; False when that was the last."""
        try:
            while True:
                frame = self._queue.get(block=wait)
                wait = False
                if frame is None or not self._obey(*frame):
                    return False
        except queue.Empty:
            return True

    def _obey(self, kind: Kind, number: int, body: bytes) -> bool:
        utterance = self._utterances.get(number)
        if kind is Kind.CONFIG:
            return self._configure(body)
        if kind is Kind.OPEN:
            self._open(number, json.loads(body))
        elif utterance is None:
            return True  # it failed or was dropped: the other side knows, or will
        elif kind is Kind.AUDIO:
            self._hear(number, utterance, body)
        elif kind is Kind.CATCH_UP:
            utterance.wanted_pts = unpack_pts(body)
        elif kind is Kind.END:
            utterance.end_pts = unpack_pts(body)
        elif kind is Kind.DROP:
            self._close(number)
        return True

    def _configure(self, body: bytes) -> bool:
        settings = msgspec.json.decode(body, type=TranscriptionSettings)
        self._cutting = Cutting(
            settings.step_ms * HEARING_RATE // 1000,
            settings.pause_ms * HEARING_RATE // 1000,
            round(settings.max_window_s * HEARING_RATE),
        )
        self._is_busy = True
        try:
            self._parts = self._load(settings)
        except VisavisError as error:
            self._send(Kind.REFUSED, 0, str(error).encode())
            return False
        finally:
            self._is_busy = False
        self._send(Kind.READY, 0, self._parts.name.encode())
        return True

    def _open(self, number: int, told: dict[str, Any]) -> None:
        language = str(told["language"])
        if language not in ("", "en") and not self._parts.is_multilingual:
            why = f"the model {self._parts.name} knows English only, not {language!r}"
            self._send(Kind.FAILED, number, why.encode())
            return
        if not self._free:
            why = f"{MAX_UTTERANCES} utterances are being transcribed already"
            self._send(Kind.FAILED, number, why.encode())
            return
        place = self._free.pop()
        self._places[number] = place
        self._parts.judges.reset(place)
        self._utterances[number] = Utterance(
            int(told["start_pts"]),
            self._judge(place),
            self._cutting,
            language=language or None,
            prompt=str(told["prompt"]),
        )

    def _judge(self, place: int) -> Judge:
        judges = self._parts.judges
        return lambda window: float(judges.judge([place], window[None])[0])

    def _hear(self, number: int, utterance: Utterance, body: bytes) -> None:
        utterance.push(np.frombuffer(body, np.int16).astype(np.float32) / np.float32(32_768))
        if utterance.waiting > BEHIND_S * HEARING_RATE:
            self._close(number)
            why = (
                f"transcription is {BEHIND_S} s behind: choose a smaller transcription.model, or "
                "fewer conversations"
            )
            self._send(Kind.FAILED, number, why.encode())

    def _close(self, number: int) -> None:
        del self._utterances[number]
        self._free.append(self._places.pop(number))

    def _next(self) -> int | None:
        """Who is looked at next: whoever is waited for, then who has waited longest."""
        due = [number for number, utterance in self._utterances.items() if utterance.is_due]
        return max(
            due,
            key=lambda n: (self._utterances[n].is_urgent, self._utterances[n].waiting),
            default=None,
        )

    def _advance(self, number: int) -> None:
        utterance = self._utterances[number]
        self._is_busy = True
        try:
            progress = utterance.advance(self._parts.recognise)
        except Exception as error:  # noqa: BLE001 - the edge of one utterance: the others go on
            self._close(number)
            self._send(Kind.FAILED, number, f"{type(error).__name__}: {error}".encode())
            return
        finally:
            self._is_busy = False
        if progress.is_final:
            self._close(number)
        self._send(Kind.PROGRESS, number, _told(progress))


def _told(progress: Progress) -> bytes:
    words = [
        (word.text, word.start_pts, word.end_pts, round(word.probability, 4))
        for word in progress.settled
    ]
    return json.dumps(
        {
            "words": words,
            "tentative": progress.tentative,
            "language": progress.language,
            "pts": progress.pts,
            "seconds": progress.seconds,
            "is_final": progress.is_final,
        }
    ).encode()


def load(settings: TranscriptionSettings) -> Parts:
    """The real parts. Raises `WeightsError`."""
    from ..vad import SileroVad
    from .faster_whisper import FasterWhisper

    model = FasterWhisper(settings)
    return Parts(model, SileroVad(MAX_UTTERANCES), settings.model, model.is_multilingual)


def main() -> None:
    """Serve stdin and stdout until one of them closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes the pipe
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the libraries print must not get between the frames
    try:
        Worker(sys.stdin.buffer, answers, load).run()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
