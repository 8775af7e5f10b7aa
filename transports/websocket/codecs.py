"""Audio inside messages: base64 of a published format to samples heard, samples said to bytes.

A codec is one stream of one direction; one thread at a time. Long audio goes through in pieces, so
that no step needs much memory or holds the interpreter for long.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np

from ...runtime.audio_path import AudioFormat
from ...runtime.errors import BadInput
from ...runtime.frames import HEARING_RATE, SPEAKING_RATE, Pcm
from ..g711 import alaw_decode, alaw_encode, mulaw_decode, mulaw_encode
from ..rates import Resampler

_PIECE = HEARING_RATE // 2
_NOTHING: Pcm = np.zeros(0, np.int16)


class InputCodec:
    """Base64 of one format to mono PCM at HEARING_RATE."""

    def __init__(self, kind: AudioFormat) -> None:
        self.kind = kind
        self._resampler = Resampler(kind.rate, HEARING_RATE)

    def decode(self, audio: str) -> Pcm:
        """What the bytes complete. Raises `BadInput`; the stream goes on as if nothing had come."""
        try:
            data = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadInput(
                f"audio is not base64 ({error}): encode the bytes with the standard alphabet",
                code="invalid_audio",
                param="audio",
            ) from error
        match self.kind:
            case AudioFormat.PCM:
                if len(data) % 2:
                    raise BadInput(
                        f"audio has {len(data)} bytes, which is no whole number of 16-bit samples: "
                        "send both bytes of each sample in one message",
                        code="invalid_audio",
                        param="audio",
                    )
                pcm = np.frombuffer(data, "<i2").astype(np.int16, copy=False)
            case AudioFormat.PCMU:
                pcm = mulaw_decode(data)
            case AudioFormat.PCMA:
                pcm = alaw_decode(data)
        pieces = [self._resampler.feed(pcm[at : at + _PIECE]) for at in range(0, len(pcm), _PIECE)]
        return np.concatenate(pieces) if pieces else _NOTHING

    def flush(self) -> Pcm:
        """What the filter holds back, as if silence followed; then a new stream begins."""
        return self._resampler.flush()


class OutputCodec:
    """Mono PCM at SPEAKING_RATE to bytes of one format."""

    def __init__(self, kind: AudioFormat) -> None:
        self.kind = kind
        self._resampler = Resampler(SPEAKING_RATE, kind.rate)

    def encode(self, pcm: Pcm, *, is_last: bool) -> bytes:
        """The bytes that are complete; with `is_last` what the filter holds back, too."""
        out = self._resampler.feed(pcm)
        if is_last:
            out = np.concatenate([out, self._resampler.flush()])
        match self.kind:
            case AudioFormat.PCM:
                return out.astype("<i2", copy=False).tobytes()
            case AudioFormat.PCMU:
                return mulaw_encode(out)
            case AudioFormat.PCMA:
                return alaw_encode(out)
