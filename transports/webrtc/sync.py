"""Puts a sender's audio and video on one clock, from its RTCP sender reports.

Each report says which RTP time of a stream belongs to which time of the sender's own clock; with
one report of each stream, a picture's position in the audio follows. Plain code.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...runtime.frames import HEARING_RATE

AUDIO_RATE = 48_000
VIDEO_RATE = 90_000


@dataclass(slots=True)
class SenderClock:
    """One sender's clocks. Streams are named "audio", "camera", …; RTP times wrap at 32 bits."""

    _reports: dict[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])
    _heard: tuple[int, int] | None = None

    def report(self, stream: str, ntp: int, timestamp: int) -> None:
        """A sender report; `ntp` is 64-bit fixed point. Zero means the sender has no clock yet."""
        if ntp:
            self._reports[stream] = (ntp / 2**32, timestamp)

    def heard(self, timestamp: int, pts: int) -> None:
        """Audio with this RTP time is at `pts` in the session's audio."""
        self._heard = (timestamp, pts)

    def restart(self, stream: str) -> None:
        """The stream has another sender: its reports are void."""
        self._reports.pop(stream, None)
        if stream == "audio":
            self._heard = None

    def audio_pts(self, stream: str, timestamp: int) -> int | None:
        """Where in the session's audio (HEARING_RATE samples) a picture with this RTP time
        belongs; None until both clocks are known."""
        audio, video = self._reports.get("audio"), self._reports.get(stream)
        if audio is None or video is None or self._heard is None:
            return None
        taken = video[0] + _signed32(timestamp - video[1]) / VIDEO_RATE
        heard_at, heard_pts = self._heard
        heard = audio[0] + _signed32(heard_at - audio[1]) / AUDIO_RATE
        return heard_pts + round((taken - heard) * HEARING_RATE)


def _signed32(difference: int) -> int:
    return (difference + 2**31) % 2**32 - 2**31
