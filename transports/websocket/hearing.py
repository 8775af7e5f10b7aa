"""The person's audio inside messages, decoded off the loop, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...runtime.audio_path import AudioFormat
from ...runtime.errors import BadInput
from ...runtime.frames import Pcm
from ..media_threads import MediaThreads
from .codecs import InputCodec


@dataclass(frozen=True, slots=True)
class _Decoded:
    done: asyncio.Future[Pcm]
    result: Pcm | Exception


class AppendedAudio:
    """One client's stream of `input_audio_buffer.append`. All methods on the event loop."""

    def __init__(self, threads: MediaThreads) -> None:
        self._lane = threads.lane(self._deliver, limit=1000)
        self._codec: InputCodec | None = None
        self._waiting: set[asyncio.Future[Pcm]] = set()
        self._is_closed = False

    async def decode(self, audio: str, kind: AudioFormat) -> Pcm:
        """Mono PCM at HEARING_RATE. Raises `BadInput`; another `kind` begins a new stream."""
        if self._is_closed:
            raise BadInput("the connection is closed", code="peer_closed", param="audio")
        if self._codec is None or self._codec.kind is not kind:
            self._codec = InputCodec(kind)
        done: asyncio.Future[Pcm] = asyncio.get_running_loop().create_future()
        self._waiting.add(done)
        self._lane.put(_job(self._codec, audio, done))
        try:
            return await done
        finally:
            self._waiting.discard(done)

    def drain(self) -> Pcm:
        """What the conversion holds back; nothing may be on its way."""
        return np.zeros(0, np.int16) if self._codec is None else self._codec.flush()

    def close(self) -> None:
        """Who still waits is told that it is over."""
        self._is_closed = True
        self._lane.close()
        for done in self._waiting:
            if not done.done():
                done.set_exception(
                    BadInput("the connection was closed", code="peer_closed", param="audio")
                )

    def _deliver(self, results: list[_Decoded]) -> None:
        for decoded in results:
            if decoded.done.done():
                continue
            if isinstance(decoded.result, Exception):
                decoded.done.set_exception(decoded.result)
            else:
                decoded.done.set_result(decoded.result)


def _job(codec: InputCodec, audio: str, done: asyncio.Future[Pcm]) -> Callable[[], list[_Decoded]]:
    def decode() -> list[_Decoded]:
        try:
            return [_Decoded(done, codec.decode(audio))]
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            return [_Decoded(done, error)]

    return decode
