"""How the voices travel: on media tracks of their own, or as base64 inside the messages."""

from __future__ import annotations

from enum import StrEnum


class AudioPath(StrEnum):
    """What carries audio between us and the client, and therefore who knows what was played."""

    TRACK = "track"
    """Media beside the messages (WebRTC, telephones): the transport paces it and reports `Played`;
    the client is told `output_audio_buffer.*`."""
    MESSAGES = "messages"
    """`input_audio_buffer.append` in, `response.output_audio.delta` out, as fast as it is ready
    (WebSocket): the client paces it, and what it has played is reckoned by the clock."""


def audio_path_of(transport: object) -> AudioPath:
    """What a transport says of itself in `audio_path`; a track where it says nothing."""
    path: object = getattr(transport, "audio_path", AudioPath.TRACK)
    return AudioPath(path) if isinstance(path, str) else AudioPath.TRACK


class AudioFormat(StrEnum):
    """The published audio formats of a session, one channel each."""

    PCM = "audio/pcm"
    """Signed 16-bit little-endian at 24 kHz."""
    PCMU = "audio/pcmu"
    """G.711 µ-law at 8 kHz."""
    PCMA = "audio/pcma"
    """G.711 A-law at 8 kHz."""

    @property
    def rate(self) -> int:
        """Samples per second."""
        return 24_000 if self is AudioFormat.PCM else 8_000
