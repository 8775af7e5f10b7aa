"""A peer inside this process: samples in, samples out, no network. For programs that host the agent.

The other end is `InProcess` itself: `hear` takes what the caller says, `next` gives what the agent
does. Audio is coded and resampled on the media threads and leaves at the pace of speech, 20 ms at a
time, as on a telephone line.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..runtime.errors import BadInput
from ..runtime.frames import AudioChunk, VideoFrame
from ..runtime.mailboxes import Bounded, Latest, MailboxClosed
from ..runtime.protocols import Playout
from .media_threads import MediaThreads, media_threads
from .telephony.coding import Ear
from .telephony.line import Audio, Encoding, Farewell, LineEvent, Started, Wire
from .telephony.phone_voice import PhoneVoice

MAX_WAITING = 5_000
"""Things of the agent that may wait for a host that does not take them: 100 s of speech."""
CHUNKS = 250
"""Pieces of the caller's audio that may wait for the engine before the oldest goes."""
MAX_PIECE_S = 10
"""Longest piece of audio taken at once."""
RATES = (8_000, 16_000, 24_000, 44_100, 48_000)


@dataclass(frozen=True, slots=True)
class Spoken:
    """20 ms of the agent's voice, in the call's encoding and rate."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Cleared:
    """The caller interrupted: what has not been played yet must not be."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message of the session, as any client of the protocol gets it."""

    message: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing comes after it."""

    why: str


Happening = Spoken | Cleared | Told | Closed


class InProcess:
    """A `Transport`. Make and use it on a running loop."""

    def __init__(
        self,
        encoding: Encoding = Encoding.L16,
        rate: int = 16_000,
        *,
        threads: MediaThreads | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Both directions have this encoding and rate. Raises `BadInput` for a rate that is not
        spoken here."""
        if rate not in RATES:
            names = ", ".join(str(known) for known in RATES)
            raise BadInput(f"rate is {rate!r}: samples per second can be {names}", param="rate")
        self.encoding = encoding
        self.rate = rate
        self.audio: Bounded[AudioChunk] = Bounded(CHUNKS)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Bounded[Mapping[str, object]] = Bounded(256)
        self.closed_why: str | None = None
        self._now = now
        self._happenings: deque[Happening] = deque()
        self._wake = asyncio.Event()
        pool = threads or media_threads()
        self._ear = Ear(encoding, rate)
        self._lane = pool.lane(self._heard, limit=500)
        self._voice = PhoneVoice(_Line(), self._say, now)
        self._voice.start(Started(encoding, rate, "", ""), pool)
        self.playout: Playout = self._voice

    # The runtime's side

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        self._voice.played = played

    def send(self, message: Mapping[str, object]) -> None:
        self._put(Told(message))

    async def close(self, why: str) -> None:
        self.shut(why)

    # The host's side

    def hear(self, payload: bytes) -> None:
        """What the caller said, next to what was given before, as it comes: at the pace of speech.
        Faster than that, the oldest is lost and the agent hears a gap. Raises `BadInput` for what
        is no audio."""
        size = self.encoding.sample_bytes
        if len(payload) % size:
            raise BadInput(f"{len(payload)} bytes are no whole samples: each has {size}")
        if len(payload) > MAX_PIECE_S * self.rate * size:
            raise BadInput(
                f"{len(payload)} bytes of audio at once: at most {MAX_PIECE_S} s are taken; give it "
                "as it comes"
            )
        if self.closed_why is None and payload:
            ear, now = self._ear, self._now()
            self._lane.put(lambda: ear.hear(Audio(payload), now))

    def ask(self, message: Mapping[str, object]) -> None:
        """A message of the protocol, as any client sends it."""
        self.messages.put(message)

    async def next(self) -> Happening:
        """What the agent does next; waits for it. Raises `MailboxClosed` after `Closed`."""
        while not self._happenings:
            if self.closed_why is not None:
                raise MailboxClosed
            self._wake.clear()
            await self._wake.wait()
        return self._happenings.popleft()

    def shut(self, why: str) -> None:
        """The call is over. Idempotent."""
        if self.closed_why is not None:
            return
        self._happenings.append(Closed(why))
        self.closed_why = why
        self._wake.set()
        self._lane.close()
        self._voice.close()
        self.audio.close()
        self.video.close()
        self.messages.close()

    def _heard(self, chunks: list[AudioChunk]) -> None:
        for chunk in chunks:
            self.audio.put(chunk)

    def _say(self, data: Wire) -> None:
        self._put(Spoken(data) if isinstance(data, bytes) else Cleared())

    def _put(self, happening: Happening) -> None:
        if self.closed_why is not None:
            return
        if isinstance(happening, Cleared):  # what waits here has not been played either
            kept = [one for one in self._happenings if not isinstance(one, Spoken)]
            self._happenings = deque(kept)
        if len(self._happenings) >= MAX_WAITING:
            self.shut("the host does not take what the agent says")
            return
        self._happenings.append(happening)
        self._wake.set()


class _Line:
    """A telephone line without a provider: speech goes out at its own pace, and may be cleared."""

    provider = "in process"
    lead_s = 0.0
    group = 1
    closes_itself = False
    has_marks = False

    def receive(self, data: Wire) -> Sequence[LineEvent]:
        return ()

    def audio(self, payload: bytes) -> Sequence[Wire]:
        return (payload,)

    def mark(self, name: str) -> Sequence[Wire]:
        return ()

    def clear(self) -> Sequence[Wire]:
        return ("clear",)

    def tell(self, message: Mapping[str, object]) -> Sequence[Wire]:
        return ()

    def hang_up(self, why: str, farewell: Farewell) -> Sequence[Wire]:
        return ()
