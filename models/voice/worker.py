"""The process that speaks: espeak-ng behind a pipe, one phrase at a time.

A process of its own because the library is GPL, keeps global state and may crash on odd input.
Frames come in on stdin and go out on stdout (`wire.py`); it ends when either is closed. Run as
`python -m visavis.models.voice.worker`; besides ctypes it loads numpy and espeakng_loader only.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .phrase_audio import Pcm, PhraseAudio, Piece, as_spoken
from .wire import HEADER, Kind, pack, pack_audio, unpack

# Values from espeak-ng's speak_lib.h
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8 = 1
_RATE, _PITCH = 1, 3
_EVENT_END, _EVENT_WORD = 0, 1
_BUFFER_MS = 60
"""The smallest buffer the library gives: a phrase comes in pieces of this."""


WordStarts = list[tuple[int, int]]
"""(sample since the phrase began, character of the text) of each word."""
Take = Callable[[Pcm, WordStarts], bool]


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The library, once in this process."""

    def __init__(self) -> None:
        import espeakng_loader

        self._data = Path(espeakng_loader.get_data_path())
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._library.espeak_Info.restype = ctypes.c_char_p
        self.rate = int(
            self._library.espeak_Initialize(
                _SYNCHRONOUS, _BUFFER_MS, str(self._data).encode(), _DONT_EXIT
            )
        )
        if self.rate <= 0:
            raise RuntimeError(f"espeak-ng does not start with the data in {self._data}")
        self._callback = _CALLBACK(self._hear)
        self._library.espeak_SetSynthCallback(self._callback)
        self._take: Take = lambda _raw, _word_starts: True

    @property
    def version(self) -> str:
        """Of the library."""
        return str(self._library.espeak_Info(None).decode())

    def voices(self) -> list[str]:
        """The languages that can be spoken, and the variants (after a "+")."""
        names: list[str] = []
        listed = self._library.espeak_ListVoices(None)
        for place in range(10_000):
            if not listed[place]:
                break
            languages = listed[place].contents.languages or b""
            names.append(languages[1:].split(b"\0")[0].decode())  # the first byte is a priority
        return sorted(set(names))

    def variants(self) -> list[str]:
        """What may stand after a "+"."""
        return sorted(path.name for path in (self._data / "voices" / "!v").iterdir())

    def configure(self, voice: str, words_per_minute: int, pitch: int) -> bool:
        """False when there is no such voice."""
        _, plus, variant = voice.partition("+")
        if plus and variant not in self.variants():
            return False
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return False
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        return True

    def say(self, text: str, take: Take) -> None:
        """`take(raw, word_starts)` is called with each buffer and returns False to stop."""
        # Breath and some voices draw random numbers: the same phrase is to sound the same.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        self._take = take
        spoken = text.replace("\0", " ").encode() + b"\0"
        self._library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken)), 0, 1, 0, _UTF8, None, None)

    def _hear(self, samples: Any, count: int, events: Any) -> int:
        if not samples or count <= 0:
            return 0
        raw = np.ctypeslib.as_array(samples, (count,)).copy()
        return 0 if self._take(raw, list(_word_starts(events))) else 1


def _word_starts(events: Any) -> Iterator[tuple[int, int]]:
    place = 0
    while events[place].type != _EVENT_END:
        if events[place].type == _EVENT_WORD:
            yield events[place].sample, events[place].text_position - 1
        place += 1


class _Worker:
    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests = requests
        self._answers = answers
        self._queue: queue.SimpleQueue[tuple[Kind, int, bytes] | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._is_speaking = False
        self._rate_out = 48_000
        self._espeak = Espeak()

    def run(self) -> None:
        """Until stdin ends."""
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        while (request := self._queue.get()) is not None:
            kind, number, body = request
            if kind is Kind.CONFIG:
                self._configure(json.loads(body))
            elif kind is Kind.SAY:
                self._say(number, body[1:].decode(), bool(body[0]))

    def _read(self) -> None:
        while len(header := self._requests.read(HEADER.size)) == HEADER.size:
            size, kind, number = unpack(header)
            body = self._requests.read(size)
            if kind is Kind.CANCEL:
                self._cancelled = {number}  # one phrase at a time: older numbers are done with
            else:
                self._queue.put((kind, number, body))
        if self._is_speaking:
            os._exit(0)  # it may wait for a pipe that nobody reads any more
        self._queue.put(None)

    def _send(self, frame: bytes) -> None:
        self._answers.write(frame)
        self._answers.flush()

    def _configure(self, wanted: dict[str, Any]) -> None:
        self._rate_out = int(wanted["sample_rate"])
        voice = str(wanted["voice"])
        if self._espeak.configure(voice, int(wanted["rate_wpm"]), int(wanted["pitch"])):
            self._warm_up()
            body = {"version": self._espeak.version, "sample_rate": self._espeak.rate}
            self._send(pack(Kind.READY, body=json.dumps(body).encode()))
        else:
            body = {"voices": self._espeak.voices(), "variants": self._espeak.variants()}
            self._send(pack(Kind.REFUSED, body=json.dumps(body).encode()))

    def _warm_up(self) -> None:
        """Say something to nobody, so that the first phrase is as fast as the next."""
        audio = PhraseAudio("one", True, self._espeak.rate, self._rate_out)

        def take(raw: Pcm, word_starts: WordStarts) -> bool:
            list(audio.push(raw, word_starts))
            return True

        self._espeak.say("one", take)
        audio.finish()

    def _say(self, number: int, phrase: str, is_last: bool) -> None:
        audio = PhraseAudio(phrase, is_last, self._espeak.rate, self._rate_out)

        def take(raw: Pcm, word_starts: WordStarts) -> bool:
            if number in self._cancelled:
                return False
            for piece in audio.push(raw, word_starts):
                self._send_piece(Kind.AUDIO, number, piece)
            return True

        self._is_speaking = True
        self._espeak.say(as_spoken(phrase, is_last), take)
        self._send_piece(Kind.DONE, number, audio.finish())
        self._is_speaking = False

    def _send_piece(self, kind: Kind, number: int, piece: Piece) -> None:
        try:
            self._send(pack(kind, number, pack_audio(piece.words, piece.pcm.tobytes())))
        except BrokenPipeError:
            os._exit(0)  # inside a callback of the library, and nobody listens any more


def main() -> None:
    """Serve stdin and stdout until one of them closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes the pipe
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints must not get between the frames
    try:
        _Worker(sys.stdin.buffer, answers).run()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
