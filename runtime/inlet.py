"""Audio that comes in messages: decoded, fed to the engine no faster than it listens.

A track paces itself; messages do not, and a client may send a minute at once. So the runner takes
the next message only when the engine is at most `AHEAD_S` behind, and a commit only when everything
before it was heard. Nothing is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from .audio_path import AudioFormat
from .clock import Clock
from .frames import HEARING_RATE, WINDOW, AudioChunk, Pcm
from .protocols import MessageTransport

AHEAD = HEARING_RATE
"""Samples the engine may be behind before the client is slowed down."""
CHUNK = HEARING_RATE // 5
"""Samples handed to the engine at once."""
PATIENCE_S = 5.0
"""How long a commit waits for an engine that hears nothing more."""


class Inlet:
    """One conversation's audio, in order. Used by one task of the event loop."""

    def __init__(
        self, transport: MessageTransport, feed: Callable[[AudioChunk], None], clock: Clock
    ) -> None:
        self.pts = 0
        """One past the last sample that was fed."""
        self._transport = transport
        self._feed = feed
        self._clock = clock
        self._heard = 0
        self._progress = asyncio.Event()

    def heard(self, pts: int) -> None:
        """The engine has judged everything up to there."""
        self._heard = max(self._heard, pts)
        self._progress.set()

    async def append(self, audio: str, kind: AudioFormat) -> None:
        """Take one message's audio. Raises `BadInput`, then nothing of it was taken."""
        arrived = self._clock.now()
        pcm = await self._transport.decode_audio(audio, kind)
        for start in range(0, len(pcm), CHUNK):
            self._give(pcm[start : start + CHUNK], arrived)
            await self._behind_at_most(AHEAD)

    async def finish(self) -> None:
        """Everything appended so far has been judged; a last window is filled with silence."""
        rest = self._transport.drain_audio()
        total = self.pts + len(rest)
        silence = np.zeros(-total % WINDOW, np.int16)
        tail: Pcm = np.concatenate([rest, silence]).astype(np.int16)
        if len(tail):
            self._give(tail, self._clock.now())
        await self._behind_at_most(0)

    def _give(self, pcm: Pcm, arrived: float) -> None:
        chunk = AudioChunk(pcm, self.pts, arrived)
        self.pts += len(pcm)
        self._feed(chunk)

    async def _behind_at_most(self, samples: int) -> None:
        while self.pts - self._heard > samples:
            self._progress.clear()
            before = self._heard
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._progress.wait()
            except TimeoutError:
                if self._heard == before:
                    return  # it hears nothing more: the session's own deadlines see to it
