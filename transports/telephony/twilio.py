"""Twilio Media Streams, bidirectional (`<Connect><Stream>`): JSON, µ-law at 8 kHz, marks.

https://www.twilio.com/docs/voice/media-streams/websocket-messages. Only `media`, `mark` and `clear`
may be sent; anything else is Twilio's error 31924. When the connection closes the next TwiML verb
runs.
"""

from __future__ import annotations

from .line import Encoding
from .media_stream import MediaStreamLine, Member


class TwilioLine(MediaStreamLine):
    """One stream."""

    provider = "twilio"
    member = Member(
        "Twilio",
        {("audio/x-mulaw", 8_000): Encoding.MULAW},
        "audio/x-mulaw at 8000 Hz with 1 is taken",
        default="audio/x-mulaw",
        stream="streamSid",
        call="callSid",
        parameters="customParameters",
        format="mediaFormat",
        rate="sampleRate",
        addressed="streamSid",
    )
