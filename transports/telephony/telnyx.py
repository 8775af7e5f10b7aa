"""Telnyx media streaming, bidirectional in RTP mode: JSON in snake_case, chunks may be out of order.

https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming. What goes out carries no
stream id. Codecs taken: PCMU, PCMA, L16; ask for one with `stream_bidirectional_codec`.
"""

from __future__ import annotations

import msgspec

from .line import Encoding
from .media_stream import MediaStreamLine, Member, Message

HELD_CHUNKS = 5
"""How many later chunks a missing one is waited for: 100 ms."""
KEPT_ERRORS = 8
"""Errors that are kept, the newest."""


class _Error(msgspec.Struct):
    code: int | str = 0
    title: str = ""
    detail: str = ""


class TelnyxLine(MediaStreamLine):
    """One stream."""

    provider = "telnyx"
    member = Member(
        "Telnyx",
        {
            ("pcmu", 8_000): Encoding.MULAW,
            ("pcma", 8_000): Encoding.ALAW,
            **{("l16", rate): Encoding.L16 for rate in (8_000, 16_000, 24_000)},
        },
        "PCMU or PCMA at 8000 Hz or L16 at 8000, 16000 or 24000 Hz, mono, are taken (set "
        "stream_bidirectional_codec)",
        default="PCMU",
        stream="",
        call="call_control_id",
        parameters="custom_parameters",
        format="media_format",
        rate="sample_rate",
        held_chunks=HELD_CHUNKS,
    )

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []
        """The last few errors that Telnyx told."""

    def other(self, message: Message) -> None:
        """Errors are kept for whoever looks into a call."""
        if message.event != "error":
            super().other(message)
            return
        try:
            error = msgspec.convert(message.payload, _Error)
        except msgspec.ValidationError:
            error = _Error(title=str(message.payload))
        told = f"{error.code} {error.title} {error.detail}"[:200]
        self.errors = [*self.errors[1 - KEPT_ERRORS :], told]
