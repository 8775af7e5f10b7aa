"""A pipeline and a peer that only record: for tests of the server around them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from visavis.pipelines.calls import Answer, Peer
from visavis.pipelines.taps import Tapped
from visavis.runtime.errors import BadInput, EngineFull
from visavis.runtime.frames import AudioChunk, Pcm, VideoFrame
from visavis.runtime.ledger import LatencyTotals
from visavis.runtime.mailboxes import Bounded, Latest, MailboxClosed
from visavis.runtime.protocols import Playout, Transport


class SilentPlayout:
    """Plays to nobody."""

    def play(self, turn: int, pcm: Pcm, is_last: bool) -> None:
        pass

    def flush(self) -> int:
        return 0


class FakePeer:
    """Answers every offer but the word `broken`."""

    def __init__(self) -> None:
        self.audio: Bounded[AudioChunk] = Bounded(1)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Bounded[Mapping[str, object]] = Bounded(8)
        self.playout: Playout = SilentPlayout()
        self.sent: list[Mapping[str, object]] = []
        self.candidates: list[tuple[str | None, str | None]] = []
        self.closed: list[str] = []
        self.closed_why: str | None = None

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        pass

    def send(self, message: Mapping[str, object]) -> None:
        self.sent.append(message)

    async def close(self, why: str) -> None:
        self.closed.append(why)
        self.closed_why = self.closed_why or why
        self.audio.close()
        self.messages.close()

    async def restart(self, offer_sdp: str) -> str:
        if offer_sdp == "broken":
            raise BadInput("it is broken", code="invalid_sdp", param="sdp")
        return f"again {offer_sdp}"

    async def add_candidate(
        self,
        candidate: str | None,
        sdp_mid: str | None = None,
        sdp_mline_index: int | None = None,
    ) -> None:
        self.candidates.append((candidate, sdp_mid))


class ReturningPeer(FakePeer):
    """One whose client may come back."""

    def __init__(self) -> None:
        super().__init__()
        self.on_connected: Callable[[], None] = lambda: None
        self.is_waited_for = False

    def may_return(self) -> None:
        self.is_waited_for = True

    async def resume(self, offer_sdp: str) -> str:
        return await self.restart(offer_sdp)


class Talk:
    """A conversation that lasts until its peer is gone."""

    def __init__(self, transport: Transport, raises: Exception | None = None) -> None:
        self._transport = transport
        self._raises = raises

    async def run(self) -> str:
        if self._raises is not None:
            raise self._raises
        try:
            while True:
                await self._transport.audio.get()
        except MailboxClosed:
            return "gone"

    def release(self) -> None:
        pass


class FakePipeline:
    """Loads when told to, dies when told to."""

    name = "fake"
    hints: Sequence[str] = ("Say anything.",)

    def __init__(self, loads: Callable[[], Awaitable[None]] | None = None) -> None:
        self.totals = LatencyTotals()
        self.talk_raises: Exception | None = None
        self.is_full = False
        self.is_closed = False
        self.wanted: list[Mapping[str, object]] = []
        """The session each conversation was to begin with."""
        self.death: asyncio.Future[str] | None = None
        self._loads = loads

    async def load(self) -> None:
        if self._loads is not None:
            await self._loads()

    async def ended(self) -> str:
        self.death = asyncio.get_running_loop().create_future()
        return await self.death

    def converse(self, transport: Transport) -> Talk:
        if self.is_full:
            raise EngineFull("no slot", retry_after_s=7.0)
        if isinstance(transport, Tapped):
            self.wanted.append(transport.wanted)
        return Talk(transport, self.talk_raises)

    async def close(self) -> None:
        self.is_closed = True


def answerer(peers: list[FakePeer], make: Callable[[], FakePeer] = FakePeer) -> Answer:
    """Each peer made is appended to `peers`."""

    async def answer(sdp: str) -> tuple[str, Peer]:
        if "broken" in sdp:
            raise BadInput("the offer is broken: send another", code="invalid_sdp", param="sdp")
        peer = make()
        peers.append(peer)
        return f"answer to {sdp}", peer

    return answer
