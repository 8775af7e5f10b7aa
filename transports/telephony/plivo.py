"""Plivo Audio Streaming, bidirectional (`<Stream bidirectional="true">`): JSON, µ-law or L16.

https://plivo.com/docs/voice/audio-streaming/audio-streaming. Checkpoints are Plivo's marks, and come
back only when what was before them has been played.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import reading
from .line import Encoding
from .media_stream import MediaStreamLine, Member, Message


class PlivoLine(MediaStreamLine):
    """One stream."""

    provider = "plivo"
    member = Member(
        "Plivo",
        {
            ("audio/x-mulaw", 8_000): Encoding.MULAW,
            ("audio/x-l16", 8_000): Encoding.L16,
            ("audio/x-l16", 16_000): Encoding.L16,
        },
        "audio/x-mulaw at 8000 Hz or audio/x-l16 at 8000 or 16000 Hz is taken",
        default="audio/x-mulaw",
        stream="streamId",
        call="callId",
        parameters="",
        format="mediaFormat",
        rate="sampleRate",
        marks=("playedStream", "played"),
        quiet=frozenset({"clearedAudio"}),  # its marks are forgotten already
        play="playAudio",
        mark="checkpoint",
        clear="clearAudio",
        addressed="streamId",
        is_flat=True,
    )

    def attached(self, start: Mapping[str, object], message: Message) -> Mapping[str, str]:
        """`userId=12345;sessionId=abc`, with `;` or `,` between, or an object."""
        extra = message.extra_headers
        if not isinstance(extra, str):
            return reading.texts(extra)
        pairs = (part.partition("=") for part in extra.strip("{}").replace(",", ";").split(";"))
        return reading.texts({name.strip(): value.strip() for name, sep, value in pairs if sep})
