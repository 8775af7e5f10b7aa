"""The agent's voice on a telephone line: coded off the loop, sent when the pacer says, and followed
until it has been played.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...runtime.frames import Pcm
from ..media_threads import Lane, MediaThreads
from ..opus import PACKET_SAMPLES
from ..playout import Spoken
from .coding import Mouth
from .line import Line, Started, Wire
from .pacing import Pacer, Playback, Report

_JOB_SAMPLES = 4800  # 100 ms of speech per job, so that the first packets are early; or one group


class PhoneVoice:
    """The `Playout` of a phone. All methods on the event loop."""

    def __init__(self, line: Line, put: Callable[[Wire], None], now: Callable[[], float]) -> None:
        self.played: Callable[[int, int, bool, float], None] | None = None
        self._line = line
        self._put = put
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._lane: Lane[tuple[int, Spoken]] | None = None
        self._mouth: Mouth | None = None
        self._pacer = Pacer(line.lead_s, line.group)
        self._playback = Playback(has_marks=False)
        self._timer: asyncio.TimerHandle | None = None
        self._job_samples = max(_JOB_SAMPLES, line.group * PACKET_SAMPLES)
        self._epoch = 0
        self._turn = -1

    @property
    def dropped(self) -> int:
        """Packets that found the line full: more than five minutes of speech waited."""
        return self._pacer.dropped

    def start(self, started: Started, threads: MediaThreads) -> None:
        """The line's encoding is known."""
        self._mouth = Mouth(started.encoding, started.rate)
        self._lane = threads.lane(self._encoded, limit=10_000)
        self._playback = Playback(self._line.has_marks)

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        mouth, lane = self._mouth, self._lane
        if mouth is None or lane is None:
            return
        self._turn = turn
        epoch = self._epoch
        size = self._job_samples
        for at in range(0, max(len(pcm), 1), size):
            part = pcm[at : at + size]
            ends = is_last and at + size >= len(pcm)
            lane.put(
                lambda part=part, ends=ends: (  # type: ignore[misc]
                    mouth.speak(epoch, turn, part, ends) if epoch == self._epoch else []
                )
            )

    def flush(self) -> int:
        """Drop what is queued here and, if something lies there, at the provider."""
        self._epoch += 1
        position = self._playback.position(self._turn)
        is_heard = self._playback.is_idle
        self._pacer.flush()
        self._playback.flush()
        if not is_heard:
            for data in self._line.clear():
                self._put(data)
        self._arm()
        return position

    def reached(self, name: str) -> None:
        """A mark came back."""
        self._report(self._playback.reached(name))

    def drained(self) -> None:
        """The provider has played everything."""
        self._report(self._playback.drained())
        self._arm()

    def hold(self, is_held: bool) -> None:
        """The provider's buffer is full, or has room again."""
        self._pacer.is_held = is_held
        self._arm()

    def close(self) -> None:
        self._epoch += 1
        self._pacer.flush()
        self._playback.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lane is not None:
            self._lane.close()
            self._lane = None

    def _encoded(self, packets: list[tuple[int, Spoken]]) -> None:
        for epoch, packet in packets:
            if epoch == self._epoch:
                self._pacer.add(packet)
        self._tick()

    def _tick(self) -> None:
        now = self._now()
        self._report(self._playback.elapsed(now))
        while batch := self._pacer.pop(now):
            marks = [self._playback.sent(due, now) for due in batch]
            for data in self._line.audio(b"".join(due.packet.payload for due in batch)):
                self._put(data)
            for name in marks:
                for data in self._line.mark(name) if name is not None else ():
                    self._put(data)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [at for at in (self._pacer.due(), self._playback.due()) if at is not None]
        if times:
            left = max(0.0, min(times) - self._now())
            self._timer = self._loop.call_later(left, self._tick)

    def _report(self, reports: list[Report]) -> None:
        if self.played is not None:
            for report in reports:
                self.played(report.turn, report.samples, report.is_done, report.sent_at)
