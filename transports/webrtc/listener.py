"""Somebody who hears what the agent says to a peer, and says nothing: the player of WHEP."""

from __future__ import annotations

import time

from aiortc import MediaStreamTrack

from ...runtime.errors import BadInput
from ...runtime.settings import WebrtcSettings
from ..dialects import NoDialect
from ..sdp_limits import SdpLimits
from .overhearing import Overheard, OverheardTrack
from .peer import Peer
from .signalling import check_offer

MAX_LISTENERS = 8
"""Beside the person of one conversation."""


class Listener(Peer):
    """A `Peer` whose own playout nobody uses; what it sends is another's. Ends with that one."""

    def __init__(self, settings: WebrtcSettings, speaker: Peer) -> None:
        super().__init__(settings, audio_chunks=1, cameras=0, dialect=NoDialect())
        self._heard_of = speaker
        self._overheard = Overheard(time.monotonic)
        speaker.accompany(self, self._overheard.hear)

    @property
    def dropped(self) -> int:
        """Packets that this listener's connection could not take in time."""
        return self._overheard.dropped

    def _voice(self) -> MediaStreamTrack | None:
        return OverheardTrack(self._overheard)

    def _hello(self) -> None:
        self._overheard.hello()

    async def _close(self) -> None:
        self._heard_of.abandon(self, self._overheard.hear)
        self._overheard.close()
        await super()._close()


async def listen(speaker: Peer, offer_sdp: str, settings: WebrtcSettings) -> tuple[str, Listener]:
    """Answer the offer of somebody who wants to hear `speaker`'s agent, and hears from now on.

    Raises `BadInput` for an offer that can't be answered, or one too many.
    """
    if speaker.closed_why is not None:
        raise BadInput("the conversation has ended: there is nothing to hear", code="peer_closed")
    if speaker.companions >= MAX_LISTENERS:
        raise BadInput(
            f"{MAX_LISTENERS} listen already: one must leave first", code="too_many_listeners"
        )
    offer = check_offer(offer_sdp, SdpLimits.of(settings))
    listener = Listener(settings, speaker)
    try:
        return await listener.connect(offer), listener
    except BaseException:
        await listener.close("the offer could not be answered")
        raise
