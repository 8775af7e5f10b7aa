"""The agent's voice inside messages: cut into deltas and encoded off the loop, in order with the rest."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...runtime.audio_path import AudioFormat
from ...runtime.frames import SPEAKING_RATE, Pcm
from .. import json_messages
from ..media_threads import MediaThreads
from .codecs import OutputCodec
from .outbox import Outbox, Outgoing, Place

log = logging.getLogger(__name__)

DELTA_SAMPLES = SPEAKING_RATE // 4
"""Audio of one delta at most: the first is on its way while the next is encoded."""


@dataclass(frozen=True, slots=True)
class _Encoded:
    place: Place
    outgoing: tuple[Outgoing, ...]
    is_last: bool


class DeltaVoice:
    """Makes `response.output_audio.delta`s of samples. All methods on the event loop."""

    def __init__(self, threads: MediaThreads, outbox: Outbox) -> None:
        self._outbox = outbox
        self._lane = threads.lane(self._encoded, limit=100_000)
        self._epoch = 0
        self._codec: OutputCodec | None = None  # of the media thread
        self._part: tuple[object, ...] = ()

    def send(
        self, message: Mapping[str, object], pcm: Pcm, kind: AudioFormat, *, is_last: bool
    ) -> None:
        """Queue a delta without its `delta`; with `is_last` its audio part is over."""
        epoch = self._epoch
        cuts = list(range(0, max(len(pcm), 1), DELTA_SAMPLES))
        place = self._outbox.reserve()
        for at in cuts:
            self._lane.put(
                self._job(
                    epoch,
                    place,
                    message,
                    pcm[at : at + DELTA_SAMPLES],
                    kind,
                    is_end=is_last and at == cuts[-1],
                    is_last=at == cuts[-1],
                )
            )

    def flush(self) -> None:
        """What was not sent yet is dropped; what is being encoded, too."""
        self._epoch += 1
        self._outbox.drop_media()

    def close(self) -> None:
        self._epoch += 1
        self._lane.close()

    def _job(
        self,
        epoch: int,
        place: Place,
        message: Mapping[str, object],
        pcm: Pcm,
        kind: AudioFormat,
        *,
        is_end: bool,
        is_last: bool,
    ) -> Callable[[], list[_Encoded]]:
        def encode() -> list[_Encoded]:
            if epoch != self._epoch:
                return []
            data = b""
            try:
                data = self._codec_of(epoch, message, kind).encode(pcm, is_last=is_end)
            except Exception:  # a place that is never filled would hold back all that follows
                log.exception("audio can't be encoded", extra={"kind": kind})
            if not data:
                return [_Encoded(place, (), is_last)]
            event_id = json_messages.new_id("event")
            delta = base64.b64encode(data).decode("ascii")
            text = json_messages.encode({"event_id": event_id, **message, "delta": delta})
            return [_Encoded(place, (Outgoing(event_id, text),), is_last)]

        return encode

    def _codec_of(
        self, epoch: int, message: Mapping[str, object], kind: AudioFormat
    ) -> OutputCodec:
        """A part of an item is one stream."""
        part = (epoch, message.get("item_id"), message.get("content_index"), kind)
        if self._codec is None or part != self._part:
            self._codec, self._part = OutputCodec(kind), part
        return self._codec

    def _encoded(self, results: list[_Encoded]) -> None:
        for done in results:
            self._outbox.fill(done.place, *done.outgoing, is_last=done.is_last)
