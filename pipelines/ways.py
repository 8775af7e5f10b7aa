"""How the peers of RTVI, WHIP and WHEP are answered: what their endpoints need of WebRTC, and no more."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol, runtime_checkable

from ..runtime.errors import BadInput
from ..runtime.settings import Settings
from ..transports.dialects import NoDialect
from ..transports.picture_limits import PictureLimits
from ..transports.rtvi import RtviDialect
from .access import turn
from .calls import Answer, Peer


@runtime_checkable
class Restartable(Protocol):
    """A peer whose ICE restarts without a whole new offer."""

    async def restart_ice(self, ufrag: str, pwd: str, candidates: Sequence[str] = ()) -> str:
        """The whole answer's SDP. Raises `BadInput`; the connection stays as it was then."""
        ...


@runtime_checkable
class Player(Restartable, Protocol):
    """Somebody who only listens."""

    closed_why: str | None

    async def add_candidate(
        self,
        candidate: str | None,
        sdp_mid: str | None = None,
        sdp_mline_index: int | None = None,
    ) -> None: ...

    async def close(self, why: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Ways:
    """One server's."""

    rtvi: Callable[[str | None], Answer]
    """Answers clients of RTVI; the text, if any, is told them first."""
    whip: Answer
    """Answers senders that hear nothing back."""
    listen: Callable[[Peer, str], Awaitable[tuple[str, Player]]]
    """Answers the offer of a player of this peer's agent. Raises `BadInput`."""


def ways(settings: Settings) -> Ways:
    """Over aiortc, which is imported by the first who needs it (see `assembly.answerer`)."""
    pictures = PictureLimits.of(settings.limits)
    chunks = settings.audio.microphone_chunks
    about = {
        "library": "visavis",
        "library_version": version("visavis"),
    }  # read before the loop runs

    def rtvi(notice: str | None) -> Answer:
        async def answer(sdp: str) -> tuple[str, Peer]:
            from ..transports import webrtc

            return await webrtc.answer(
                sdp,
                turn.for_session(settings.webrtc, _session()),
                pictures=pictures,
                audio_chunks=chunks,
                cameras=1,
                dialect=RtviDialect(about, notice=notice),
            )

        return answer

    async def whip(sdp: str) -> tuple[str, Peer]:
        from ..transports import webrtc

        return await webrtc.answer(
            sdp,
            turn.for_session(settings.webrtc, _session()),
            pictures=pictures,
            audio_chunks=chunks,
            cameras=1,
            dialect=NoDialect(),
            is_heard=False,
        )

    async def listen(peer: Peer, sdp: str) -> tuple[str, Player]:
        from ..transports import webrtc

        if not isinstance(peer, webrtc.Peer):
            raise BadInput(
                "this conversation can't be overheard: it does not come over WebRTC",
                code="not_audible",
            )
        return await webrtc.listen(peer, sdp, turn.for_session(settings.webrtc, _session()))

    return Ways(rtvi, whip, listen)


def _session() -> str:
    return f"server-{secrets.token_hex(6)}"
