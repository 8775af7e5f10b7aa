"""An ICE restart under a living connection, which aiortc 1.16 does not know.

The client changes its network and offers new ICE credentials; DTLS, SCTP and media go on. So we
gather on a new aioice connection, let it connect beside the old one, and then put it in its place
under aiortc's ICE transport. Both feed one queue meanwhile, so nothing that arrives is missed.
Uses private names of aiortc and aioice, checked by `hooks.check_aiortc`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiortc import RTCConfiguration, RTCIceCandidate, RTCIceGatherer, RTCIceTransport

from .hooks import watch_arrivals

log = logging.getLogger(__name__)


class IceRestart:
    """One restart of one ICE transport: `prepare`, then answer the offer, then `finish`."""

    def __init__(self, transport: RTCIceTransport, configuration: RTCConfiguration) -> None:
        self._inside: Any = transport  # for its private names
        self._transport = transport
        self._gatherer = RTCIceGatherer(iceServers=configuration.iceServers)
        self._old: Any = self._inside._connection  # an aioice Connection, as is _new
        self._new: Any = getattr(self._gatherer, "_connection")  # noqa: B009
        self._old_gatherer = transport.iceGatherer

    async def prepare(self, candidates: list[RTCIceCandidate]) -> None:
        """Gather, and let aiortc describe the new connection and give it candidates from now on.
        Media still takes the old one."""
        await self._gatherer.gather()
        self._new.ice_controlling = self._old.ice_controlling
        self._new._queue = self._old._queue
        self._inside._connection = self._new
        self._inside._RTCIceTransport__iceGatherer = self._gatherer
        for candidate in candidates:
            await self._transport.addRemoteCandidate(candidate)

    async def abandon(self) -> None:
        """The offer came to nothing: as it was before."""
        self._inside._connection = self._old
        self._inside._RTCIceTransport__iceGatherer = self._old_gatherer
        await self._close(self._new)

    async def finish(
        self, ufrag: str, pwd: str, is_lite: bool, limit_s: float, heard: Callable[[], None]
    ) -> bool:
        """Connect and take over; False when the client can't be reached in `limit_s`, and then
        the old path stays in use. `heard` as for `watch_arrivals`."""
        self._new.remote_is_lite = is_lite
        self._new.remote_username, self._new.remote_password = ufrag, pwd
        watch_arrivals(self._transport, heard)
        try:
            await asyncio.wait_for(self._new.connect(), limit_s)
        except (ConnectionError, TimeoutError):
            log.info("an ICE restart did not connect", extra={"limit_s": limit_s})
            await self._close(self._new)
            self._inside._connection = self._old
            return False
        except asyncio.CancelledError:
            # The peer closes: aiortc closes the connection that is installed, we the other one.
            await self._close(self._old)
            raise
        monitor: asyncio.Task[None] | None = self._inside._RTCIceTransport__monitor_task
        if monitor is not None:
            monitor.cancel()
        self._inside._send, self._inside._recv = self._new.send, self._new.recv
        self._inside._RTCIceTransport__monitor_task = asyncio.ensure_future(self._inside._monitor())
        await self._close(self._old)
        return True

    async def _close(self, connection: Any) -> None:
        """Close without the end-of-stream mark that would end DTLS on the shared queue."""
        connection._queue = asyncio.Queue()
        await connection.close()
